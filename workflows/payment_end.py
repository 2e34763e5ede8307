"""Waits for the end of a payment, so that a Nexus operation of another team can end with it.

The payment's own run cannot do that. It may be reset, terminated or left out of Temporal, and
another one goes on; a caller would take the end of the run for the end of the payment. So this run
waits beside it, and asks the store. Several operations for one payment share one run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.payment_ends import EndCancel, EndWanted, PaymentEnds, Seen

_TIMEOUT: Final = timedelta(seconds=10)
_REFUSED_PAUSE_SECONDS: Final = 60.0

Asked = TypeVar("Asked")


@workflow.defn
class PaymentEndWorkflow:
    """Waits until nothing is owed for one payment."""

    def __init__(self) -> None:
        self._cancels = False
        self._cancel_heard = False

    @workflow.run
    async def run(self, wanted: EndWanted) -> dict[str, Any]:
        """The payment's object as soon as the payment is over, in whatever state that is.

        A cancel of this run cancels the payment, if that is still possible. It does not end the
        run: the payment's end is the answer to the cancel, too.
        """
        while True:
            try:
                seen = await self._look(wanted)
                if seen is not None and seen.is_over and not self._cancels:
                    return dict(seen.payment)
                if workflow.info().is_continue_as_new_suggested():
                    workflow.continue_as_new(wanted)
                if seen is None or not self._cancels:
                    await self._wait(seen)
            except (asyncio.CancelledError, ActivityError):
                if workflow.cancellation_reason() is None or self._cancel_heard:
                    raise
                self._cancel_heard = self._cancels = True

    async def _look(self, wanted: EndWanted) -> Seen | None:
        if not self._cancels:
            return await self._asked(PaymentEnds.look, wanted, "see how the payment stands")
        cancel = EndCancel(
            payment_id=wanted.payment_id, command_id=f"nexus/{workflow.info().run_id}"
        )
        seen = await self._asked(
            PaymentEnds.cancel, cancel, "cancel the payment, as the caller did"
        )
        self._cancels = seen is None
        return seen

    async def _asked(
        self, step: Callable[[Any, Asked], Awaitable[Seen]], asked: Asked, summary: str
    ) -> Seen | None:
        """The answer of our own store, for which a local activity waits. None: it is not ours."""
        seen: object = await workflow.execute_local_activity_method(
            step, asked, start_to_close_timeout=_TIMEOUT, summary=summary
        )
        if isinstance(seen, Seen):
            return seen
        workflow.logger.warning("%s: %s", summary, seen)
        return None

    async def _wait(self, seen: Seen | None) -> None:
        seconds = _REFUSED_PAUSE_SECONDS if seen is None else seen.pause_seconds
        await workflow.sleep(
            timedelta(seconds=seconds), summary="a pause before the next look at the payment"
        )
