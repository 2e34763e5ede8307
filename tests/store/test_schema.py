"""Migrations bring an empty database to what the code expects, whoever starts them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlmodel import Session, SQLModel

import store.tables  # noqa: F401 - registers the tables
from store import schema
from store.database import Database
from tests.store.books import opened
from tests.store.processes import together

VERSIONS = Path(schema.__file__).parent / "migrations" / "versions"


@pytest.fixture
def database(bare: Path | str) -> Iterator[Database]:
    made = opened(bare)
    yield made
    made.close()


def test_an_empty_database_is_brought_to_the_head_once(database: Database) -> None:
    assert schema.version(database) is None
    assert schema.upgrade(database)
    assert schema.version(database) == schema.HEAD
    assert not schema.upgrade(database)


def test_the_head_is_the_newest_migration() -> None:
    numbers = [path.name[:4] for path in VERSIONS.glob("[0-9]*.py")]
    assert max(numbers) == schema.HEAD
    text = next(VERSIONS.glob(f"{schema.HEAD}_*.py")).read_text()
    assert re.search(rf'^revision.* = "{schema.HEAD}"$', text, re.MULTILINE)


def test_the_migrated_schema_is_that_of_the_tables(database: Database) -> None:
    schema.upgrade(database)

    def differences(session: Session) -> object:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        return compare_metadata(context, SQLModel.metadata)

    assert database.read_now(differences) == []


def test_a_migration_that_fails_leaves_the_schema_as_it_was(database: Database) -> None:
    schema.migrate(database, "0001")
    database.migrate(lambda s: s.connection().execute(text("CREATE TABLE halts (x INTEGER)")))
    with pytest.raises(Exception, match="halts"):
        schema.upgrade(database)
    assert schema.version(database) == "0001"
    database.migrate(lambda s: s.connection().execute(text("DROP TABLE halts")))
    assert schema.upgrade(database)


def test_a_newer_schema_is_left_alone_and_named(database: Database) -> None:
    schema.upgrade(database)
    newer = text("UPDATE alembic_version SET version_num = '9999'")
    database.migrate(lambda session: session.connection().execute(newer))
    with pytest.raises(schema.NewerSchema, match=r"at schema 9999.*run the newer program"):
        schema.upgrade(database)


def _upgrade(where: Path | str, meeting: Path) -> tuple[bool, str | None]:
    database = opened(where)
    together(meeting, 4)
    done = schema.upgrade(database)
    version = schema.version(database)
    database.close()
    return done, version


def test_of_four_processes_that_upgrade_at_once_one_does_it(
    bare: Path | str, tmp_path: Path, processes: ProcessPoolExecutor
) -> None:
    asked = [processes.submit(_upgrade, bare, tmp_path / "meeting") for _ in range(4)]
    outcomes = [future.result(110) for future in asked]  # Less than a test may take at all.
    assert [version for _, version in outcomes] == [schema.HEAD] * 4
    assert [done for done, _ in outcomes].count(True) == 1
