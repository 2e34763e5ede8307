"""The store's fixtures, for attacks on it."""

from tests.store.conftest import clock, migrated, store, where

__all__ = ["clock", "migrated", "store", "where"]
