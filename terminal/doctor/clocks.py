"""Checks that compare our clock with the database's and Temporal's, and show other processes'."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

from temporalio.client import Client

from assembly import Assembly, MachineClock
from domain.clock import APART_MAX, DATABASE, TEMPORAL, Reading
from settings import Settings
from starter.server_clock import server_time
from store.clocks import Compared
from terminal.doctor.findings import Examined

_REMEDY: Final = (
    "set the clocks of both machines with NTP (`timedatectl`, `chronyc tracking`); workers whose "
    "clock is wrong do nothing until then, and go on by themselves"
)


async def database_clock(assembly: Assembly) -> AsyncIterator[Examined]:
    """Our clock compared with the database's. SQLite has none of its own."""
    before = assembly.clock.now()
    theirs = await assembly.store_clocks.now()
    if theirs is not None:
        # The database read its clock between `before` and now; a time in between is no difference.
        ours = min(max(theirs, before), assembly.clock.now())
        yield _beside(Reading(ours, theirs, DATABASE))


async def worker_clocks(assembly: Assembly) -> AsyncIterator[Examined]:
    """The differences that each process found when it last compared its clock before a step."""
    found = await assembly.store_clocks.compared()
    for compared in found:
        largest = max(compared.differences, key=abs)
        yield Examined(
            f"clock of {compared.process}",
            f"{_words(compared)} at {compared.read_at:%Y-%m-%d %H:%M:%S} UTC",
            _REMEDY if abs(largest) > APART_MAX else "",
        )


async def temporal_clock(settings: Settings, client: Client) -> AsyncIterator[Examined]:
    """Our clock compared with Temporal's."""
    clock = MachineClock()
    before = clock.now()
    theirs = await server_time(client)
    if theirs is None:
        yield Examined("clock beside Temporal", "the server does not say what time it is")
        return
    ours = min(max(theirs, before), clock.now())
    yield _beside(Reading(ours, theirs, TEMPORAL))


def _beside(reading: Reading) -> Examined:
    return Examined(
        "clock",
        f"{_signed(reading.ahead)} beside {reading.whose}",
        _REMEDY if reading.is_apart else "",
    )


def _words(compared: Compared) -> str:
    words = f"{_signed(compared.ahead_of_temporal)} beside {TEMPORAL}"
    if compared.ahead_of_database is None:
        return words
    return f"{words}, {_signed(compared.ahead_of_database)} beside {DATABASE}"


def _signed(ahead: timedelta) -> str:
    seconds = ahead.total_seconds()
    return f"{seconds:+,.1f} s" if seconds else "0 s"
