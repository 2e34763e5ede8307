"""Clocks that are set by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from activities.clocks import Clocks, Moments

START: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)


class SteppedClock:
    """Stands still until it is moved."""

    def __init__(self, at: datetime = START) -> None:
        self._now = at

    def now(self) -> datetime:
        return self._now

    def step(self, by: timedelta) -> datetime:
        """Move on and give the new moment."""
        self._now += by
        return self._now


class AgreedClocks(Clocks):
    """Clocks that agree, for activities that no server has begun."""

    async def agree(self) -> Moments:
        return await self.compare(self._clock.now())
