"""Our clock is compared with Temporal's and the database's before each step.

One process whose clock is wrong could make a payment final too early, or ask a partner without
end. Its work is therefore refused as a whole: to correct the clock by the difference would hide
that it is wrong, and a clock that jumps once jumps again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from temporalio import activity

from domain.clock import APART_MAX, DATABASE, TEMPORAL, Reading

if TYPE_CHECKING:
    from domain.clock import Clock
    from store.clocks import StoreClocks

log = logging.getLogger("finality.clocks")

#: How often a process whose clock is right says so in the store.
_KEPT_EVERY: Final = timedelta(minutes=1)


class Moments:
    """The time of one step, whose clock agreed with the others at its start."""

    def __init__(self, clock: Clock, theirs: datetime, elapsed: Callable[[], float] | None) -> None:
        self._clock = clock
        self._theirs = theirs
        self._elapsed = elapsed
        self._since = elapsed() if elapsed else 0.0

    @property
    def expected(self) -> datetime | None:
        """What Temporal's clock says by now, by the time since this machine started."""
        if self._elapsed is None:
            return None
        return self._theirs + timedelta(seconds=self._elapsed() - self._since)

    def now(self) -> datetime:
        """Our clock; if it has jumped since the step began, what it should say."""
        ours, expected = self._clock.now(), self.expected
        if expected is None or abs(ours - expected) <= APART_MAX:
            return ours
        log.error("our clock jumped by %s during a step", ours - expected)
        return expected


class Clocks:
    """The clocks of this process.

    Args:
        clock: ours.
        store: the database's.
        process: what people call this process.
        elapsed: seconds since this machine started, for what our clock does during a step. None
            where a test owns the time.
    """

    def __init__(
        self,
        clock: Clock,
        store: StoreClocks,
        *,
        process: str = "this process",
        elapsed: Callable[[], float] | None = None,
    ) -> None:
        self._clock = clock
        self._store = store
        self._process = process
        self._elapsed = elapsed
        self._known: Moments | None = None
        self._kept: tuple[datetime, bool] | None = None
        self.apart = asyncio.Event()
        """Set while the clocks differ: then this process takes no more steps."""

    async def agree(self) -> Moments:
        """Called by an activity before it does anything: its start is Temporal's own moment.

        Raises:
            ClocksApart: our clock differs from Temporal's or the database's.
        """
        return await self.compare(activity.info().started_time)

    async def compare(self, theirs: datetime) -> Moments:
        """As `agree`, where Temporal's clock was asked in another way just now."""
        ours = self._clock.now()
        theirs = self._unless_we_are_late(theirs, ours)
        moments = Moments(self._clock, theirs, self._elapsed)
        temporal = Reading(ours, theirs, TEMPORAL)
        database = await self._beside_the_database()
        readings = [temporal, database] if database else [temporal]
        is_apart = any(reading.is_apart for reading in readings)
        await self._keep(temporal, database, is_apart=is_apart)
        if is_apart:
            self.apart.set()
        for reading in readings:
            reading.require(self._process)
        self.apart.clear()
        self._known = moments
        return moments

    def _unless_we_are_late(self, theirs: datetime, ours: datetime) -> datetime:
        """A step that stood still before it began is late, and its clock may be right."""
        expected = self._known.expected if self._known else None
        if expected is not None and expected > theirs and abs(ours - expected) <= APART_MAX:
            return expected
        return theirs

    async def _beside_the_database(self) -> Reading | None:
        before = self._clock.now()
        theirs = await self._store.now()
        if theirs is None:
            return None
        # It read its clock at some moment between: what lies in between is no difference.
        return Reading(min(max(theirs, before), self._clock.now()), theirs, DATABASE)

    async def _keep(self, temporal: Reading, database: Reading | None, *, is_apart: bool) -> None:
        """Note the differences in the store, at once when they change and seldom otherwise."""
        if self._kept is not None:
            kept_at, was_apart = self._kept
            is_recent = abs(temporal.other - kept_at) < _KEPT_EVERY
            if is_recent and was_apart is is_apart:
                return
        said = temporal.text if database is None else f"{temporal.text}, {database.text}"
        log.log(
            logging.ERROR if is_apart else logging.DEBUG,
            "the clock of %s is %s",
            self._process,
            said,
        )
        await self._store.keep(
            self._process,
            temporal.other,
            ahead_of_temporal=temporal.ahead,
            ahead_of_database=database.ahead if database else None,
        )
        self._kept = (temporal.other, is_apart)
