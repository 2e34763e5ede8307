"""Checks that need nothing but the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator

from settings import Settings
from terminal.doctor.findings import Examined


async def home(settings: Settings) -> AsyncIterator[Examined]:
    """Where this process keeps its state."""
    yield Examined("settings", f"home {settings.home.resolve()}")
