"""Payments given to one side: how many a second, and how long until the first answer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from benchmarks.sides import Side
from benchmarks.stand import Stand

#: Open at once. Enough that machines work, not timers: a payment waits about two seconds.
AT_ONCE: Final = 100


@dataclass(frozen=True)
class Throughput:
    """Whole payments, from the first call until the last one is final.

    Attributes:
        per_second: payments.
        cpu_ms: milliseconds of a core that one payment took, by part.
    """

    per_second: float
    cpu_ms: dict[str, float]


async def throughput(stand: Stand, side: Side, payments: int) -> Throughput:
    """All of them as fast as they go, AT_ONCE open at a time."""
    batch = uuid4().hex[:8]
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with slots:
            await side.until_over(await side.pay(f"{batch}-{number}"))

    used = stand.cpu_seconds()
    started = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(payments)))
    seconds = time.perf_counter() - started
    cpu = {part: now - used[part] for part, now in stand.cpu_seconds().items()}
    return Throughput(
        payments / seconds, {part: 1000 * each / payments for part, each in cpu.items()}
    )


async def first_answers(side: Side, payments: int) -> list[float]:
    """Milliseconds from the call to its answer, one payment after the other."""
    batch = uuid4().hex[:8]
    taken = []
    paid = []
    for number in range(payments):
        started = time.perf_counter()
        paid.append(await side.pay(f"{batch}-{number}"))
        taken.append(1000 * (time.perf_counter() - started))
    await asyncio.gather(*(side.until_over(workflow) for workflow in paid))
    return taken
