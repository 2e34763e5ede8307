"""Upkeep: start what should run, tell what has news, and find what runs no more."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from temporalio import activity

if TYPE_CHECKING:
    from domain.clock import Clock
    from store.high_water import HighWater
    from store.inbox import Inbox
    from store.payments import Payments
    from store.tasks import Tasks
    from store.untold import Untold

log = logging.getLogger("finality.upkeep")

_BATCH: Final = 500
#: What is younger is being started, or told, by whoever recorded it.
_YOUNG: Final = timedelta(seconds=5)
#: Named in one line of the log; how many more there are is said.
_NAMED: Final = 10


class Runner(Protocol):
    """Starts payments; `starter.running` is the one."""

    async def ensure_running(self, tenant: str, payment_id: str) -> None:
        """Have the payment's workflow run; joins a running one."""

    async def running(self) -> Collection[str]:
        """Payment ids of which a workflow runs, as far as the server's listing knows."""


class Upkeep:
    """Nothing inside a dead workflow can notice that it is dead: this does."""

    def __init__(
        self,
        *,
        payments: Payments,
        inbox: Inbox,
        untold: Untold,
        tasks: Tasks,
        high_water: HighWater,
        runner: Runner,
        clock: Clock,
    ) -> None:
        self._payments = payments
        self._inbox = inbox
        self._untold = untold
        self._tasks = tasks
        self._high_water = high_water
        self._runner = runner
        self._clock = clock
        self._named: frozenset[str] = frozenset()

    @activity.defn
    async def compare(self, known: int, known_at: datetime | None = None) -> int:
        """How many attempts the database has; fewer than were `known` halts everything."""
        found = await self._high_water.compare(known, self._clock.now(), since=known_at)
        if found < known:
            log.error("the database was set back: everything is halted, see `finality halts`")
        return found

    @activity.defn
    async def relay(self) -> int:
        """Start payments that were recorded but not started, and tell those with unread news.

        News are deliveries, commands, and that a halt was lifted; they reopen a payment at its
        end too. Returns how many it started or told.
        """
        before = self._clock.now() - _YOUNG
        waiting = await self._payments.unstarted(created_before=before, limit=_BATCH)
        await self._run(waiting)
        await self._payments.started([payment_id for _, payment_id in waiting], self._clock.now())
        news = await self._inbox.untold(received_before=before, limit=_BATCH)
        await self._run(news)
        await self._inbox.told(
            [payment_id for _, payment_id in news], received_before=before, now=self._clock.now()
        )
        asked = await self._untold.commands(asked_through=before, limit=_BATCH)
        await self._run(asked)
        await self._untold.told(
            [payment_id for _, payment_id in asked], asked_through=before, now=self._clock.now()
        )
        return len({*waiting, *news, *asked}) + await self._tell_of_lifted_halts()

    @activity.defn
    async def sweep(self) -> int:
        """Compare what is open or has news with what runs, and run what does not; how many.

        The listing may lag: then one that runs is only told to look again. So is one that runs
        and is late with a step, which it may not know of. Questions that nobody answered in time
        are named in the log.
        """
        running = await self._runner.running()
        started = await self._sweep(self._payments.open, running)
        started += await self._sweep(self._inbox.unread_at_end, running)
        await self._sweep(self._late, ())
        escalated = await self._payments.escalate(self._clock.now(), limit=_BATCH)
        for payment_id in escalated.unreadable:
            log.error("payment %s: the keyring lacks the key it was sealed with", payment_id)
        await self._name_overdue()
        return started

    async def _tell_of_lifted_halts(self) -> int:
        """A payment held back waits for the end of its time, unless it is told."""
        told = 0
        for number in await self._untold.lifted():
            after = ""
            while batch := await self._untold.held_back(number, after=after, limit=_BATCH):
                await self._run(batch)
                told += len(batch)
                after = batch[-1][1]
            await self._untold.lift_told(number, self._clock.now())
        return told

    async def _sweep(self, owed: _Pages, running: Collection[str]) -> int:
        after, started = "", 0
        while batch := await owed(after=after, limit=_BATCH):
            stopped = [found for found in batch if found[1] not in running]
            await self._run(stopped)
            started += len(stopped)
            after = batch[-1][1]
        return started

    async def _late(self, *, after: str, limit: int) -> list[tuple[str, str]]:
        """Those that are late with a step, once more by what is due now: where their time ran out
        while the run waited, people are to be asked."""
        now = self._clock.now()
        late = await self._untold.overdue(now, after=after, limit=limit)
        await self._payments.refold([payment_id for _, payment_id in late], now)
        return late

    async def _run(self, payments: Collection[tuple[str, str]]) -> None:
        activity.heartbeat()
        for tenant, payment_id in payments:
            await self._runner.ensure_running(tenant, payment_id)
            activity.heartbeat()

    async def _name_overdue(self) -> None:
        tasks = await self._tasks.open(due_before=self._clock.now(), limit=_BATCH)
        known, self._named = self._named, frozenset(task.task_id for task in tasks)
        if self._named <= known:
            return  # Said before.
        named = ", ".join(
            f"{task.kind} of {task.payment_id} ({task.owner}, since {task.due_at:%Y-%m-%d %H:%M})"
            for task in tasks[:_NAMED]
        )
        more = f" and {len(tasks) - _NAMED} more" if len(tasks) > _NAMED else ""
        log.warning("questions overdue: %s%s", named, more)


class _Pages(Protocol):
    """(tenant, payment id) of payments by id, page after page."""

    def __call__(self, *, after: str, limit: int) -> Awaitable[list[tuple[str, str]]]: ...
