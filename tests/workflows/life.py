"""A payment's world on a server that skips time: weeks pass in moments."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from domain.lifecycle.profile import Profile
from domain.payments.gate import Check
from tests.fakes import profile
from tests.servers import ServerClock, pass_by, time_skipping
from tests.world import KEYRING, World, world

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@dataclass(kw_only=True)
class Life(World):
    """A world whose time the test moves."""

    server_clock: ServerClock

    async def pass_by(self, time: timedelta) -> None:
        """Let that much time pass, with everything that happens meanwhile."""
        await pass_by(await self.assembly.client(), time)
        await self.server_clock.set()


@asynccontextmanager
async def life(
    tmp_path: Path,
    of: Profile,
    *,
    checks: Sequence[Check] = (),
    leave_temporal_after: timedelta | None = None,
) -> AsyncIterator[Life]:
    clock = ServerClock()
    async with (
        time_skipping(KEYRING, clock) as client,
        world(
            tmp_path / "home",
            "",
            of=of,
            clock=clock,
            client=client,
            checks=checks,
            leave_temporal_after=leave_temporal_after,
        ) as made,
    ):
        lived = Life(
            made.assembly,
            made.partner,
            made.workers,
            server_clock=clock,
        )
        await lived.work()
        yield lived


def patient(**fields: Any) -> Profile:
    """A partner asked at most every twelve hours, with the time of the real ones to answer."""
    return profile(
        **{"read_pause": MINUTE, "read_pause_max": 12 * HOUR, "parked_pause": DAY, **fields}
    )
