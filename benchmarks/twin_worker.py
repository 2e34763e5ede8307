"""The worker of the bare twin: a process of its own, as the product's worker is."""

from __future__ import annotations

import argparse
from datetime import timedelta
from pathlib import Path
from typing import Final

from temporalio import activity
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from benchmarks.acts import Acts, Partner
from benchmarks.shape import Shape, Step
from benchmarks.twin import PARTNER_QUEUE, QUEUE, Turn, TwinPayment
from process import run, stop_on_signals

#: As of the product, `assembly.py`.
_STICKY: Final = timedelta(seconds=2)
_ACTIVITIES_MAX: Final = 50


class Steps:
    """The activities, under the product's names: each does the acts of its step."""

    def __init__(self, steps: tuple[Step, ...], acts: Acts) -> None:
        self._steps = steps
        self._acts = acts

    @activity.defn
    async def load(self, turn: Turn) -> str:
        return await self._do(turn)

    @activity.defn
    async def instruct(self, turn: Turn) -> str:
        return await self._do(turn)

    @activity.defn
    async def read(self, turn: Turn) -> str:
        return await self._do(turn)

    async def _do(self, turn: Turn) -> str:
        return await self._acts.do(self._steps[turn.step].acts, turn.reference, turn.known_id)


async def work(address: str, shape: Shape, acts: Acts) -> int:
    """Until it is told to stop."""
    stop = stop_on_signals()
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    steps = Steps(shape.steps, acts)
    workflows = Worker(
        client,
        task_queue=QUEUE,
        workflows=[TwinPayment],
        activities=[steps.load],
        sticky_queue_schedule_to_start_timeout=_STICKY,
    )
    partner = Worker(
        client,
        task_queue=PARTNER_QUEUE,
        activities=[steps.instruct, steps.read],
        max_concurrent_activities=_ACTIVITIES_MAX,
    )
    async with workflows, partner:
        await stop.wait()
    await acts.close()
    return 0


async def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.twin_worker", description=__doc__)
    parser.add_argument("address")
    parser.add_argument("shape", type=Path)
    parser.add_argument("database", type=Path)
    parser.add_argument("partner", nargs=3, help="base URL, login id and key")
    given = parser.parse_args()
    acts = Acts(given.database, Partner(*given.partner))
    return await work(given.address, Shape.load(given.shape), acts)


if __name__ == "__main__":
    run(_main())
