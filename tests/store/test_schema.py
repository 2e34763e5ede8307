"""Migrations bring an empty database to what the code expects, whoever starts them."""

from __future__ import annotations

import re
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import Session, SQLModel

import store.tables  # noqa: F401 - registers the tables
from store import schema
from store.database import Database
from tests.store.processes import together

VERSIONS = Path(schema.__file__).parent / "migrations" / "versions"


def test_an_empty_database_is_brought_to_the_head_once(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new.db'}")
    assert schema.version(database) is None
    assert schema.upgrade(database)
    assert schema.version(database) == schema.HEAD
    assert not schema.upgrade(database)
    database.close()


def test_the_head_is_the_newest_migration() -> None:
    numbers = [path.name[:4] for path in VERSIONS.glob("[0-9]*.py")]
    assert max(numbers) == schema.HEAD
    text = next(VERSIONS.glob(f"{schema.HEAD}_*.py")).read_text()
    assert re.search(rf'^revision.* = "{schema.HEAD}"$', text, re.MULTILINE)


def test_the_migrated_schema_is_that_of_the_tables(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new.db'}")
    schema.upgrade(database)

    def differences(session: Session) -> object:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        return compare_metadata(context, SQLModel.metadata)

    assert database.read_now(differences) == []
    database.close()


def _upgrade(path: Path, meeting: Path) -> tuple[bool, str | None]:
    database = Database(f"sqlite:///{path}")
    together(meeting, 4)
    done = schema.upgrade(database)
    version = schema.version(database)
    database.close()
    return done, version


def test_four_processes_may_upgrade_at_once(tmp_path: Path, processes: ProcessPoolExecutor) -> None:
    asked = [
        processes.submit(_upgrade, tmp_path / "new.db", tmp_path / "meeting") for _ in range(4)
    ]
    outcomes = [future.result(60) for future in asked]
    assert [version for _, version in outcomes] == [schema.HEAD] * 4
    assert any(done for done, _ in outcomes)
