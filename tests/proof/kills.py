"""Kill at every point: found in a run without faults, struck at in others, judged by the books."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Final

from tests.proof.accounts import FORGETFUL
from tests.proof.arena import Arena
from tests.proof.forks import Worker
from tests.proof.points import Passed, read_trace
from tests.proof.scenarios import Run, Scenario, at_end, give, story, until_ended
from tests.proof.tally import Tallies, Tally

#: Payments that one SIGKILL meets, each at a point of its own.
BATCH: Final = 20
#: Of which so many may kill the token that all of them share: each death costs each of them a try.
TOKENS: Final = 5
#: A point that a run did not pass, or passed in another order, is tried again so often.
TRIES: Final = 3
_STRIKE_SECONDS: Final = 30.0
_AFTER_END_SECONDS: Final = 4.0
_LOOK_SECONDS: Final = 0.2
#: Until then everything goes on by itself; as long as the product lets a round of upkeep wait.
_UPKEEP_SECONDS: Final = 20.0
#: Whose payment logs in for all is chance, and so is whose step compares what a partner lists.
_BY_CHANCE: Final = (
    "authenticate",
    "Logins.",
    "Strangers.",
    "GET /v1/payment_intents ",
    "GET /v1/payouts ",
)
#: A run goes on from its history because one of its tasks took too long; or, where people act, a
#: payment is run once more after its end.
_STARTED_AGAIN: Final = re.compile(r"workflow initialize_workflow.* #[2-9]$")


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

    @property
    def is_request(self) -> bool:
        """Whether something is asked of a partner there, which a read is not."""
        return self.point.startswith("partner POST ")


class Kills:
    """One session of kills, in one arena or in several at a time: most of it is waiting."""

    def __init__(self, *arenas: Arena) -> None:
        self._lanes = [_Lane(arena) for arena in arenas]
        self.tallies = Tallies()

    async def find(self, scenarios: Sequence[Scenario], *, quick: bool = True) -> list[Target]:
        """The points of a run of each scenario in which nothing is killed.

        Args:
            quick: of a worker with short timeouts, as for kills; else as in production.

        Raises:
            AssertionError: one of them did not come to a right end even so.
        """
        todo = deque(scenarios)
        found: list[Target] = []

        async def work(lane: _Lane) -> None:
            while todo:
                some = [todo.popleft() for _ in range(min(BATCH, len(todo)))]
                found.extend(await lane.find(some, quick=quick))

        await asyncio.gather(*map(work, self._lanes))
        for scenario in scenarios:
            points = [target for target in found if target.scenario is scenario]
            self.tallies.scenarios[scenario.name] = Tally(
                scenario.prefix, collects=scenario.collects, points=len(points)
            )
        return found

    async def strike(self, targets: Iterable[Target]) -> None:
        """Kill a worker at each of them, and see every payment to its end."""
        todo = deque(sorted(targets, key=lambda target: target.at_seconds))

        async def work(lane: _Lane) -> None:
            while todo:
                for target in await lane.strike(_batch(todo), self.tallies):
                    if target.tries < TRIES:
                        todo.append(target)
                    else:
                        tally = self.tallies.scenarios[target.scenario.name]
                        tally.not_fired.append(target.point)

        await asyncio.gather(*map(work, self._lanes))

    async def judge(self) -> None:
        """Lay the books side by side, scenario by scenario, and all together."""
        for lane in self._lanes:
            books = await lane.arena.books()
            for tally in self.tallies.scenarios.values():
                for found in (books.compared(tally.prefix), books.collected(tally.prefix)):
                    tally.twice += found.twice
                    tally.lost += found.lost
                    tally.flaws += found.flaws
            self.tallies.flaws += [*books.compared().flaws, *books.collected().flaws]

    async def kinds_asked(self) -> set[str]:
        """Of which kinds there was an instruction in some scenario."""
        asked = [await lane.arena.kinds_asked() for lane in self._lanes]
        return set().union(*asked)


class _Lane:
    """One arena, where one worker at a time is at work."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena

    async def find(self, scenarios: Sequence[Scenario], *, quick: bool) -> list[Target]:
        """A run in which the server lost patience with a busy machine is no run without faults."""
        found: list[Target] = []
        for _ in range(TRIES):
            targets = await self._find(scenarios, quick=quick)
            disturbed = {
                target.scenario.name
                for target in targets
                if _STARTED_AGAIN.match(target.point) and not target.scenario.actions
            }
            found += [target for target in targets if target.scenario.name not in disturbed]
            scenarios = [scenario for scenario in scenarios if scenario.name in disturbed]
            if not scenarios:
                return found
        return found + [target for target in targets if target.scenario.name in disturbed]

    async def _find(self, scenarios: Sequence[Scenario], *, quick: bool) -> list[Target]:
        runs = await asyncio.gather(*(give(self.arena, one) for one in scenarios))
        worker = await self.arena.forks.fork("trace", quick=quick)
        ended = await until_ended(self.arena, runs)
        await worker.kill()
        for run in runs:
            assert run.reference in ended, await story(self.arena, run)
        scenario_of = {run.payment_id: run.scenario for run in runs}
        return [
            Target(scenario_of[passed.payment_id], passed.point, passed.at_seconds)
            for passed in read_trace(worker.order.trace)
            if passed.payment_id in scenario_of
            and not any(word in passed.point for word in _BY_CHANCE)
        ]

    async def strike(self, batch: Sequence[Target], tallies: Tallies) -> list[Target]:
        """One process, one SIGKILL; returns the targets that it did not meet."""
        arena = self.arena
        runs = await asyncio.gather(*(give(arena, target.scenario) for target in batch))
        plan = {run.payment_id: target.point for run, target in zip(runs, batch, strict=True)}
        doomed = await arena.forks.fork("doomed", plan=plan)
        await self._until_struck(runs, doomed)
        struck_at = time.monotonic()
        tallies.processes_killed += 1
        heir = await arena.forks.fork("heir")
        ended = await until_ended(arena, runs, _UPKEEP_SECONDS)
        if late := [run for run in runs if run.reference not in ended]:
            # In production a round is never further away: it asks people where no step is owed.
            await arena.upkeep()
            ended |= await until_ended(arena, late)
        await heir.kill()
        standing = await arena.standing([run.payment_id for run in runs])
        missed = []
        for run, target in zip(runs, batch, strict=True):
            tally = tallies.scenarios[target.scenario.name]
            verdict = run.scenario.verdict(standing[run.payment_id])
            if verdict == "stuck":
                tally.stuck.append(f"{target.point}: {await story(arena, run)}")
            if doomed.struck.get(run.payment_id) != target.point:
                missed.append(replace(target, tries=target.tries + 1))
                continue
            tally.kills += 1
            tallies.struck.add(target.kind)
            tally.recovered += verdict == "ended"
            tally.parked += verdict == "parked"
            if run.reference in ended:
                tally.recovery_seconds.append(ended[run.reference] - struck_at)
        return missed

    async def _until_struck(self, runs: Sequence[Run], doomed: Worker) -> None:
        """Or, where nothing met it, killed from outside when all has long been over."""
        deadline = time.monotonic() + _STRIKE_SECONDS
        while not doomed.ended.done():
            if len(await at_end(self.arena, runs)) == len(runs):
                # The last points of a payment come after its end is in the store.
                deadline = min(deadline, time.monotonic() + _AFTER_END_SECONDS)
            if time.monotonic() > deadline:
                await doomed.kill()
            await asyncio.sleep(_LOOK_SECONDS)


def sample(targets: Sequence[Target], size: int) -> list[Target]:
    """Some of them; always the same.

    First one of each scenario, where possible at a request that few others make; then each kind of
    point once, requests first; then from all scenarios in turn.
    """
    ordered = sorted(targets, key=lambda target: (target.scenario.name, target.point))
    shuffled = random.Random(0).sample(ordered, len(ordered))
    of_each = defaultdict(list)
    for target in shuffled:
        of_each[target.scenario.name].append(target)
    met_by = Counter(kind for each in of_each.values() for kind in {one.kind for one in each})
    chosen: list[Target] = []
    kinds: set[str] = set()
    for each in of_each.values():
        requests = [target for target in each if target.is_request] or each
        chosen.append(min(requests, key=lambda one: (one.kind in kinds, met_by[one.kind])))
        kinds.add(chosen[-1].kind)
    for target in sorted(shuffled, key=lambda target: not target.is_request):
        if target.kind not in kinds:
            chosen.append(target)
            kinds.add(target.kind)
    known = {id(target) for target in chosen}
    rest = [
        [target for target in each if id(target) not in known and not target.is_in_transaction]
        for each in of_each.values()
    ]
    in_turn = [target for turn in zip_longest(*rest) for target in turn if target]
    return [*chosen, *in_turn][:size]


def _batch(todo: deque[Target]) -> list[Target]:
    """The next ones that one process can stand at all at once: it has one writer, one token."""
    batch: list[Target] = []
    later: list[Target] = []
    while todo and len(batch) < BATCH:
        target = todo.popleft()
        dying = sum(one.scenario.account == FORGETFUL for one in batch)
        has_writer = any(one.is_in_transaction for one in batch)
        if (target.is_in_transaction and has_writer) or (
            target.scenario.account == FORGETFUL and dying == TOKENS
        ):
            later.append(target)
        else:
            batch.append(target)
    todo.extendleft(reversed(later))
    return batch
