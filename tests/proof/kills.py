"""Kill at every point: found in a run without faults, struck at in others, judged by the books."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Final

from store.timeline import Timelines
from tests.proof.arena import Arena
from tests.proof.forks import Worker
from tests.proof.points import Passed, read_trace
from tests.proof.scenarios import Run, Scenario, act, give

#: Payments that one SIGKILL meets, each at a point of its own.
BATCH: Final = 24
#: A point that a run did not pass, or passed in another order, is tried again so often.
TRIES: Final = 3
_END_SECONDS: Final = 45.0
_STRIKE_SECONDS: Final = 30.0
_AFTER_END_SECONDS: Final = 4.0
_LOOK_SECONDS: Final = 0.15
#: Whose payment logs in for all is chance.
_BY_CHANCE: Final = ("authenticate", "Logins.")


#: Columns of the table; `points` were found, `kills` fired at them.
COUNTS: Final = (
    "points", "kills", "not_fired", "recovered", "parked", "stuck", "twice", "lost"
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A point of a scenario, and when a run without faults came to it."""

    scenario: Scenario
    point: str
    at_seconds: float
    tries: int = 0

    @property
    def kind(self) -> str:
        """The point without its count, and without the bank it is at."""
        return re.sub(r"/[a-z_]+/[a-z_]+/(?=orders|parents)", "/", self.point.rpartition(" #")[0])

    @property
    def is_in_transaction(self) -> bool:
        return Passed(self.at_seconds, "", self.point).is_in_transaction


@dataclass
class Tally:
    """What was found of one scenario; every count is of payments, one kill each."""

    prefix: str
    points: int = 0
    kills: int = 0
    not_fired: list[str] = field(default_factory=list)
    recovered: int = 0
    parked: int = 0
    stuck: list[str] = field(default_factory=list)
    twice: int = 0
    lost: int = 0
    flaws: list[str] = field(default_factory=list)
    recovery_seconds: list[float] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not (self.stuck or self.twice or self.lost or self.flaws)

    @property
    def counts(self) -> dict[str, int]:
        values = (getattr(self, name) for name in COUNTS)
        return {name: value if isinstance(value, int) else len(value)
                for name, value in zip(COUNTS, values, strict=True)}  # fmt: skip


class Kills:
    """One session of kills in an arena."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self.tallies: dict[str, Tally] = {}
        self.processes_killed = 0

    async def find(self, scenarios: Sequence[Scenario]) -> list[Target]:
        """The points of a run of each scenario in which nothing is killed.

        Raises:
            AssertionError: one of them did not come to a right end even so.
        """
        targets = []
        for first in range(0, len(scenarios), BATCH):
            targets += await self._find(scenarios[first : first + BATCH])
        return targets

    async def _find(self, scenarios: Sequence[Scenario]) -> list[Target]:
        runs = await asyncio.gather(*(give(self._arena, one) for one in scenarios))
        worker = await self._arena.forks.fork("trace")
        ended = await self._until_ended(runs)
        await worker.kill()
        for run in runs:
            assert run.reference in ended, await story(self._arena, run)
        targets = []
        for run in runs:
            passed = [p for p in read_trace(worker.order.trace) if p.payment_id == run.payment_id]
            found = [p for p in passed if not any(word in p.point for word in _BY_CHANCE)]
            self.tallies[run.scenario.name] = Tally(run.scenario.prefix, points=len(found))
            targets += [Target(run.scenario, p.point, p.at_seconds) for p in found]
        return targets

    async def strike(self, targets: Iterable[Target]) -> None:
        """Kill a worker at each of them, and see every payment to its end."""
        todo = deque(sorted(targets, key=lambda target: target.at_seconds))
        while todo:
            batch = _batch(todo)
            for target in await self._strike(batch):
                if target.tries < TRIES:
                    todo.append(target)
                else:
                    self.tallies[target.scenario.name].not_fired.append(target.point)

    async def judge(self) -> None:
        """Lay the books side by side, scenario by scenario."""
        for tally in self.tallies.values():
            comparison = await self._arena.compared(tally.prefix)
            tally.twice, tally.lost = comparison.twice, comparison.lost
            tally.flaws = list(comparison.flaws)

    @property
    def total(self) -> Counter[str]:
        """All scenarios together."""
        total = Counter[str]()
        for tally in self.tallies.values():
            total.update(tally.counts)
        return total

    @property
    def is_good(self) -> bool:
        return all(tally.is_good for tally in self.tallies.values())

    @property
    def summary(self) -> dict[str, Any]:
        """As JSON."""
        scenarios = {name: asdict(tally) | tally.counts for name, tally in self.tallies.items()}
        total = dict(self.total) | {"processes_killed": self.processes_killed}
        return {"total": total, "scenarios": scenarios}

    @property
    def table(self) -> str:
        """For people: a line a scenario, and what went wrong."""
        lines = [f"{'':<34}" + "".join(f"{name:>10}" for name in COUNTS)]
        rows = {**{name: tally.counts for name, tally in self.tallies.items()}, "all": self.total}
        lines += [f"{name:<34}" + "".join(f"{counts[one]:>10}" for one in COUNTS)
                  for name, counts in rows.items()]  # fmt: skip
        for name, tally in self.tallies.items():
            lines += [f"not fired: {name}: {point}" for point in tally.not_fired]
            lines += [f"STUCK: {text}" for text in tally.stuck]
            lines += [f"FLAW: {text}" for text in tally.flaws]
        return "\n".join(lines)

    async def _strike(self, batch: Sequence[Target]) -> list[Target]:
        """One process, one SIGKILL; returns the targets that it did not meet."""
        arena = self._arena
        runs = await asyncio.gather(*(give(arena, target.scenario) for target in batch))
        plan = {run.payment_id: target.point for run, target in zip(runs, batch, strict=True)}
        doomed = await arena.forks.fork("doomed", plan=plan)
        await self._until_struck(runs, doomed)
        struck_at = time.monotonic()
        self.processes_killed += 1
        heir = await arena.forks.fork("heir")
        ended = await self._until_ended(runs)
        await heir.kill()
        standing = await arena.standing([run.payment_id for run in runs])
        missed = []
        for run, target in zip(runs, batch, strict=True):
            tally = self.tallies[target.scenario.name]
            fired = doomed.struck.get(run.payment_id) == target.point
            verdict = run.scenario.verdict(standing[run.payment_id])
            if verdict == "stuck":
                tally.stuck.append(f"{target.point}: {await story(arena, run)}")
            if not fired:
                missed.append(
                    Target(target.scenario, target.point, target.at_seconds, target.tries + 1)
                )
                continue
            tally.kills += 1
            tally.recovered += verdict == "ended"
            tally.parked += verdict == "parked"
            if run.reference in ended:
                tally.recovery_seconds.append(ended[run.reference] - struck_at)
        return missed

    async def _until_struck(self, runs: Sequence[Run], doomed: Worker) -> None:
        """Or, where nothing met it, killed from outside when all has long been over."""
        deadline = time.monotonic() + _STRIKE_SECONDS
        while not doomed.ended.done():
            if len(await self._at_end(runs)) == len(runs):
                # The last points of a payment come after its end is in the store.
                deadline = min(deadline, time.monotonic() + _AFTER_END_SECONDS)
            if time.monotonic() > deadline:
                await doomed.kill()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _until_ended(self, runs: Sequence[Run]) -> dict[str, float]:
        """Reference to when it was seen at a right end; those that never were are missing."""
        deadline = time.monotonic() + _END_SECONDS
        ended: dict[str, float] = {}
        while len(ended) < len(runs) and time.monotonic() < deadline:
            for run in await self._at_end([run for run in runs if run.reference not in ended]):
                ended[run.reference] = time.monotonic()
            await asyncio.sleep(_LOOK_SECONDS)
        return ended

    async def _at_end(self, runs: Sequence[Run]) -> list[Run]:
        """Those at a right end; of all, people do what they do at this moment."""
        for run in runs:
            await act(self._arena, run)
        standing = await self._arena.standing([run.payment_id for run in runs])
        return [run for run in runs if run.scenario.verdict(standing[run.payment_id]) != "stuck"]


def sample(targets: Sequence[Target], size: int) -> list[Target]:
    """Some of them: each kind of point once, then from all scenarios in turn; always the same."""
    shuffled = random.Random(0).sample(targets, len(targets))
    chosen = {target.kind: target for target in reversed(shuffled)}
    of_each = defaultdict(list)
    for target in shuffled:
        if target is not chosen[target.kind] and not target.is_in_transaction:
            of_each[target.scenario.name].append(target)
    rest = [target for turn in zip_longest(*of_each.values()) for target in turn if target]
    return [*chosen.values(), *rest][:size]


def _batch(todo: deque[Target]) -> list[Target]:
    """The next ones that one process can stand at all at once: it has one writer."""
    batch: list[Target] = []
    later: list[Target] = []
    while todo and len(batch) < BATCH:
        target = todo.popleft()
        if target.is_in_transaction and any(one.is_in_transaction for one in batch):
            later.append(target)
        else:
            batch.append(target)
    todo.extendleft(reversed(later))
    return batch


async def story(arena: Arena, run: Run) -> str:
    """What happened to a payment, for the text of a failure."""
    record = await arena.assembly.orchestrator.get(run.payment_id)
    timeline = await Timelines(arena.assembly.database, arena.assembly.keyring).of(run.payment_id)
    lines = [f"{run.reference}: {record.payment.state} ({record.payment.certainty})"]
    lines += [str(finding) for finding in record.payment.findings]
    lines += [f"{entry.at:%H:%M:%S.%f} {entry.kind} {entry.text}" for entry in timeline]
    return "\n".join(lines)
