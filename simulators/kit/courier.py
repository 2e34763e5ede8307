"""Delivers notifications to their targets, and lets objects progress between requests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime

from simulators.kit.outbox import Delivery
from simulators.kit.partner import Partner
from simulators.kit.post import post
from simulators.kit.targets import STRANGERS_SECRET


class Courier:
    """Delivers to each target in order, one at a time; targets do not wait for each other."""

    def __init__(self, partner: Partner) -> None:
        self._partner = partner
        self._poked = asyncio.Event()
        self._busy: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def poke(self) -> None:
        """Look now whether there is anything to deliver."""
        self._poked.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        with self._partner.book.transaction():
            self._partner.notices.outbox.recover()
        while True:
            self._poked.clear()
            self._set_out()
            await self._rest()

    async def deliver(self, seqs: Iterable[int]) -> None:
        """Deliver these now, one after the other. They have to arrive before the reply leaves."""
        for seq in seqs:
            await self._deliver(self._partner.notices.outbox.delivery(seq))

    def _set_out(self) -> None:
        partner = self._partner
        if not partner.targets.all():
            return
        with partner.book.transaction():
            now = partner.clock.now()
            partner.progress(now)
            due = partner.notices.outbox.due(now, self._busy)
        for delivery in due:
            self._busy.add(delivery.url)
            task = asyncio.create_task(self._deliver_and_return(delivery))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver_and_return(self, delivery: Delivery) -> None:
        try:
            await self._deliver(delivery)
        finally:
            self._busy.discard(delivery.url)
            self.poke()

    async def _deliver(self, delivery: Delivery) -> None:
        partner = self._partner
        target = partner.targets.at(delivery.url)
        if target is None:
            return
        secret = STRANGERS_SECRET if delivery.forged else partner.targets.secret_of(target)
        now = partner.clock.now()
        headers = target.headers(delivery.content, secret, now, delivery.age)
        answer = await post(target.url, delivery.content, headers, target.timeout_seconds)
        with partner.book.transaction():
            partner.notices.outbox.answered(delivery, target, answer, partner.clock.now())

    async def _rest(self) -> None:
        """Wait until something is due by the simulator's clock, or until poked."""
        seconds = self._seconds_to_wait()
        try:
            await asyncio.wait_for(self._poked.wait(), seconds)
        except TimeoutError:
            return

    def _seconds_to_wait(self) -> float | None:
        partner = self._partner
        if partner.clock.frozen or not partner.targets.all():
            return None
        moments: list[datetime | None] = [
            partner.timers.next_due(),
            partner.notices.outbox.next_due(self._busy),
        ]
        due = min((each for each in moments if each is not None), default=None)
        if due is None:
            return None
        return max((due - partner.clock.now()).total_seconds(), 0)
