"""A fresh server for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local.temporal_server import DevServer
from tests.servers import dev_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[DevServer]:
    """A real server, in memory."""
    started = await dev_server(tmp_path / "temporal.log")
    yield started
    started.kill()
