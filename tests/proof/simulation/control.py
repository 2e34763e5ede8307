"""The control in simulated worlds: the usual way to move money, under the product's own faults."""

from __future__ import annotations

import asyncio
import contextvars
import random
from dataclasses import dataclass
from typing import Any, Final, cast

from tests.proof.control import ControlSteps, ControlWorkflow, Transfer, wrongs
from tests.proof.simulation.activations import CONVERTER
from tests.proof.simulation.lived import nothing_collected, quiet
from tests.proof.simulation.loop import Process, SimulatedClock, VirtualLoop
from tests.proof.simulation.network import Network, SimulatedBank
from tests.proof.simulation.plan import GIVEN_WITHIN, HEALED_AFTER, Kind, Plan
from tests.proof.simulation.temporal import Temporal
from tests.proof.simulation.weather import CURRENT, Weather
from tests.proof.simulation.worker import Run, Worker

_WORKERS: Final = 2
_BORN_AGAIN_SECONDS: Final = 1.0
_PEACE_SECONDS: Final = 600.0


@dataclass
class ControlResult:
    """What it came to, by the bank's book."""

    transfers: int
    wrong: list[str]

    @property
    def transfers_wrong(self) -> int:
        return len({line.partition(" (")[0] for line in self.wrong})


def simulate_control(plan: Plan) -> ControlResult:
    """Run the plan's network faults, kills and pauses; what happens to the product alone is left
    out: nobody cancels, repeats or terminates anything."""
    with quiet(), nothing_collected():
        return _simulated(plan)


def _simulated(plan: Plan) -> ControlResult:
    loop = VirtualLoop()
    loop.set_exception_handler(lambda _loop, _context: None)
    try:
        return loop.run_until_complete(_ControlWorld(plan, loop).run())
    finally:
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        loop.close()


class _ControlWorld:
    def __init__(self, plan: Plan, loop: VirtualLoop) -> None:
        self._plan, self._loop = plan, loop
        self._clock = SimulatedClock(loop)
        self._weather = Weather(plan)
        self._bank = SimulatedBank(self._clock)
        self._temporal = Temporal(loop, self._clock, plan.seed)
        self._born = 0

    async def run(self) -> ControlResult:
        self._weather.on_death = self._on_death
        for _ in range(_WORKERS):
            self._work()
        for fault in self._plan.faults:
            if fault.kind is Kind.TEMPORAL_AWAY:
                self._loop.call_at(fault.at, self._go_away, fault.at + fault.amount)
        chance = random.Random(self._plan.seed)
        given = [
            self._give(number, chance.uniform(0, GIVEN_WITHIN))
            for number in range(self._plan.payments)
        ]
        runs = dict(await asyncio.gather(*given))
        while self._loop.time() < HEALED_AFTER + _PEACE_SECONDS:
            await asyncio.sleep(10)
            if all(run.ended for run in runs.values()):
                break
        told = {reference: _answer(run) for reference, run in runs.items()}
        return ControlResult(len(told), wrongs(told, self._bank.book()))

    def _go_away(self, until: float) -> None:
        self._temporal.away_until = until

    def _work(self) -> None:
        self._born += 1
        network = Network(self._bank, self._weather, self._clock, lambda path: "/none/" not in path)
        steps = ControlSteps(cast(Any, network), self._clock.now)
        process = Process(f"worker {self._born}")
        self._temporal.join(Worker(process, [steps.control], self._point, self._clock))

    def _on_death(self, process: Process) -> None:
        self._loop.call_at(
            self._loop.time() + _BORN_AGAIN_SECONDS, self._work, context=contextvars.Context()
        )

    async def _point(self, name: str, payment_id: str) -> None:
        CURRENT.set(int(payment_id.partition("-")[2]))
        await self._weather.point(name)

    async def _give(self, number: int, at: float) -> tuple[str, Run]:
        await asyncio.sleep(at)
        reference = f"transfer-{number}"
        transfer = Transfer(
            payment_id=reference,
            bank="/".join(self._plan.shapes[number]),
            account="NL91ABNA0417164300",
            name="Jan de Vries",
            amount_minor=1000 + number,
        )
        return reference, self._temporal.start(ControlWorkflow, reference, transfer)


def _answer(run: Run) -> str | None:
    """What its client was told; None where it was told nothing."""
    if run.result is None:
        return None
    [answer] = CONVERTER.from_payloads([run.result], [str])
    return str(answer)
