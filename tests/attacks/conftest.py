"""The store's fixtures, for attacks on it."""

from tests.store.conftest import clock, migrated, store, where
from tests.workflows.conftest import server

__all__ = ["clock", "migrated", "server", "store", "where"]
