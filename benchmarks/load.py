"""Payments given to somebody: how many a second, and how long until the first answer.

It imports nothing of the product, so that the peer is measured by the same lines.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol
from uuid import uuid4

#: Open at once. Enough that machines work, not timers: a payment waits about two seconds.
AT_ONCE: Final = 100


class Payer(Protocol):
    """Who pays."""

    async def pay(self, reference: str) -> str:
        """Give a payment and wait for the first answer; the workflow id."""
        ...

    async def until_over(self, workflow: str) -> None:
        """Until that payment is final."""
        ...


async def per_second(payer: Payer, payments: int) -> float:
    """Whole payments, from the first call until the last is final, AT_ONCE open at a time."""
    batch = uuid4().hex[:8]
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with slots:
            await payer.until_over(await payer.pay(f"{batch}-{number}"))

    started = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(payments)))
    return payments / (time.perf_counter() - started)


async def first_answers(payer: Payer, payments: int) -> list[float]:
    """Milliseconds from the call to its answer, one payment after the other."""
    batch = uuid4().hex[:8]
    taken = []
    paid = []
    for number in range(payments):
        started = time.perf_counter()
        paid.append(await payer.pay(f"{batch}-{number}"))
        taken.append(1000 * (time.perf_counter() - started))
    await asyncio.gather(*(payer.until_over(workflow) for workflow in paid))
    return taken
