"""The database's own settings, and what must be changed before it is trusted with payments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from store.database import Database
from store.schema import version

#: PostgreSQL's switches that decide whether a commit survives a crash. All must be on.
_DURABLE: Final = ("fsync", "full_page_writes")
#: SQLite's names for the values of `synchronous`.
_SYNCHRONOUS: Final = {"0": "off", "1": "normal", "2": "full", "3": "extra"}


@dataclass(frozen=True)
class Health:
    """The state of the database. It is healthy if `remedies` is empty."""

    kind: str
    """Product and version, such as `PostgreSQL 18.4`."""
    place: str
    schema: str | None
    settings: dict[str, str]
    """The settings that make a commit durable, with the database's own values."""
    remedies: tuple[str, ...]


def health(database: Database) -> Health:
    """Ask the database for its settings.

    Raises:
        StoreAway: it does not answer.
    """
    of = _of_sqlite if database.kind == "sqlite" else _of_postgresql
    kind, settings, remedies = database.read_now(of)
    return Health(kind, database.place, version(database), settings, tuple(remedies))


def _of_sqlite(session: Session) -> tuple[str, dict[str, str], list[str]]:
    settings = {name: _says(session, f"PRAGMA {name}") for name in ("journal_mode", "synchronous")}
    settings["synchronous"] = _SYNCHRONOUS.get(settings["synchronous"], settings["synchronous"])
    remedies = []
    if settings["journal_mode"] != "wal":
        remedies.append(
            "it has no write-ahead log here, so readers and writers block each other: put it on a "
            "local disk, not on a network's"
        )
    return f"SQLite {_says(session, 'SELECT sqlite_version()')}", settings, remedies


def _of_postgresql(session: Session) -> tuple[str, dict[str, str], list[str]]:
    names = (*_DURABLE, "synchronous_commit", "server_encoding")
    settings = {name: _says(session, f"SHOW {name}") for name in names}
    remedies = [
        f"{name} is off, so a crash of its machine may lose or garble payments: "
        f"ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf()"
        for name in _DURABLE
        if settings[name] != "on"
    ]
    if settings.pop("server_encoding") != "UTF8":
        remedies.append(
            "its encoding is not UTF8, so some names cannot be kept: move to a database made with "
            "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )
    if _says(session, "SELECT pg_is_in_recovery()") == "True":
        remedies.append("it is a standby that only reads: set FINALITY_DATABASE_URL to the primary")
    number = _says(session, "SHOW server_version").partition(" ")[0]
    return f"PostgreSQL {number}", settings, remedies


def _says(session: Session, question: str) -> str:
    return str(session.connection().exec_driver_sql(question).scalar_one())
