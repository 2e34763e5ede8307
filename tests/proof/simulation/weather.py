"""Where a plan's faults come true, and the count of those that did."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from contextvars import ContextVar
from random import Random
from typing import Final

from tests.proof.simulation.loop import Process, this_process
from tests.proof.simulation.plan import NETWORK, Fault, Kind, Plan, of_shape

#: Whose work is in hand: the payment's number in the plan.
CURRENT: Final[ContextVar[int]] = ContextVar("payment in hand", default=-1)
_LATENCY_SECONDS: Final = 0.004


class Weather:
    """Asked at every point. Which faults fired is known afterwards, and which never did."""

    def __init__(self, plan: Plan) -> None:
        self._shapes = plan.shapes
        self._waiting: defaultdict[tuple[int, str], list[Fault]] = defaultdict(list)
        for fault in plan.faults:
            if fault.point:
                self._waiting[fault.payment, fault.point].append(fault)
        self._passed: Counter[tuple[int, str]] = Counter()
        self._chance = Random(plan.seed)
        self.fired: Counter[tuple[str, str]] = Counter()
        """By kind and point."""
        self.masked: Counter[str] = Counter()
        """Of those by kind: what met a payment that was over."""
        self.met: defaultdict[int, set[str]] = defaultdict(set)
        """By payment: the kinds that it met while it was not over."""
        self.store_away_until = 0.0
        self.on_death: Callable[[Process], None] = lambda _process: None

    @property
    def unfired(self) -> int:
        """How many faults were planned and met nothing."""
        return sum(map(len, self._waiting.values()))

    def fires(self, fault: Fault, where: str, *, was_over: bool = False) -> None:
        """Count it: with its payment, unless that was over."""
        self.fired[fault.kind, where] += 1
        if was_over:
            self.masked[fault.kind] += 1
        elif fault.payment >= 0:
            self.met[fault.payment].add(fault.kind)

    async def point(self, name: str) -> None:
        """A moment passes here, and maybe the process ends."""
        await asyncio.sleep(self._chance.uniform(0, _LATENCY_SECONDS))
        fault = self._due(name)
        process = this_process()
        if fault is None or process is None:
            return
        self.fires(fault, f"{process.kind} {name}")
        if fault.kind is Kind.KILL:
            process.kill()
            self.on_death(process)
            await asyncio.get_running_loop().create_future()
        elif fault.kind is Kind.STAND_STILL:
            process.stands_still_until = asyncio.get_running_loop().time() + fault.amount
            await asyncio.sleep(0)

    def commit_is_unknown(self) -> bool:
        """Whether the store breaks off after this commit, and nobody hears of it."""
        waiting = self._waiting[CURRENT.get(), "write committed"]
        for fault in waiting:
            if fault.kind is Kind.COMMIT_UNKNOWN:
                fault_nth = self._passed[CURRENT.get(), "write committed"]
                if fault.nth == fault_nth:
                    waiting.remove(fault)
                    process = this_process()
                    who = process.kind if process else "world"
                    self.fires(fault, f"{who} write committed")
                    return True
        return False

    def network_fault(self, point: str) -> Kind | None:
        """What befalls this exchange."""
        fault = self._due(point, NETWORK)
        if fault is None:
            return None
        self.fires(fault, point)
        if point == "order" and (special := of_shape(fault.kind, self._shapes[fault.payment])):
            self.fired[fault.kind, special] += 1
        return fault.kind

    def _due(
        self, name: str, kinds: tuple[Kind, ...] = (Kind.KILL, Kind.STAND_STILL)
    ) -> Fault | None:
        key = (CURRENT.get(), name)
        self._passed[key] += 1
        for fault in self._waiting[key]:
            if fault.kind in kinds and fault.nth == self._passed[key]:
                self._waiting[key].remove(fault)
                return fault
        return None
