"""The store's fixtures, for attacks on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.database import Database
from tests.store.conftest import clock, migrated, store, where
from tests.workflows.conftest import server

__all__ = ["clock", "migrated", "server", "store", "where"]


@pytest.fixture
def real(where: Path | str) -> Iterator[Database]:
    """A database that compares what it is given with its own clock, as in production."""
    made = Database(
        f"sqlite:///{where}" if isinstance(where, Path) else where, compares_clocks=True
    )
    yield made
    made.close()
