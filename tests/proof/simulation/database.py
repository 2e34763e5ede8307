"""The product's own store on SQLite, in simulated time and with simulated outages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from sqlmodel import Session

from store.database import Database
from store.faults import StoreAway
from tests.proof.simulation.loop import VirtualLoop
from tests.proof.simulation.weather import Weather

T = TypeVar("T")

_AWAY: Final = "the database is away: simulated"
_READ_SECONDS: Final = 0.001


class SimulatedDatabase(Database):
    """The store's database, whose transactions take simulated time and are never at once."""

    weather: Weather
    loop: VirtualLoop

    async def write(self, transaction: Callable[[Session], T]) -> T:
        await self.weather.point("write begun")
        self._reach()
        result = self.write_now(transaction)
        await self.weather.point("write committed")
        if self.weather.commit_is_unknown():
            raise StoreAway(_AWAY)
        return result

    async def read(self, query: Callable[[Session], T]) -> T:
        await asyncio.sleep(_READ_SECONDS)
        self._reach()
        return self.read_now(query)

    def _reach(self) -> None:
        if self.loop.time() < self.weather.store_away_until:
            raise StoreAway(_AWAY)
