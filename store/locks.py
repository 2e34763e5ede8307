"""Locks by name, for what has no row that could be locked."""

from __future__ import annotations

import hashlib

from sqlalchemy import BigInteger, func, literal
from sqlmodel import Session, select


def hold(session: Session, *names: str, shared: bool = False) -> None:
    """Keep others who hold one of these names waiting until this transaction ends.

    SQLite's writers exclude each other anyway (BEGIN IMMEDIATE). PostgreSQL waits here, and what
    is selected afterwards shows what the others committed: so it must come before any look, and
    needs READ COMMITTED. With `shared`, those who share do not wait for each other.
    """
    if session.connection().dialect.name != "postgresql":
        return
    lock = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
    for name in sorted(names):  # In one order, so that no two wait for each other.
        digest = hashlib.sha256(name.encode()).digest()
        number = int.from_bytes(digest[:8], signed=True)
        session.exec(select(lock(literal(number, BigInteger))))
