"""The feed of a consent: reads its accounts regularly, until their data is erased.

It is no lifecycle: nothing is sent, so it has no book, and what it read is no evidence from which a
state follows. The store decides what is read next and when (`store/account_feeds.py`), so any run
may replace another one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from activities.feed_steps import FeedRef, FeedStep, FeedSteps
from domain.ids import partner_queue

#: Longer than a step reads, with the answer to its last request.
_TIMEOUT: Final = timedelta(minutes=3)
_HEARTBEAT_TIMEOUT: Final = timedelta(seconds=10)
_ONCE: Final = RetryPolicy(maximum_attempts=1)
_PAUSE_MAX_SECONDS: Final = 600


@workflow.defn
class FeedWorkflow:
    """Reads the accounts of one consent as often as its bank allows."""

    def __init__(self) -> None:
        self._news = False
        self._failures = 0

    @workflow.run
    async def run(self, ref: FeedRef) -> str:
        """Run until nothing is to be read or erased any more. The result says why, in words."""
        while True:
            self._news = False
            step = await self._step(ref)
            if step is not None and step.until is None and not self._news:
                return step.said
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(ref)
            if step is not None:
                await self._wait(step.until, step.said)

    @workflow.signal
    def look_again(self) -> None:
        """Something changed in the store: the consent, or a user asks for a reading now."""
        self._news = True

    async def _step(self, ref: FeedRef) -> FeedStep | None:
        """One step. None: it brought no result, and a pause is over."""
        try:
            step: object = await workflow.execute_activity_method(
                FeedSteps.read_accounts,
                ref,
                task_queue=partner_queue(ref.partner),
                start_to_close_timeout=_TIMEOUT,
                heartbeat_timeout=_HEARTBEAT_TIMEOUT,
                retry_policy=_ONCE,
                summary="read what is due of the accounts",
            )
        except ActivityError as error:
            if workflow.cancellation_reason() is not None:
                raise
            step = error
        if isinstance(step, FeedStep):
            self._failures = 0
            return step
        workflow.logger.warning("a step of %s brought no result: %s", ref.consent_id, step)
        self._failures += 1
        pause = min(2 ** min(self._failures, 10), _PAUSE_MAX_SECONDS)
        await self._wait(
            workflow.now() + timedelta(seconds=pause), "the last step brought no result"
        )
        return None

    async def _wait(self, until: datetime | None, why: str) -> None:
        """Wait until news comes or until the moment, whichever is first."""
        if until is None or until <= workflow.now():
            return
        workflow.set_current_details(f"waits until {until:%Y-%m-%d %H:%M} UTC: {why}")
        try:
            await workflow.wait_condition(
                lambda: self._news,
                timeout=until - workflow.now(),
                timeout_summary=f"waits: {why}",
            )
        except TimeoutError:
            return
