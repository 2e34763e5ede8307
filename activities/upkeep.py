"""Upkeep: start payments that should run, and notify runs that have news or are late.

Upkeep asks the store only for what is due, by an indexed moment. Comparing the open payments with
the server's list of runs was refused: its cost grows with the payments that wait, until a round
never ends. If a run dies while its payment waits, nothing is lost until its next step is due. Then
the step is late, and upkeep starts a run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

from temporalio import activity

from activities.uninterrupted import Heartbeat
from domain.lifecycle.notifying import YOUNG, NotNotified
from domain.lifecycle.witness import Known, Mark
from domain.payments.view import KIND

if TYPE_CHECKING:
    from activities.back_fill import BackFill
    from activities.clocks import Clocks, Moments
    from activities.feed_steps import FeedRelay
    from activities.witness import Witness
    from domain.clock import Clock
    from store.future import Future
    from store.inbox import Inbox
    from store.notifications import Notifications
    from store.payments import Payments
    from store.rounds import Rounds
    from store.tasks import Tasks
    from store.webhooks.retention import DeliveryRetention

log = logging.getLogger("finality.upkeep")

#: Between two heartbeats, in seconds. Temporal repeats an activity soon that it lost when it was
#: killed itself.
_BEAT_SECONDS: Final = 5.0
#: The payments of one page, and the payments that are folded between two heartbeats.
_BATCH: Final = 200
_FOLDED: Final = 50
#: Runs that are notified at the same time; the server takes a few milliseconds for each.
_AT_ONCE: Final = 30
#: After this time an activity begins no further page; the next round goes on.
_ROUND_SECONDS: Final = 240
#: Overdue tasks that one log line names; it gives the number of the others.
_NAMED: Final = 10


class Runner(Protocol):
    """Starts and notifies runs; `starter.running` implements it."""

    async def ensure_running(self, tenant: str, resource_id: str, kind: str = KIND) -> None:
        """Start the workflow of a resource of this kind, or have the running one look again.

        Raises:
            NotNotified: this run cannot be notified, but others can.
        """


class Upkeep:
    """Finds payments whose workflow is dead, since a dead workflow cannot notice that itself."""

    def __init__(
        self,
        *,
        payments: Payments,
        inbox: Inbox,
        notifications: Notifications,
        tasks: Tasks,
        rounds: Rounds,
        witness: Witness,
        back_fill: BackFill,
        runner: Runner,
        clock: Clock,
        clocks: Clocks,
        future: Future,
        last_round: Callable[[], Awaitable[Known]],
        feeds: FeedRelay | None = None,
        retention: DeliveryRetention | None = None,
    ) -> None:
        """`last_round` finds the last round in Temporal that is ours; `feeds` are of account data,
        if this process reads any; `retention` is of webhooks, if it sends any."""
        self._payments = payments
        self._inbox = inbox
        self._notifications = notifications
        self._tasks = tasks
        self._rounds = rounds
        self._witness = witness
        self._back_fill = back_fill
        self._runner = runner
        self._clock = clock
        self._clocks = clocks
        self._future = future
        self._last_round = last_round
        self._feeds = feeds
        self._retention = retention
        self._named: frozenset[str] = frozenset()

    @activity.defn
    async def prove(self, known: Known) -> Mark:
        """Prove that the database is the one Temporal knows, or halt everything.

        Returns:
            The mark for the next round.

        Raises:
            NotProven: no round in Temporal is ours, although the database has some.
            ClocksApart: our clock differs from the others.
        """
        async with Heartbeat(activity.heartbeat, _BEAT_SECONDS):
            await self._clocks.agree()
            if known.refused:
                log.error("the last round's result is not ours: %s", known.refused)
                known = await self._last_round()
            mark, missing = await self._rounds.prove(known, self._clock.now())
        if missing:
            log.error(
                "the database was set back: %s. Everything is halted; `finality halts` says what "
                "to do",
                missing,
            )
        return mark

    @activity.defn
    async def compare_with_partners(self) -> None:
        """Compare the partners' lists with the database, except for partners that do not answer.

        That is their lists of payments, and their lists of events, from which webhooks that were
        lost are made up for. Payments with news are notified at once.

        Raises:
            ClocksApart: our clock differs from the others.
        """
        async with Heartbeat(activity.heartbeat, _BEAT_SECONDS):
            await self._clocks.agree()
            await self._witness.compare_all()
            if news := await self._back_fill.catch_up():
                await self._notify(news)

    @activity.defn
    async def relay(self) -> int:
        """Start payments that were recorded but not started, and notify those with unread news.

        News is a delivery or a command; it also reopens a payment that has ended. Payments that a
        lifted halt held back become late now, so the sweep notifies them.

        Returns:
            How many payments it started or notified, without the latter.

        Raises:
            ClocksApart: our clock differs from the others.
        """
        await self._clocks.agree()
        now, left = self._clock.now(), _Left()
        before = now - YOUNG
        relayed = set()
        for number in await self._notifications.lifted():
            after = await self._notifications.notify_held_back(number, now, None)
            while after is not None and left:
                activity.heartbeat()
                after = await self._notifications.notify_held_back(number, now, after)
        async for page in _pages(
            left, lambda: self._notifications.commands(asked_through=before, limit=_BATCH)
        ):
            await self._notify(page)
            await self._notifications.notified(_ids(page), asked_through=before, now=now)
            relayed |= {*page}
        async for page in _pages(left, lambda: self._inbox.unnotified(now, limit=_BATCH)):
            await self._notify(page)
            await self._inbox.notified(_ids(page), now)
            relayed |= {*page}
        async for page in _pages(
            left, lambda: self._payments.unstarted(created_before=before, limit=_BATCH)
        ):
            await self._notify(page)
            await self._payments.started(_ids(page), now)
            relayed |= {*page}
        if self._feeds is not None:
            await self._feeds.notify()
        return len(relayed)

    @activity.defn
    async def sweep(self) -> int:
        """Notify the runs that are late with a step: they are dead, or do not know of the step.

        Each of their payments is refolded as of now, so that questions that became due meanwhile
        are asked. People are also asked about deliveries that match no payment for an hour.
        Overdue tasks are named in the log. Deliveries of webhooks that are kept no longer are
        deleted.

        Returns:
            How many runs it notified.

        Raises:
            ClocksApart: our clock differs from the others.
        """
        moments = await self._clocks.agree()
        await self._mend_future(moments)
        now, left, notified = self._clock.now(), _Left(), 0
        async for page in _pages(left, lambda: self._notifications.overdue(now, limit=_BATCH)):
            await self._notify(page)
            await self._fold(_ids(page), now)
            notified += len(page)
        while left:
            activity.heartbeat()
            escalated = await self._payments.escalate(now, limit=_FOLDED)
            _name_unreadable(escalated.unreadable)
            if not escalated.payments and not escalated.unreadable:
                break
        await self._payments.ask_to_open(now, limit=_FOLDED)
        await self._ask_whose(now, left)
        await self._name_overdue()
        if self._retention is not None:
            await self._retention.clean(now)
        return notified

    async def _mend_future(self, moments: Moments) -> None:
        """Correct moments that a fast clock dated in the future, and notify the payments' runs.

        These runs may wait for a moment that is days away, or have ended too early.
        """
        while page := await self._future.written_ahead(moments.now(), limit=_FOLDED):
            activity.heartbeat()
            mended = [one for one in page if await self._future.mend(one[1], moments.now)]
            await self._notify(mended)
            if not mended:
                return

    async def _ask_whose(self, now: datetime, left: _Left) -> None:
        """Ask people about deliveries that match no payment.

        Such a delivery may be about a payment that we believe was not made.
        """
        while left and (page := await self._inbox.unmatched(now, limit=_FOLDED)):
            for about in page:
                activity.heartbeat()
                if await self._inbox.ask_whose(about, now):
                    log.warning(
                        "deliveries about %s on account %s of %s match no payment; "
                        "`finality tasks` says what to do",
                        about.reference, about.account, about.partner,
                    )  # fmt: skip

    async def _notify(self, payments: Collection[tuple[str, str]]) -> None:
        """Notify the runs of these payments, `_AT_ONCE` at a time.

        Raises:
            Exception: what the runner raised. Runs that were notified by then are notified again.
        """
        kinds = await self._payments.kinds_of(_ids(payments))
        waiting, failed = iter(payments), asyncio.Event()

        async def notify_some() -> None:
            for tenant, payment_id in waiting:
                try:
                    await self._runner.ensure_running(tenant, payment_id, kinds[payment_id])
                except NotNotified as refused:
                    log.error("%s: its run cannot be notified: %s", payment_id, refused)
                except BaseException:
                    failed.set()
                    raise
                activity.heartbeat()
                if failed.is_set():
                    return

        done = await asyncio.gather(
            *(notify_some() for _ in range(_AT_ONCE)), return_exceptions=True
        )
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
            return  # Already logged.
        named = ", ".join(
            f"{task.kind} of {task.payment_id or task.partner_reference or task.task_id} "
            f"({task.owner}, since {task.due_at:%Y-%m-%d %H:%M})"
            for task in tasks[:_NAMED]
        )
        more = f" and {len(tasks) - _NAMED} more" if len(tasks) > _NAMED else ""
        log.warning("questions overdue: %s%s", named, more)


class _Left:
    """Whether an activity has time left to begin another page."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ends_at = self._loop.time() + _ROUND_SECONDS

    def __bool__(self) -> bool:
        return self._loop.time() < self._ends_at


async def _pages(
    left: _Left, due: Callable[[], Awaitable[list[tuple[str, str]]]]
) -> AsyncIterator[list[tuple[str, str]]]:
    """What is due, page by page. The caller has to handle a page, so that it is no longer due.

    Ends when nothing is due, or when the activity's time is nearly over.
    """
    while left:
        activity.heartbeat()
        page = await due()
        if not page:
            return
        yield page
    log.warning("this round of upkeep ran out of time; the next one does the rest")


def _ids(page: Collection[tuple[str, str]]) -> list[str]:
    return [payment_id for _, payment_id in page]


def _name_unreadable(payment_ids: Collection[str]) -> None:
    for payment_id in payment_ids:
        log.error(
            "payment %s: the keyring lacks the key that sealed it; `finality doctor` names the key",
            payment_id,
        )
