"""The life of a payment: load it, ask `due`, do the step or wait, until nothing is due.

The workflow owns time and waiting. The truth is in the store, so any run can replace another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeUpdate
from temporalio.exceptions import ActivityError, ApplicationError

from activities.partner_steps import PartnerSteps, Step, StepRequest
from activities.payment_store import (
    FORGOTTEN,
    NOT_OF_A_STEP,
    CancelRequest,
    PaymentRef,
    PaymentStore,
)
from domain.display import display
from domain.due import Due, Owed, deadline_of, due
from domain.heard import Heard
from domain.ids import partner_queue
from domain.payment import Certainty
from domain.states import STATES, Whose
from domain.view import PaymentView
from workflows.attributes import (
    CERTAINTY,
    DEADLINE,
    END_TO_END_HASH,
    KIND,
    NO_DEADLINE,
    PARTNER,
    RAIL,
    REQUIRES,
    STATE,
    TENANT,
)

#: Longer than the sum of a step's own deadlines: login, preparation, send, recording.
_STEP_TIMEOUT: Final = timedelta(minutes=3)
#: A killed worker is noticed within this time. The book knows what it may have sent.
_HEARTBEAT_TIMEOUT: Final = timedelta(seconds=4)
_ONCE: Final = RetryPolicy(maximum_attempts=1)
#: If the database does not have the payment, the run itself retries, and shows that in the UI.
_UNLESS_FORGOTTEN: Final = RetryPolicy(non_retryable_error_types=[FORGOTTEN])
_FORGOTTEN_PAUSE: Final = timedelta(minutes=1)
_FORGOTTEN_PAUSE_MAX: Final = timedelta(minutes=30)
_PAUSE_MAX_SECONDS: Final = 60
_IDLE_PAUSE: Final = timedelta(seconds=1)
#: What the search attribute `Kind` calls this workflow.
_KIND: Final = "payment"

Asked = TypeVar("Asked")


@workflow.defn
class PaymentWorkflow:
    """Drives one payment until nothing is due.

    It has no state of its own: any run may be killed, reset or replaced, and the next one goes on
    from the store. It remembers only how many attempts it saw, to notice a store that was set back.
    """

    def __init__(self) -> None:
        self._news = False
        self._view: PaymentView | None = None
        self._stepped = False
        self._steps = 0
        self._failures = 0
        self._forgotten = 0
        self._cancel_heard = False
        self._shown: tuple[object, ...] = ()
        self._attempts: dict[str, int] = {}
        self._leaves_after: timedelta | None = None

    @workflow.run
    async def run(self, ref: PaymentRef) -> str:
        """Run until the payment ends, or until it waits so long that the run may leave Temporal.

        The result describes the payment in words.
        """
        view: PaymentView | None = None
        self._attempts = dict(ref.attempts)
        while True:
            try:
                if view is None:
                    view = await self._load(ref)
                owed = due(view, workflow.now())
                if owed.owed is Owed.OVER and not self._news:
                    return await self._end(view, owed)
                if self._may_leave(owed):
                    self._show(view, owed)
                    await self._answer_handlers()
                    if not self._news:
                        return _sleeping(view, owed)
                view = await self._do_or_wait(ref, view, owed)
                if workflow.info().is_continue_as_new_suggested():
                    await self._answer_handlers()
                    workflow.continue_as_new(
                        PaymentRef(
                            tenant=ref.tenant,
                            payment_id=ref.payment_id,
                            attempts=self._attempts,
                        )
                    )
            except (asyncio.CancelledError, ActivityError):
                # Temporal's own cancel becomes our cancel command, once, and does not end the run.
                # A step under way goes on in its worker, and its outcome reaches the store.
                if workflow.cancellation_reason() is None or self._cancel_heard:
                    raise
                self._cancel_heard = True
                view = await self._cancel(ref, "temporal", "cancelled in Temporal")

    def _may_leave(self, owed: Due) -> bool:
        """Whether the payment waits so long that its run may end, if settings allow that.

        Its row says when the next step is due, and upkeep starts a run then. News before that
        starts a run as well.
        """
        if self._leaves_after is None or owed.owed is not Owed.WAIT or owed.until is None:
            return False
        return owed.until - workflow.now() >= self._leaves_after and not self._news

    async def _end(self, view: PaymentView, owed: Due) -> str:
        self._show(view, owed)
        await self._answer_handlers()
        return f"{view.payment.state}: {display(view.payment).headline}"

    async def _answer_handlers(self) -> None:
        """Let every handler finish with what is known now, before this run ends.

        A handler waits for the loop. If the loop waited for the handler as well, both would wait
        for ever. So handlers may wait only for what is set here.
        """
        self._stepped = True
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.signal
    def look_again(self) -> None:
        """Something about this payment changed in the store. The signal does not say what."""
        self._news = True

    @workflow.update
    async def first_news(self) -> PaymentView:
        """The payment after its first step, for a caller who waits for it.

        If the run ends or continues as new before that, the payment as it is then.
        """
        await workflow.wait_condition(lambda: self._stepped and self._view is not None)
        assert self._view is not None
        return self._view

    async def _do_or_wait(self, ref: PaymentRef, view: PaymentView, owed: Due) -> PaymentView:
        match owed.owed:
            case Owed.INSTRUCT:
                view = await self._step(ref, view, owed)
                self._stepped = True
            case Owed.READ:
                view = await self._step(ref, view, owed)
            case Owed.GIVE_UP:
                view = await self._cancel(ref, "deadline", owed.because)
            case Owed.WAIT:
                self._show(view, owed)
                self._stepped = True
                await self._wait(owed.until, owed.because)
            case Owed.OVER:
                pass
        return await self._load(ref) if self._news else view

    async def _step(self, ref: PaymentRef, view: PaymentView, owed: Due) -> PaymentView:
        """One step with the partner. However the activity ends, the store has the truth."""
        assert owed.instruction_id is not None
        request = StepRequest(
            payment_id=ref.payment_id,
            instruction_id=owed.instruction_id,
            attempts=self._attempts[owed.instruction_id],
        )
        instruct = owed.owed is Owed.INSTRUCT
        self._steps += 1
        try:
            step = await workflow.execute_activity_method(
                PartnerSteps.instruct if instruct else PartnerSteps.read,
                request,
                task_queue=partner_queue(view.partner),
                start_to_close_timeout=_STEP_TIMEOUT,
                heartbeat_timeout=_HEARTBEAT_TIMEOUT,
                retry_policy=_ONCE,
                activity_id=f"{'instruct' if instruct else 'read'} {self._steps}",
                summary=owed.because,
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
        assert step.view is not None
        if step.view == view:
            # By the server's clock a step is due and by the worker's not yet, or another one was
            # first. The pause prevents a busy loop.
            await self._wait(workflow.now() + _IDLE_PAUSE, "the last step changed nothing; a pause")
        return self._seen(step.view)

    async def _broke_off(self, ref: PaymentRef, why: object) -> PaymentView:
        """After a crash, a timeout or a bug: pause, load the payment and ask what is due."""
        workflow.logger.warning("step of %s ended without result: %s", ref.payment_id, why)
        self._failures += 1
        pause = min(2 ** (self._failures - 1), _PAUSE_MAX_SECONDS)
        await self._wait(
            workflow.now() + timedelta(seconds=pause), "the last step broke off; a pause"
        )
        return await self._load(ref)

    async def _record(self, ref: PaymentRef, heard: Heard) -> PaymentView:
        """Record the outcome of a step, and retry until our own store confirms it."""
        while True:
            try:
                view = await workflow.execute_activity_method(
                    PaymentStore.record,
                    heard,
                    start_to_close_timeout=timedelta(seconds=30),
                    summary="record what was heard while the store was away",
                )
            except ActivityError as error:
                if workflow.cancellation_reason() is not None and not self._cancel_heard:
                    raise
                cause = error.cause
                if isinstance(cause, ApplicationError) and cause.type == NOT_OF_A_STEP:
                    return await self._broke_off(ref, cause)
                workflow.logger.warning("not recorded for %s: %s", ref.payment_id, error)
                await self._wait(workflow.now() + _IDLE_PAUSE, "recording broke off; a pause")
                continue
            if _is(view, PaymentView):
                return self._seen(view)
            workflow.logger.warning("not recorded for %s: %s", ref.payment_id, view)

    async def _cancel(self, ref: PaymentRef, by: str, why: str) -> PaymentView:
        """Record the cancel command. Its next steps become due like any others."""
        request = CancelRequest(
            payment_id=ref.payment_id,
            command_id=f"{by}/{workflow.info().run_id}",
            by=by,
            why=why,
        )
        return await self._in_store(PaymentStore.cancel, request, f"cancel: {why}")

    async def _load(self, ref: PaymentRef) -> PaymentView:
        seen = PaymentRef(tenant=ref.tenant, payment_id=ref.payment_id, attempts=self._attempts)
        view = await self._in_store(PaymentStore.load, seen, "load the payment")
        self._leaves_after = view.leaves_after
        # The views that steps return do not have it, and they are compared with this view.
        return self._seen(view.model_copy(update={"leaves_after": None}))

    async def _in_store(
        self,
        step: Callable[[PaymentStore, Asked], Awaitable[PaymentView]],
        asked: Asked,
        summary: str,
    ) -> PaymentView:
        """Ask our own store, and ask again if the answer is not from a worker of ours."""
        while True:
            if step is PaymentStore.load:
                self._news = False
            try:
                view = await workflow.execute_local_activity_method(
                    step,
                    asked,
                    start_to_close_timeout=timedelta(seconds=10),
                    retry_policy=_UNLESS_FORGOTTEN,
                    summary=summary,
                )
            except (ActivityError, ApplicationError) as error:
                await self._wait_if_forgotten(error)
                continue
            if _is(view, PaymentView):
                return self._seen(view)
            workflow.logger.warning("%s: %s", summary, view)

    async def _wait_if_forgotten(self, error: ActivityError | ApplicationError) -> None:
        """Wait, because the database does not have the payment: it was set back.

        Everything is halted. The run stays, because it may be all that still knows of the payment.
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
            "**The database does not hold this payment**\n\nIt was set back to an older copy, or "
            "it is another one. Everything is halted: `finality halts` says what to do."
        )
        pause = min(_FORGOTTEN_PAUSE * 2 ** min(self._forgotten, 10), _FORGOTTEN_PAUSE_MAX)
        self._forgotten += 1
        self._news = False
        await self._wait(workflow.now() + pause, "the database that holds this payment")

    def _seen(self, view: PaymentView) -> PaymentView:
        self._view = view
        self._forgotten = 0
        for instruction in view.instructions:
            # Keep the highest number: loading from an older copy must not lower it.
            seen = self._attempts.get(instruction.instruction_id, 0)
            self._attempts[instruction.instruction_id] = max(seen, len(instruction.book.attempts))
        return view

    async def _wait(self, until: datetime | None, why: str) -> None:
        """Wait until news comes or until the moment, whichever is first."""
        left = None if until is None else max(until - workflow.now(), timedelta(milliseconds=1))
        try:
            await workflow.wait_condition(
                lambda: self._news, timeout=left, timeout_summary=f"waits for {why}"
            )
        except TimeoutError:
            return

    def _show(self, view: PaymentView, owed: Due) -> None:
        """Set what the Temporal UI shows. All search attributes change together, and seldom."""
        payment = view.payment
        findings = "".join(f"\n- {f.kind}: {f.text}" for f in payment.findings)
        findings += "".join(
            f"\n- over, by {f.closed_by}: {f.kind}: {f.text}" for f in payment.closed_findings
        )
        workflow.set_current_details(
            f"**{display(payment).headline}** ({payment.state}, {payment.certainty})\n\n"
            f"Waits for {owed.in_words}.\n{findings}"
            if owed.owed is Owed.WAIT
            else f"**{display(payment).headline}** ({payment.state})\n{findings}"
        )
        requires = _requires(view)
        deadline = deadline_of(view)
        shown = (payment.state, payment.certainty, requires, deadline)
        if shown == self._shown:
            return
        changes: list[SearchAttributeUpdate[Any]] = [
            STATE.value_set(payment.state),
            CERTAINTY.value_set(payment.certainty),
            REQUIRES.value_set(requires),
            DEADLINE.value_set(deadline or NO_DEADLINE),
        ]
        if not self._shown:
            changes += [
                KIND.value_set(_KIND),
                TENANT.value_set(view.tenant),
                PARTNER.value_set(view.partner),
                RAIL.value_set(view.rail),
                END_TO_END_HASH.value_set(view.end_to_end_hash),
            ]
        workflow.upsert_search_attributes(changes)
        self._shown = shown


def _is(value: object, kind: type) -> bool:
    """Whether the value is our own, and not one that says why the answer was refused."""
    return isinstance(value, kind)


def _sleeping(view: PaymentView, owed: Due) -> str:
    """The result of a run that ends while its payment waits."""
    return (
        f"sleeps until {owed.until:%Y-%m-%d %H:%M:%S} UTC, waits for {owed.because} "
        f"({view.payment.state}: {display(view.payment).headline}). Upkeep starts the next run"
    )


def _requires(view: PaymentView) -> Whose:
    """Who has to act next, also if something is in question."""
    payment = view.payment
    requires = STATES[payment.state].requires
    if payment.is_frozen:
        return Whose.US
    if requires is Whose.NOBODY and payment.certainty is Certainty.UNKNOWN:
        return Whose.PARTNER
    return requires
