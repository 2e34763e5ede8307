"""The steps that use only our own store."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.messages import FORGOTTEN, NOT_OF_A_STEP, CancelRequest, ResourceRef, Step
from domain.lifecycle.heard import Heard, NotOfAStep
from domain.lifecycle.kind import next_step
from domain.lifecycle.next_step import NextStep
from domain.lifecycle.resource import UnknownResource

if TYPE_CHECKING:
    from domain.clock import Clock
    from domain.lifecycle.kind import Kinds
    from domain.lifecycle.view import View
    from store.commands import Commands
    from store.payments import Payments
    from store.sending import SendBook
    from store.set_back import SetBack

log = logging.getLogger("finality.payments")


class PaymentStore:
    """Loads resources, and records outcomes that the step itself could not record."""

    def __init__(
        self,
        *,
        payments: Payments,
        book: SendBook,
        commands: Commands,
        set_back: SetBack,
        kinds: Kinds,
        clock: Clock,
        leaves_after: timedelta | None = None,
    ) -> None:
        self._payments = payments
        self._book = book
        self._commands = commands
        self._set_back = set_back
        self._kinds = kinds
        self._clock = clock
        self._leaves_after = leaves_after

    @activity.defn
    async def load(self, ref: ResourceRef) -> NextStep:
        """How the resource stands now, and what is due.

        Raises:
            ApplicationError: `FORGOTTEN`: the database does not have the resource. Everything is
                halted.
        """
        async with self._halting_if_forgotten(ref.resource_id):
            view, labels = await self._payments.loaded(ref.resource_id)
            if not view.instructions:
                raise UnknownResource(f"{ref.resource_id} has no instruction")
            known = {one.instruction_id: len(one.book.attempts) for one in view.instructions}
            if any(known.get(each, -1) < seen for each, seen in ref.attempts.items()):
                # By an older copy the run could end, and its memory of these attempts with it.
                now = self._clock.now()
                view = await self._set_back.remember(ref.resource_id, ref.attempts, now)
        step = self._next(view, ref.at or self._clock.now())
        return step.model_copy(update={"labels": labels})

    @activity.defn
    async def record(self, heard: Heard) -> Step:
        """Store the outcome of a step that ended while the store was away. Repeats change nothing.

        Raises:
            ApplicationError: `NOT_OF_A_STEP`, never retried: no step can have this outcome, or
                another resource's run brings it. Nothing was stored. Or `FORGOTTEN`, as for `load`.
        """
        try:
            _require_own_run(heard)
            async with self._halting_if_forgotten(heard.resource_id):
                await self._book.record(heard)
                return Step(said="recorded")
        except NotOfAStep as forged:
            log.error("%s", forged)
            raise ApplicationError(str(forged), type=NOT_OF_A_STEP, non_retryable=True) from forged

    @activity.defn
    async def cancel(self, request: CancelRequest) -> NextStep:
        """Record the cancel command; recorded twice, it is one command.

        Raises:
            ApplicationError: `FORGOTTEN`, as for `load`.
        """
        async with self._halting_if_forgotten(request.resource_id):
            commanded = await self._commands.cancel(
                request.resource_id,
                command_id=request.command_id,
                by=request.by,
                why=request.why,
                now=self._clock.now(),
                by_its_run=True,
            )
        return self._next(commanded.view, request.at)

    def _next(self, view: View, at: datetime) -> NextStep:
        return next_step(self._kinds[view.kind], view, at, leaves_after=self._leaves_after)

    @asynccontextmanager
    async def _halting_if_forgotten(self, resource_id: str) -> AsyncIterator[None]:
        """Halt everything if the database does not have the resource.

        A resource is recorded before it runs. So a run without a record proves that the database is
        an older copy, or another database.
        """
        try:
            yield
        except UnknownResource as error:
            log.error(
                "payment %s runs and is not in the database: everything is halted, see "
                "`finality halts`", resource_id,
            )  # fmt: skip
            await self._set_back.forgot(resource_id, self._clock.now())
            raise ApplicationError(str(error), type=FORGOTTEN) from error


def _require_own_run(heard: Heard) -> None:
    run_of = (activity.info().workflow_id or "").rpartition("/")[2]
    if run_of != heard.resource_id:
        raise NotOfAStep(heard.resource_id, f"the run of {run_of!r} brings what was heard of it")
