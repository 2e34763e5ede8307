"""The store's fixtures, for attacks on it."""

from tests.store.conftest import clock, store

__all__ = ["clock", "store"]
