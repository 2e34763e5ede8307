"""The database's schema: brought up to date at start, by Alembic."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import inspect, text
from sqlmodel import Session

from store.database import Database

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
#: The newest migration; a test compares it with the folder.
HEAD: Final = "0002"


def version(database: Database) -> str | None:
    """The migration the database is at; None for an empty database."""

    def query(session: Session) -> str | None:
        if not inspect(session.connection()).has_table("alembic_version"):
            return None
        found = session.connection().execute(text("SELECT version_num FROM alembic_version"))
        return found.scalar_one_or_none()

    return database.read_now(query)


def upgrade(database: Database) -> bool:
    """Bring the schema to HEAD; True if something was done.

    Alembic is imported only when it has work: it costs a second, and workers start often.
    Two processes may upgrade at once: the migrations run in one write transaction.
    """
    if version(database) == HEAD:
        return False
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))

    def transaction(session: Session) -> None:
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "head")

    database.write_now(transaction)
    return True
