"""A reader for each test, on each database."""

from __future__ import annotations

import pytest

from tests.account_data.reader import Reader
from tests.clock import SteppedClock
from tests.store.books import Store
from tests.store.conftest import clock, migrated, store, where
from tests.store.test_consents import Desk

__all__ = ["clock", "migrated", "store", "where"]


@pytest.fixture
def reader(store: Store, clock: SteppedClock) -> Reader:
    return Reader(Desk(store.database, clock))
