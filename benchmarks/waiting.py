"""What payments that wait cost those that do not: memory, throughput, a restart."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

import psutil

from benchmarks.sides import Product, working
from benchmarks.stand import Stand, order
from benchmarks.throughput import throughput

#: As the goal says. What is not kept is loaded again when something happens to it.
CACHED: Final = 300
_ENVIRONMENT: Final = {"FINALITY_MAX_CACHED_WORKFLOWS": str(CACHED)}
_AT_ONCE: Final = 50
_HELD_FOR: Final = timedelta(days=30)
_LOOK_SECONDS: Final = 0.5
_ALL_WAIT: Final = (
    "WorkflowType = 'PaymentWorkflow' AND ExecutionStatus = 'Running' AND State = 'created'"
)


@dataclass(frozen=True)
class Level:
    """With so many payments that wait for their day.

    Attributes:
        memory_mb: that the worker has more than before the first of them, in 2**20 bytes.
        per_second: whole payments beside them.
        given_per_second: how fast those that wait were recorded and came to wait.
    """

    waiting: int
    memory_mb: float
    per_second: float
    given_per_second: float


@dataclass(frozen=True)
class Waiting:
    """All levels, and seconds from a worker's start to the first answer to a payment."""

    levels: list[Level]
    start_seconds: float
    restart_seconds: float
    """With the last level's payments open."""


async def waiting(stand: Stand, counts: Sequence[int], payments: int) -> Waiting:
    """One level per count, each on top of the one before; the first with none waiting."""
    product = Product(stand)
    start_seconds = await _start_seconds(stand, product)
    levels = []
    async with working(stand, product, environment=_ENVIRONMENT) as [worker]:
        # What the first payments bring along stays: connections, compiled statements, heaps.
        await throughput(stand, product, payments)
        before = _memory_mb(worker)
        held = 0
        for count in (0, *counts):
            started = time.perf_counter()
            await _hold(stand, count - held, count)
            seconds = time.perf_counter() - started
            memory = _memory_mb(worker) - before
            beside = await throughput(stand, product, payments)
            levels.append(Level(count, memory, beside.per_second, (count - held) / seconds))
            held = count
    return Waiting(levels, start_seconds, await _start_seconds(stand, product))


async def _hold(stand: Stand, more: int, in_all: int) -> None:
    """Give so many that are not sent before their day, until all of them wait."""
    batch = uuid4().hex[:8]
    slots = asyncio.Semaphore(_AT_ONCE)
    orchestrator = stand.assembly.orchestrator
    day = datetime.now(UTC) + _HELD_FOR

    async def one(number: int) -> None:
        async with slots:
            reference = f"held-{batch}-{number}"
            await orchestrator.pay(order(reference, submit_from=day), reference, patience=None)

    await asyncio.gather(*(one(number) for number in range(more)))
    while (await stand.client.count_workflows(_ALL_WAIT)).count < in_all:
        await asyncio.sleep(_LOOK_SECONDS)


async def _start_seconds(stand: Stand, product: Product) -> float:
    started = time.perf_counter()
    worker = product.start_worker(**_ENVIRONMENT)
    workflow = await product.pay(f"first-{uuid4().hex[:8]}")
    seconds = time.perf_counter() - started
    await product.until_over(workflow)
    await stand.stop(worker)
    return seconds


def _memory_mb(worker: subprocess.Popen[bytes]) -> float:
    return float(psutil.Process(worker.pid).memory_info().rss) / 2**20
