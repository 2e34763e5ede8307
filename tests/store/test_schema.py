"""Migrations bring an empty database to what the code expects, whoever starts them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import bindparam, text
from sqlmodel import Session, SQLModel, select

from store import schema
from store.columns import Moment
from store.database import Database
from store.tables.partners import ListingRow, StrangerRow
from tests.clock import START
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


def test_the_mark_of_a_list_and_its_strangers_stay_in_tables_that_get_a_place(
    database: Database,
) -> None:
    """Lost, the first comparison after an upgrade would halt nothing."""
    schema.migrate(database, "0016")
    listing = "INSERT INTO listings VALUES ('bank', 'main', :at)"
    stranger = "INSERT INTO strangers VALUES ('bank', 'main', 'K', 'ref-1', :at, :at)"

    def written(session: Session) -> None:
        for row in (listing, stranger):
            at = bindparam("at", START, Moment())
            session.connection().execute(text(row).bindparams(at))

    database.write_now(written)
    assert schema.upgrade(database)
    [mark] = database.read_now(lambda session: session.exec(select(ListingRow)).all())
    assert (mark.partner, mark.partner_account, mark.place, mark.through) == (
        "bank", "main", "", START,
    )  # fmt: skip
    [kept] = database.read_now(lambda session: session.exec(select(StrangerRow)).all())
    assert (kept.partner_key, kept.place, kept.partner_reference) == ("K", "", "ref-1")
    assert kept.created_at == kept.found_at == START


def test_a_newer_schema_is_left_alone_and_named(database: Database) -> None:
    schema.upgrade(database)
    newer = text("UPDATE alembic_version SET version_num = '9999'")
    database.migrate(lambda session: session.connection().execute(newer))
    with pytest.raises(schema.NewerSchema, match=r"at schema 9999.*run the newer release"):
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
