"""The loop of every lifecycle: load, do what is due or wait, until nothing is due.

The workflow owns time and waiting. The truth is in the store, so any run can replace another. The
store says what is due, so a change of its rules cannot break a running history.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from activities.messages import (
    EDITION,
    FORGOTTEN,
    NOT_OF_A_STEP,
    CancelRequest,
    ResourceRef,
    Step,
    StepRequest,
)
from domain.ids import partner_queue
from domain.lifecycle.next_step import Due, Labels, NextStep, Owed
from workflows.temporal_ui import TemporalUi

#: Longer than the sum of a step's own deadlines: login, preparation, send, recording.
_STEP_TIMEOUT: Final = timedelta(minutes=3)
#: A killed worker is noticed within this time. The book knows what it may have sent.
_HEARTBEAT_TIMEOUT: Final = timedelta(seconds=4)
_ONCE: Final = RetryPolicy(maximum_attempts=1)
#: If the database does not have the resource, the run itself retries, and shows that in the UI.
_UNLESS_FORGOTTEN: Final = RetryPolicy(non_retryable_error_types=[FORGOTTEN])
_FORGOTTEN_PAUSE: Final = timedelta(minutes=1)
_FORGOTTEN_PAUSE_MAX: Final = timedelta(minutes=30)
_PAUSE_MAX_SECONDS: Final = 60
_IDLE_PAUSE: Final = timedelta(seconds=1)

Asked = TypeVar("Asked")


class Steps(NamedTuple):
    """The activities of one kind of lifecycle, as methods of their classes."""

    load: Callable[[Any, ResourceRef], Awaitable[NextStep]]
    record: Callable[[Any, Any], Awaitable[Step]]
    cancel: Callable[[Any, CancelRequest], Awaitable[NextStep]]
    instruct: Callable[[Any, StepRequest], Awaitable[Step]]
    read: Callable[[Any, StepRequest], Awaitable[Step]]


class Lifecycle:
    """Drives one resource until nothing is due.

    It has no state of its own: any run may be killed, reset or replaced, and the next one goes on
    from the store. It remembers only how many attempts it saw, to notice a store that was set back.
    """

    steps: ClassVar[Steps]

    def __init__(self) -> None:
        self._news = False
        self._next: NextStep | None = None
        self._labels: Labels | None = None
        self._stepped = False
        self._steps = 0
        self._failures = 0
        self._forgotten = 0
        self._cancel_heard = False
        self._ui = TemporalUi()
        self._edition = 1
        self._attempts: dict[str, int] = {}

    async def drive(self, ref: ResourceRef) -> str:
        """Run until the resource ends, or until it waits so long that the run may leave Temporal.

        The result describes the resource in words.
        """
        self._attempts = dict(ref.attempts)
        self._edition = ref.edition
        known = self._seen(ref.first) if ref.first else None
        while True:
            try:
                if known is None:
                    known = await self._load(ref)
                if known.due.owed is Owed.OVER and not self._news:
                    return await self._end(known)
                if known.may_leave and not self._news:
                    self._show(known)
                    await self._answer_handlers()
                    if not self._news:
                        return _sleeping(known)
                known = await self._do_or_wait(ref, known)
                if workflow.info().is_continue_as_new_suggested():
                    await self._answer_handlers()
                    workflow.continue_as_new(
                        ref.model_copy(
                            update={
                                "attempts": dict(self._attempts),
                                "first": None,
                                "edition": EDITION,
                            }
                        )
                    )
            except (asyncio.CancelledError, ActivityError):
                # Temporal's own cancel becomes our cancel command, once, and does not end the run.
                # A step under way goes on in its worker, and its outcome reaches the store.
                if workflow.cancellation_reason() is None or self._cancel_heard:
                    raise
                self._cancel_heard = True
                known = await self._cancel(ref, "temporal", "cancelled in Temporal")
                if self._labels is None:
                    known = None  # It was cancelled before it was loaded.

    @workflow.signal
    def look_again(self) -> None:
        """Something about this resource changed in the store. The signal does not say what."""
        self._news = True

    @workflow.update
    async def first_news(self) -> NextStep:
        """How the resource stands after its first step, for a caller who waits for it.

        If the run ends or continues as new before that, how it stands then.
        """
        await workflow.wait_condition(lambda: self._stepped and self._next is not None)
        assert self._next is not None
        return self._next

    async def _end(self, known: NextStep) -> str:
        self._show(known)
        await self._answer_handlers()
        return f"{known.state}: {known.headline}"

    async def _answer_handlers(self) -> None:
        """Let every handler finish with what is known now, before this run ends.

        A handler waits for the loop. If the loop waited for the handler as well, both would wait
        for ever. So handlers may wait only for what is set here.
        """
        self._stepped = True
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _do_or_wait(self, ref: ResourceRef, known: NextStep) -> NextStep:
        step = known.due
        match step.owed:
            case Owed.INSTRUCT:
                known = await self._step(ref, known, self.steps.instruct)
                self._stepped = True
            case Owed.READ:
                known = await self._step(ref, known, self.steps.read)
            case Owed.GIVE_UP:
                known = await self._cancel(ref, "deadline", step.because)
            case Owed.WAIT:
                self._show(known)
                self._stepped = True
                await self._wait(step.until, step.because)
                if known.then is None:
                    return await self._load(ref)
                known = known.model_copy(update={"due": known.then, "then": None})
            case Owed.OVER:
                pass
        return await self._load(ref) if self._news else known

    async def _step(
        self,
        ref: ResourceRef,
        known: NextStep,
        activity: Callable[[Any, StepRequest], Awaitable[Step]],
    ) -> NextStep:
        """One step with the partner. However the activity ends, the store has the truth."""
        due = known.due
        assert due.instruction_id is not None
        assert self._labels is not None
        request = StepRequest(
            resource_id=ref.resource_id,
            instruction_id=due.instruction_id,
            attempts=self._attempts[due.instruction_id],
        )
        self._steps += 1
        try:
            step = await workflow.execute_activity_method(
                activity,
                request,
                task_queue=partner_queue(self._labels.partner),
                start_to_close_timeout=_STEP_TIMEOUT,
                heartbeat_timeout=_HEARTBEAT_TIMEOUT,
                retry_policy=_ONCE,
                activity_id=f"{due.owed} {self._steps}",
                summary=due.because,
            )
        except ActivityError as error:
            if workflow.cancellation_reason() is not None and not self._cancel_heard:
                raise
            return await self._broke_off(ref, error)
        if not _is(step, Step):
            # The answer is not from a worker of ours. What the step really did is in the store.
            return await self._broke_off(ref, step)
        self._failures = 0
        if step.unrecorded is not None:
            return await self._record(ref, step.unrecorded)
        assert step.next is not None
        if _is_busy(step.next, known, workflow.now()):
            # By the server's clock a step is due and by the worker's not yet, or another one was
            # first.
            await self._wait(workflow.now() + _IDLE_PAUSE, "a pause: the last step changed nothing")
        return self._seen(step.next)

    async def _broke_off(self, ref: ResourceRef, why: object) -> NextStep:
        """After a crash, a timeout or a bug: pause, load the resource and ask what is due."""
        workflow.logger.warning("a step of %s ended without a result: %s", ref.resource_id, why)
        self._failures += 1
        pause = min(2 ** (self._failures - 1), _PAUSE_MAX_SECONDS)
        await self._wait(
            workflow.now() + timedelta(seconds=pause), "a pause: the last step brought no result"
        )
        return await self._load(ref)

    async def _record(self, ref: ResourceRef, heard: object) -> NextStep:
        """Record the outcome of a step, and retry until our own store confirms it."""
        while True:
            try:
                answer = await workflow.execute_activity_method(
                    self.steps.record,
                    heard,
                    start_to_close_timeout=timedelta(seconds=30),
                    summary="record the outcome of a step, which the store could not take before",
                )
            except ActivityError as error:
                if workflow.cancellation_reason() is not None and not self._cancel_heard:
                    raise
                cause = error.cause
                if isinstance(cause, ApplicationError) and cause.type == NOT_OF_A_STEP:
                    return await self._broke_off(ref, cause)
                workflow.logger.warning(
                    "the outcome of a step of %s is not recorded yet: %s", ref.resource_id, error
                )
                await self._wait(workflow.now() + _IDLE_PAUSE, "a pause: recording failed")
                continue
            if _is(answer, Step):
                return await self._load(ref)
            workflow.logger.warning(
                "the outcome of a step of %s is not recorded yet: %s", ref.resource_id, answer
            )

    async def _cancel(self, ref: ResourceRef, by: str, why: str) -> NextStep:
        """Record the cancel command. Its next steps become due like any others."""
        request = CancelRequest(
            resource_id=ref.resource_id,
            command_id=f"{by}/{workflow.info().run_id}",
            by=by,
            why=why,
            at=workflow.now(),
        )
        return await self._in_store(self.steps.cancel, request, f"cancel: {why}")

    async def _load(self, ref: ResourceRef) -> NextStep:
        self._news = False
        seen = ResourceRef(
            tenant=ref.tenant,
            resource_id=ref.resource_id,
            attempts=dict(self._attempts),
            at=workflow.now(),
        )
        return await self._in_store(self.steps.load, seen, "load what is due")

    async def _in_store(
        self, step: Callable[[Any, Asked], Awaitable[NextStep]], asked: Asked, summary: str
    ) -> NextStep:
        """Ask our own store, and ask again if the answer is not from a worker of ours."""
        while True:
            try:
                known = await workflow.execute_local_activity_method(
                    step,
                    asked,
                    start_to_close_timeout=timedelta(seconds=10),
                    retry_policy=_UNLESS_FORGOTTEN,
                    summary=summary,
                )
            except (ActivityError, ApplicationError) as error:
                await self._wait_if_forgotten(error)
                continue
            if _is(known, NextStep):
                return self._seen(known)
            workflow.logger.warning("%s: %s", summary, known)

    async def _wait_if_forgotten(self, error: ActivityError | ApplicationError) -> None:
        """Wait, because the database does not have the resource: it was set back.

        Everything is halted. The run stays, because it may be all that still knows of the resource.
        It goes on as soon as the right database is back.

        Raises:
            ActivityError: the step failed for another reason.
            ApplicationError: likewise.
        """
        # A local activity's failure comes as it was raised, an activity's as another one's cause.
        cause = error.cause if isinstance(error, ActivityError) else error
        if not isinstance(cause, ApplicationError) or cause.type != FORGOTTEN:
            raise error
        workflow.set_current_details(
            "**This is missing from the database**\n\nThe database was set back to an older copy, "
            "or it is another one. Everything is halted: `finality halts` says what to do."
        )
        pause = min(_FORGOTTEN_PAUSE * 2 ** min(self._forgotten, 10), _FORGOTTEN_PAUSE_MAX)
        self._forgotten += 1
        self._news = False
        await self._wait(workflow.now() + pause, "a database that has this")

    def _seen(self, known: NextStep) -> NextStep:
        self._next = known
        self._labels = known.labels or self._labels
        self._forgotten = 0
        for instruction_id, attempts in known.attempts.items():
            # Keep the highest number: loading from an older copy must not lower it.
            self._attempts[instruction_id] = max(self._attempts.get(instruction_id, 0), attempts)
        return known

    async def _wait(self, until: datetime | None, why: str) -> None:
        """Wait until news comes or until the moment, whichever is first."""
        left = None if until is None else max(until - workflow.now(), timedelta(milliseconds=1))
        try:
            await workflow.wait_condition(
                lambda: self._news, timeout=left, timeout_summary=f"waits: {why}"
            )
        except TimeoutError:
            return

    def _show(self, known: NextStep) -> None:
        self._ui.show(known, self._labels, edition=self._edition)


def _is(value: object, kind: type) -> bool:
    """Whether the value is our own, and not one that says why the answer was refused."""
    return isinstance(value, kind)


def _is_busy(after: NextStep, before: NextStep, now: datetime) -> bool:
    """Whether the loop would come back at once to the step that it has just taken."""
    if after.due.owed is Owed.WAIT:
        return after.due.until is not None and after.due.until <= now
    return (after.due, after.state, after.attempts) == (before.due, before.state, before.attempts)


def _sleeping(known: NextStep) -> str:
    """The result of a run that ends while its resource waits."""
    due: Due = known.due
    return (
        f"sleeps until {due.until:%Y-%m-%d %H:%M:%S} UTC, waits: {due.because} "
        f"({known.state}: {known.headline}). Upkeep starts the next run"
    )
