"""Two workers on PostgreSQL beside one: what another process brings on this machine."""

from __future__ import annotations

import statistics
from contextlib import closing
from pathlib import Path
from typing import Final

from benchmarks.sides import Product, working
from benchmarks.stand import stand
from benchmarks.throughput import throughput
from tests.postgresql import PostgreSQL

_ROUNDS: Final = 3


async def two_workers(home: Path, payments: int) -> dict[str, float]:
    """Payments a second with one worker and with two, in turn, on one database."""
    found: dict[int, list[float]] = {1: [], 2: []}
    with closing(PostgreSQL()) as server:
        # The tests' server forgets at a power cut; SQLite on the other side does not.
        server.set("fsync", "on")
        async with stand(home, database_url=server.empty_database()) as made:
            product = Product(made)
            for _ in range(_ROUNDS):
                for count, rates in found.items():
                    async with working(made, product, workers=count):
                        rates.append((await throughput(made, product, payments)).per_second)
    one, two = (statistics.median(rates) for rates in found.values())
    return {"two_workers_ratio": two / one, "one_per_second": one, "two_per_second": two}
