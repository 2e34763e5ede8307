"""What a round of upkeep asks of the database, in milliseconds, with a million payments in it."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Final

from tests.clock import SteppedClock
from tests.postgresql import PostgreSQL
from tests.store.books import Store
from tests.store.crowds import populate
from tests.store.regular import QUERIES

MILLION: Final = 1_000_000
_TIMES: Final = 50


async def regular(home: Path, payments: int = MILLION) -> dict[str, dict[str, float]]:
    """By database and question, the median; each is asked through the product's own code."""
    home.mkdir(parents=True)
    server = PostgreSQL()
    try:
        return {
            "SQLite": await _asked(home / "finality.db", payments),
            "PostgreSQL": await _asked(server.database(), payments),
        }
    finally:
        server.close()


async def _asked(where: Path | str, payments: int) -> dict[str, float]:
    store = Store(where, SteppedClock())
    try:
        await populate(store, payments)
        return {
            name: await _median_ms(store, name)
            for name, query in QUERIES.items()
            if query.each_round
        }
    finally:
        store.close()


async def _median_ms(store: Store, name: str) -> float:
    taken = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        await QUERIES[name].ask(store)
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)
