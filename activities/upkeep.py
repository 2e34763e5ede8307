"""Upkeep: start what should run, tell what has news, and find what runs no more.

Everything is asked of the store by the moment at which it is due. The alternative, to compare the
open payments with the server's list of runs, takes longer the more payments wait, until a round
never ends. A run that died while its payment waits needs nobody until its next step is due: then
it is late, and is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

from temporalio import activity

from activities.uninterrupted import Heartbeat
from domain.telling import YOUNG
from domain.witness import Known, Mark

if TYPE_CHECKING:
    from activities.clocks import Clocks, Moments
    from activities.witness import Witness
    from domain.clock import Clock
    from store.future import Future
    from store.inbox import Inbox
    from store.payments import Payments
    from store.rounds import Rounds
    from store.tasks import Tasks
    from store.untold import Untold

log = logging.getLogger("finality.upkeep")

#: A step that Temporal lost, because it was killed itself, is missed by its beats.
_BEAT_SECONDS: Final = 5.0
#: Payments of one page, and those that are folded between two heartbeats.
_BATCH: Final = 200
_FOLDED: Final = 50
#: Runs that are told at the same time: the server takes a few milliseconds for each.
_AT_ONCE: Final = 30
#: A step begins no further page after that; the next round goes on.
_ROUND_SECONDS: Final = 240
#: Named in one line of the log; how many more there are is said.
_NAMED: Final = 10


class NotTold(Exception):
    """The server refuses to tell this run, and would refuse it again; others can be told."""


class Runner(Protocol):
    """Starts payments; `starter.running` is the one."""

    async def ensure_running(self, tenant: str, payment_id: str) -> None:
        """Have the payment's workflow run; joins a running one.

        Raises:
            NotTold: it is this run that cannot be told.
        """


class Upkeep:
    """Nothing inside a dead workflow can notice that it is dead: this does."""

    def __init__(
        self,
        *,
        payments: Payments,
        inbox: Inbox,
        untold: Untold,
        tasks: Tasks,
        rounds: Rounds,
        witness: Witness,
        runner: Runner,
        clock: Clock,
        clocks: Clocks,
        future: Future,
        last_round: Callable[[], Awaitable[Known]],
    ) -> None:
        """`last_round` looks in Temporal for the last round that is ours."""
        self._payments = payments
        self._inbox = inbox
        self._untold = untold
        self._tasks = tasks
        self._rounds = rounds
        self._witness = witness
        self._runner = runner
        self._clock = clock
        self._clocks = clocks
        self._future = future
        self._last_round = last_round
        self._named: frozenset[str] = frozenset()

    @activity.defn
    async def prove(self, known: Known) -> Mark:
        """Prove that the database is the one Temporal knows, or halt everything; the next mark.

        Raises:
            NotProven: no round in Temporal is ours, although the database has some.
        """
        async with Heartbeat(activity.heartbeat, _BEAT_SECONDS):
            await self._clocks.agree()
            if known.refused:
                log.error("the last round's result is not ours: %s", known.refused)
                known = await self._last_round()
            mark, missing = await self._rounds.prove(known, self._clock.now())
        if missing:
            log.error(
                "the database was set back: %s. Everything is halted, see `finality halts`", missing
            )
        return mark

    @activity.defn
    async def compare_with_partners(self) -> None:
        """Compare what partners show with what we know; one that does not answer is left out."""
        async with Heartbeat(activity.heartbeat, _BEAT_SECONDS):
            await self._clocks.agree()
            await self._witness.compare_all()

    @activity.defn
    async def relay(self) -> int:
        """Start payments that were recorded but not started, and tell those with unread news.

        News are deliveries and commands; they reopen a payment at its end too. What a lifted halt
        held back becomes late now, so the sweep tells it. Returns how many it started or told.
        """
        await self._clocks.agree()
        now, left = self._clock.now(), _Left()
        before = now - YOUNG
        relayed = set()
        for number in await self._untold.lifted():
            after = await self._untold.tell_held_back(number, now, None)
            while after is not None and left:
                activity.heartbeat()
                after = await self._untold.tell_held_back(number, now, after)
        async for page in _pages(
            left, lambda: self._untold.commands(asked_through=before, limit=_BATCH)
        ):
            await self._tell(page)
            await self._untold.told(_ids(page), asked_through=before, now=now)
            relayed |= {*page}
        async for page in _pages(left, lambda: self._inbox.untold(now, limit=_BATCH)):
            await self._tell(page)
            await self._inbox.told(_ids(page), now)
            relayed |= {*page}
        async for page in _pages(
            left, lambda: self._payments.unstarted(created_before=before, limit=_BATCH)
        ):
            await self._tell(page)
            await self._payments.started(_ids(page), now)
            relayed |= {*page}
        return len(relayed)

    @activity.defn
    async def sweep(self) -> int:
        """Tell the runs that are late with a step, which are dead or do not know of it; how many.

        Each is folded once more by what is due now: where its time ran out while the run waited,
        people are asked. So they are about deliveries that match no payment for an hour. Questions
        that nobody answered in time are named in the log.
        """
        moments = await self._clocks.agree()
        await self._mend_future(moments)
        now, left, told = self._clock.now(), _Left(), 0
        async for page in _pages(left, lambda: self._untold.overdue(now, limit=_BATCH)):
            await self._tell(page)
            await self._fold(_ids(page), now)
            told += len(page)
        while left:
            activity.heartbeat()
            escalated = await self._payments.escalate(now, limit=_FOLDED)
            _name_unreadable(escalated.unreadable)
            if not escalated.payments and not escalated.unreadable:
                break
        await self._payments.ask_to_open(now, limit=_FOLDED)
        await self._ask_whose(now, left)
        await self._name_overdue()
        return told

    async def _mend_future(self, moments: Moments) -> None:
        """What a clock that was ahead wrote is dated anew, and its payments look again.

        Their runs may wait for a moment that is days away, or have ended too early.
        """
        while page := await self._future.written_ahead(moments.now(), limit=_FOLDED):
            activity.heartbeat()
            mended = [one for one in page if await self._future.mend(one[1], moments.now)]
            await self._tell(mended)
            if not mended:
                return

    async def _ask_whose(self, now: datetime, left: _Left) -> None:
        """A delivery of nobody may be of a payment that we believe was not made."""
        while left and (page := await self._inbox.unmatched(now, limit=_FOLDED)):
            for about in page:
                activity.heartbeat()
                if await self._inbox.ask_whose(about, now):
                    log.warning(
                        "deliveries of %s on account %s of %s match no payment; see "
                        "`finality tasks`",
                        about.reference, about.account, about.partner,
                    )  # fmt: skip

    async def _tell(self, payments: Collection[tuple[str, str]]) -> None:
        """Have the runs of these look again, some at a time.

        Raises:
            Exception: what the runner raised first. Runs told by then are told again.
        """
        waiting, failed = iter(payments), asyncio.Event()

        async def tell_some() -> None:
            for tenant, payment_id in waiting:
                try:
                    await self._runner.ensure_running(tenant, payment_id)
                except NotTold as refused:
                    log.error("payment %s: its run cannot be told: %s", payment_id, refused)
                except BaseException:
                    failed.set()
                    raise
                activity.heartbeat()
                if failed.is_set():
                    return

        done = await asyncio.gather(*(tell_some() for _ in range(_AT_ONCE)), return_exceptions=True)
        for error in filter(None, done):
            raise error

    async def _fold(self, payment_ids: list[str], now: datetime) -> None:
        for start in range(0, len(payment_ids), _FOLDED):
            activity.heartbeat()
            some = payment_ids[start : start + _FOLDED]
            _name_unreadable((await self._payments.refold(some, now)).unreadable)

    async def _name_overdue(self) -> None:
        tasks = await self._tasks.overdue(self._clock.now(), limit=_BATCH)
        known, self._named = self._named, frozenset(task.task_id for task in tasks)
        if self._named <= known:
            return  # Said before.
        named = ", ".join(
            f"{task.kind} of {task.payment_id or task.partner_reference or task.task_id} "
            f"({task.owner}, since {task.due_at:%Y-%m-%d %H:%M})"
            for task in tasks[:_NAMED]
        )
        more = f" and {len(tasks) - _NAMED} more" if len(tasks) > _NAMED else ""
        log.warning("questions overdue: %s%s", named, more)


class _Left:
    """Whether a step has time left to begin another page."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ends_at = self._loop.time() + _ROUND_SECONDS

    def __bool__(self) -> bool:
        return self._loop.time() < self._ends_at


async def _pages(
    left: _Left, due: Callable[[], Awaitable[list[tuple[str, str]]]]
) -> AsyncIterator[list[tuple[str, str]]]:
    """What is due, page after page; whoever gets a page has to see to it that it is not any more.

    Ends when nothing is due, or when the step's time is nearly over.
    """
    while left:
        activity.heartbeat()
        page = await due()
        if not page:
            return
        yield page
    log.warning("this round of upkeep did not get through all that is due; the next one goes on")


def _ids(page: Collection[tuple[str, str]]) -> list[str]:
    return [payment_id for _, payment_id in page]


def _name_unreadable(payment_ids: Collection[str]) -> None:
    for payment_id in payment_ids:
        log.error("payment %s: the keyring lacks the key it was sealed with", payment_id)
