"""Compares our clock with Temporal's and the database's before each step.

A process with a wrong clock could make a payment final too early, or call a partner without end.
So such a process may take no step at all. Correcting its clock by the difference was refused: that
would hide the fault, and a clock that jumped once jumps again.
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

#: How often a process notes its clock's differences in the store, if nothing changes.
_KEPT_EVERY: Final = timedelta(minutes=1)


class Moments:
    """The clock of one step; it agreed with the other clocks when the step began."""

    def __init__(self, clock: Clock, theirs: datetime, elapsed: Callable[[], float] | None) -> None:
        self._clock = clock
        self._theirs = theirs
        self._elapsed = elapsed
        self._since = elapsed() if elapsed else 0.0

    @property
    def expected(self) -> datetime | None:
        """Temporal's time now: its time at the start plus the time elapsed since.

        None if a test owns the time.
        """
        if self._elapsed is None:
            return None
        return self._theirs + timedelta(seconds=self._elapsed() - self._since)

    def now(self) -> datetime:
        """The time by our clock or, if our clock has jumped since the step began, `expected`."""
        ours, expected = self._clock.now(), self.expected
        if expected is None or abs(ours - expected) <= APART_MAX:
            return ours
        log.error(
            "this machine's clock jumped by %s during a step, which goes on by Temporal's clock",
            ours - expected,
        )
        return expected


class Clocks:
    """The clocks of this process.

    Args:
        clock: our clock.
        store: the database's clock.
        process: the name of this process in messages.
        elapsed: seconds since this machine started; shows if our clock jumps during a step. None
            if a test owns the time.
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
        """Set while the clocks differ; this process then takes no more steps."""

    async def agree(self) -> Moments:
        """Compare the clocks. An activity calls this first: its start time is Temporal's clock.

        Raises:
            ClocksApart: our clock differs from Temporal's or the database's.
        """
        return await self.compare(activity.info().started_time)

    async def compare(self, theirs: datetime) -> Moments:
        """As `agree`, with a time of Temporal's clock that was obtained in another way just now.

        Raises:
            ClocksApart: our clock differs from Temporal's or the database's.
        """
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
        """Temporal's time, corrected if this step was delayed after Temporal started it.

        Then our clock may be right, although it is ahead of the step's start time.
        """
        expected = self._known.expected if self._known else None
        if expected is not None and expected > theirs and abs(ours - expected) <= APART_MAX:
            return expected
        return theirs

    async def _beside_the_database(self) -> Reading | None:
        before = self._clock.now()
        theirs = await self._store.now()
        if theirs is None:
            return None
        # The database read its clock between our two readings, so times in between are equal.
        return Reading(min(max(theirs, before), self._clock.now()), theirs, DATABASE)

    async def _keep(self, temporal: Reading, database: Reading | None, *, is_apart: bool) -> None:
        """Note the differences in the store: at once if the verdict changes, otherwise seldom."""
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
