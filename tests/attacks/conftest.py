"""The store's fixtures, for attacks on it."""

from tests.store.conftest import clock, store, where

__all__ = ["clock", "store", "where"]
