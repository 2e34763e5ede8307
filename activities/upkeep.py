"""Upkeep: start what should run, and find what runs no more."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from temporalio import activity

if TYPE_CHECKING:
    from domain.clock import Clock
    from store.payments import Payments

_BATCH: Final = 500
#: A payment younger than this is being started by whoever recorded it.
_YOUNG: Final = timedelta(seconds=5)


class Runner(Protocol):
    """Starts payments; `starter.running` is the one."""

    async def ensure_running(self, tenant: str, payment_id: str) -> None:
        """Have the payment's workflow run; joins a running one."""

    async def running(self) -> Collection[str]:
        """Payment ids of which a workflow runs, as far as the server's listing knows."""


class Upkeep:
    """Nothing inside a dead workflow can notice that it is dead: this does."""

    def __init__(self, *, payments: Payments, runner: Runner, clock: Clock) -> None:
        self._payments = payments
        self._runner = runner
        self._clock = clock

    @activity.defn
    async def relay(self) -> int:
        """Start payments that were recorded but not started; how many."""
        waiting = await self._payments.unstarted(
            created_before=self._clock.now() - _YOUNG, limit=_BATCH
        )
        for tenant, payment_id in waiting:
            await self._runner.ensure_running(tenant, payment_id)
            activity.heartbeat()
        await self._payments.started([payment_id for _, payment_id in waiting], self._clock.now())
        return len(waiting)

    @activity.defn
    async def sweep(self) -> int:
        """Compare what is open with what runs, and run what does not; how many.

        The listing may lag: then one that runs is only told to look again.
        """
        running = await self._runner.running()
        after, started = "", 0
        while batch := await self._payments.open(after=after, limit=_BATCH):
            for tenant, payment_id in batch:
                if payment_id not in running:
                    await self._runner.ensure_running(tenant, payment_id)
                    started += 1
                activity.heartbeat()
            after = batch[-1][1]
        return started
