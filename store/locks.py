"""Locks by name, for things that have no row to lock: a key, an intent, a delivery, a halt."""

from __future__ import annotations

import hashlib

from sqlalchemy import BigInteger, func, literal
from sqlmodel import Session, select


def hold(session: Session, *names: str, shared: bool = False) -> None:
    """Lock these names until this transaction ends; other transactions that lock them wait.

    SQLite's writers exclude each other anyway (BEGIN IMMEDIATE). PostgreSQL waits here, and later
    queries see what the others committed. So the lock must come before any query it protects, and
    the transaction must be READ COMMITTED.

    Args:
        shared: transactions that lock a name as shared do not wait for each other.
    """
    if session.connection().dialect.name != "postgresql":
        return
    lock = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
    for name in sorted(names):  # In one order, so that two such calls never deadlock.
        digest = hashlib.sha256(name.encode()).digest()
        number = int.from_bytes(digest[:8], signed=True)
        session.exec(select(lock(literal(number, BigInteger))))
