"""A fresh server for each test."""

from tests.workflows.conftest import server

__all__ = ["server"]
