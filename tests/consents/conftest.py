"""A fresh server for each test that needs one."""

from __future__ import annotations

from tests.workflows.conftest import server

__all__ = ["server"]
