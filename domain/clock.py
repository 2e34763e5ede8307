"""Where code outside workflows gets the time: given, so that a test can own it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """In time-skipping tests it is that server's clock; else this machine's."""

    def now(self) -> datetime:
        """The moment, aware, in UTC."""
