"""The database's schema, which Alembic brings up to date at start."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import inspect, text
from sqlmodel import Session

from domain.explained import Explained
from store.database import Database
from store.locks import hold

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
#: The newest migration. A test compares it with the folder.
HEAD: Final = "0023"


class NewerSchema(Explained):
    """The database has the schema of a newer program than this one."""


def version(database: Database) -> str | None:
    """The newest migration in the database; None for an empty database."""
    return database.read_now(_version)


def upgrade(database: Database) -> bool:
    """Migrate the schema to HEAD, completely or not at all. True if something was done.

    Alembic is imported only if there is work: that costs a second, and workers start often. If
    several processes upgrade at once, the others wait for the first and find nothing to do.

    Raises:
        NewerSchema: the database's schema is newer. Nothing was done.
        StoreAway: the database is away.
    """
    if (found := version(database)) == HEAD:
        return False
    if found is not None and found > HEAD:
        raise NewerSchema(
            f"the database is at schema {found}, but this release knows none after {HEAD}; "
            "run the newer release"
        )
    return migrate(database, "head")


def migrate(database: Database, to: str) -> bool:
    """Run the migrations up to `to`. True if there were any to run."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))

    def transaction(session: Session) -> bool:
        hold(session, "schema")
        before = _version(session)
        config.attributes["connection"] = session.connection()
        command.upgrade(config, to)
        _check_references(session)
        return _version(session) != before

    return database.migrate(transaction)


def _check_references(session: Session) -> None:
    """Check foreign keys on SQLite, which does not while it migrates. PostgreSQL always does."""
    if session.connection().dialect.name == "sqlite":
        broken = session.connection().execute(text("PRAGMA foreign_key_check")).all()
        assert not broken, (
            f"the migration would leave rows without what they refer to: {broken[:3]}"
        )


def _version(session: Session) -> str | None:
    connection = session.connection()
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version"))
    return found.scalar_one_or_none()
