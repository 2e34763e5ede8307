"""A fresh store for each test, on each database, and processes that share one."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from store.schema import upgrade
from tests.clock import SteppedClock
from tests.postgresql import PostgreSQL
from tests.store.books import Store, opened


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of SQLite with today's tables, to be copied: to migrate takes longer than a test."""
    file = tmp_path_factory.mktemp("migrated") / "finality.db"
    database = opened(file)
    upgrade(database)
    database.close()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> Iterator[Path | str]:
    """Where a store may be made: a file of SQLite, then a database of PostgreSQL."""
    if request.param == "sqlite":
        yield Path(shutil.copy(migrated, tmp_path / "finality.db"))
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    url = server.database()
    yield url
    server.give_back(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    """The same before there are any tables."""
    if request.param == "sqlite":
        yield tmp_path / "new.db"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    url = server.empty_database()
    yield url
    server.drop(url)


@pytest.fixture
def store(where: Path | str, clock: SteppedClock) -> Iterator[Store]:
    made = Store(where, clock)
    yield made
    made.close()


@pytest.fixture(scope="session")
def processes() -> Iterator[ProcessPoolExecutor]:
    """Four other processes, started once."""
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool
