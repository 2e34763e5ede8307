"""The steps that call a partner: one send or lookup, one read.

The book decides what a step may do. So a step may be repeated at any time, by any process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

from temporalio import activity

from activities.messages import Step, StepRequest
from activities.uninterrupted import Heartbeat, uninterrupted
from domain.clock import ClocksApart
from domain.lifecycle.answers import NeedsUser, NotReady, Subject, Unprepared, WireRequest
from domain.lifecycle.callback import WaitForUser
from domain.lifecycle.future import redated
from domain.lifecycle.gate import Examined
from domain.lifecycle.heard import Heard, heard_of_lookup, heard_of_read, heard_of_send
from domain.lifecycle.kind import next_step
from domain.lifecycle.kinds import kind_of
from domain.lifecycle.places import is_same_place
from domain.lifecycle.sending import Answer, Move
from domain.lifecycle.silence import has_answered, is_answer

if TYPE_CHECKING:
    from activities.checks import Checks
    from activities.clocks import Clocks, Moments
    from activities.witness import Witness
    from domain.lifecycle.kind import Kinds
    from domain.lifecycle.view import View
    from partners.interface import Partner
    from store.future import Future
    from store.sending import Draft, Reading, SendBook, Turn
    from store.turns import ReadTurns

Looked = TypeVar("Looked", "Draft", "Reading")

_BEAT_SECONDS: Final = 1.0
#: The part of the activity's time that is left when we stop trying to record the outcome, and
#: return it to the workflow.
_MARGIN: Final = timedelta(seconds=10)
#: The time that a last try may take of that margin.
_LAST_TRY: Final = timedelta(seconds=5)
#: The pause if the settings name another place for the account than the resource does.
_ELSEWHERE_PAUSE: Final = timedelta(minutes=5)
#: The pause if the clock of this process is wrong. Another process may take the step meanwhile.
_APART_PAUSE: Final = timedelta(seconds=10)


class PartnerSteps:
    """Runs on a partner's own queue. Any process may run any step any number of times."""

    def __init__(
        self,
        *,
        kinds: Kinds,
        partners: Mapping[tuple[str, str], Partner],
        book: SendBook,
        turns: ReadTurns,
        checks: Checks,
        witness: Witness,
        clocks: Clocks,
        future: Future,
        store_away: tuple[type[Exception], ...],
        leaves_after: timedelta | None = None,
        others: Mapping[str, Mapping[tuple[str, str], Partner]] = MappingProxyType({}),
    ) -> None:
        """Make the steps.

        Args:
            others: the partners of other lifecycles than payments, by the lifecycle's name.
        """
        self._kinds = kinds
        self._partners = partners
        self._others = others
        self._book = book
        self._turns = turns
        self._checks = checks
        self._witness = witness
        self._clocks = clocks
        self._future = future
        self._store_away = store_away
        self._leaves_after = leaves_after

    @activity.defn
    async def instruct(self, request: StepRequest) -> Step:
        """Take the one step that the send book allows now.

        Raises:
            ClocksApart: our clock differs from the others. Nothing was done.
            LookupError: the partner's account is not in the settings of this worker.
        """
        async with Heartbeat(activity.heartbeat, _BEAT_SECONDS):
            return await uninterrupted(self._timed(request, self._instruct))

    @activity.defn
    async def read(self, request: StepRequest) -> Step:
        """Read the resource at the partner.

        Raises:
            ClocksApart: our clock differs from the others. Nothing was done.
            LookupError: the partner's account is not in the settings of this worker.
        """
        async with Heartbeat(activity.heartbeat, _BEAT_SECONDS):
            return await uninterrupted(self._timed(request, self._read))

    async def _timed(
        self, request: StepRequest, step: Callable[[StepRequest, Moments], Awaitable[Step]]
    ) -> Step:
        """Take the step if our clock agrees with the others.

        Otherwise our clock sends, asks and dates nothing: a person is asked to correct it, and the
        workflow tries again, perhaps in another process.

        Raises:
            ClocksApart: our clock does not agree.
        """
        began = activity.info().started_time
        try:
            moments = await self._clocks.agree()
        except ClocksApart as apart:
            why = NotReady(str(apart), began + _APART_PAUSE, needs_person=True)
            await self._book.postpone(request.resource_id, why, began)
            raise
        return await step(request, moments)

    async def _dated(
        self,
        request: StepRequest,
        moments: Moments,
        look: Callable[[str, datetime], Awaitable[Looked]],
    ) -> Looked:
        """What the store says before a step.

        Moments of the resource that a fast clock dated in the future are corrected first.
        """
        found = await look(request.instruction_id, moments.now())
        if found.is_ahead and await self._future.mend(request.resource_id, moments.now):
            found = await look(request.instruction_id, moments.now())
        return found

    async def _instruct(self, request: StepRequest, moments: Moments) -> Step:
        draft = await self._dated(request, moments, self._book.draft)
        if draft.move not in (Move.CHECK, Move.SEND, Move.LOOK_UP):
            turn = await self._book.begin(
                request.instruction_id, moments.now(), known=request.attempts, may_send=False
            )
            return self._stored(turn.view, moments)
        passed: Examined | None = None
        if draft.move is Move.CHECK:
            passed = await self._checks.examine(request.resource_id, draft.subject.order)
            if not passed.passed:
                held = await self._book.hold(request.instruction_id, passed, known=request.attempts)
                return self._stored(held, moments)
        partner = self._partner(draft.subject)
        if not_ready := await self._ready(draft.subject, partner, moments):
            return await self._postpone(request, not_ready, moments, draft.subject)
        not_compared = await self._not_compared(draft.subject)
        if not_compared is not None and draft.move is not Move.LOOK_UP:
            return await self._postpone(request, not_compared, moments, draft.subject)
        wire_request: WireRequest | None = None
        if draft.move is not Move.LOOK_UP and not draft.has_request:
            preparation = await partner.prepare(draft.subject)
            if isinstance(preparation, Unprepared):
                return await self._unprepared(request, preparation, moments, draft.subject)
            if isinstance(preparation, NeedsUser):
                self._note(draft.subject, is_answer(preparation.exchange), "", moments)
                waits = WaitForUser(preparation, draft.subject, passed)
                view = await self._book.await_user(
                    request.instruction_id, waits, moments.now(), known=request.attempts
                )
                return self._stored(view, moments)
            wire_request = preparation.request
        turn = await self._book.begin(
            request.instruction_id,
            moments.now(),
            request=wire_request,
            passed=passed,
            known=request.attempts,
            may_send=not_compared is None,
        )
        match turn.move:
            case Move.SEND:
                heard = await self._send(request, partner, turn, moments)
            case Move.LOOK_UP:
                answer = await partner.find(turn.subject)
                heard = heard_of_lookup(
                    request.resource_id,
                    request.instruction_id,
                    answer,
                    moments.now(),
                    needs_watermark=turn.needs_watermark,
                )
            case _:
                return self._stored(turn.view, moments)
        self._note(draft.subject, is_answer(heard.exchange), heard.why, moments)
        return await self._record(heard, moments)

    async def _not_compared(self, subject: Subject) -> NotReady | None:
        """None: new payments may be sent. A cancel needs no comparison with the partner's list."""
        if not kind_of(subject.kind).moves_money_out:
            return None
        return await self._witness.not_compared(*subject.account)

    async def _send(
        self, request: StepRequest, partner: Partner, turn: Turn, moments: Moments
    ) -> Heard:
        assert turn.request is not None
        assert turn.deadline is not None
        answer = await partner.submit(turn.subject, turn.request, turn.deadline)
        return heard_of_send(
            request.resource_id,
            request.instruction_id,
            turn.attempt,
            answer,
            moments.now(),
            nonce=turn.nonce,
        )

    async def _read(self, request: StepRequest, moments: Moments) -> Step:
        reading = await self._dated(request, moments, self._book.reading)
        subject = reading.subject
        partner = self._partner(subject)
        if not_ready := await self._ready(subject, partner, moments):
            return await self._postpone(request, not_ready, moments, subject)
        if quota := partner.profile.quota:
            now = moments.now()
            waits = await self._turns.take(request.resource_id, partner.login, quota, now)
            if waits is not None:
                return self._stored(waits, moments)
        answer = await partner.read(subject)
        heard = heard_of_read(
            request.resource_id,
            request.instruction_id,
            answer,
            moments.now(),
            reading.inbox_through,
        )
        self._note(subject, is_answer(heard.exchange), heard.why, moments)
        return await self._record(heard, moments)

    async def _postpone(
        self,
        request: StepRequest,
        why: NotReady | Unprepared,
        moments: Moments,
        subject: Subject,
    ) -> Step:
        self._note(subject, has_answered(why), why.why, moments)
        view = await self._book.postpone(request.resource_id, why, moments.now())
        return self._stored(view, moments)

    async def _unprepared(
        self, request: StepRequest, why: Unprepared, moments: Moments, subject: Subject
    ) -> Step:
        if why.refused is None:
            return await self._postpone(request, why, moments, subject)
        heard = Heard(
            resource_id=request.resource_id,
            instruction_id=request.instruction_id,
            heard_at=moments.now(),
            why=why.why,
            answer=Answer.REFUSED,
            report=why.refused,
            exchange=why.exchange,
        )
        view = await self._book.refuse(heard, known=request.attempts)
        return self._stored(view, moments)

    async def _record(self, heard: Heard, moments: Moments) -> Step:
        """Record the outcome, and retry while the store is away.

        If the time runs out, the step returns the outcome to the workflow, so no reply is lost.
        """
        heard = redated(heard, moments.now())
        info = activity.info()
        give_up_at = info.started_time + (info.start_to_close_timeout or timedelta()) - _MARGIN
        away: tuple[type[Exception], ...] = (TimeoutError, *self._store_away)
        pause_seconds = 0.1
        while True:
            left = give_up_at - moments.now()
            try:
                # Our timeout does not stop a transaction that waits for its turn, and it may still
                # commit. Recording the same again then changes nothing.
                async with asyncio.timeout(max(left, _LAST_TRY).total_seconds()):
                    return self._stored(await self._book.record(heard), moments)
            except away:
                if moments.now() >= give_up_at:
                    return Step(said=f"not recorded yet: {heard.why}", unrecorded=heard)
                await asyncio.sleep(pause_seconds)
                pause_seconds = min(pause_seconds * 2, 5.0)

    def _stored(self, view: View, moments: Moments) -> Step:
        """A step whose outcome is in the store."""
        kind, folded = self._kinds[view.kind], view.folded
        words = f": {folded.partner_status}" if folded.partner_status else ""
        return Step(
            said=f"{folded.state} ({folded.certainty}), {kind.headline(folded)}{words}",
            next=next_step(kind, view, moments.now(), leaves_after=self._leaves_after),
        )

    async def _ready(self, subject: Subject, partner: Partner, moments: Moments) -> NotReady | None:
        """None: the partner may be called, and the account is at the resource's place."""
        now_at = partner.profile.environment
        if is_same_place(subject.environment, now_at, partner.profile.formerly):
            return await partner.ready()
        account = "/".join(subject.account)
        return NotReady(
            f"account {account} is at {now_at!r} in the settings, but was at "
            f"{subject.environment!r} when this was accepted. Restore the account's "
            "settings, and give the new account a name of its own. If the same customer only "
            "changed its login, add the old login to `former_login_ids` instead",
            moments.now() + _ELSEWHERE_PAUSE,
            needs_person=True,
        )

    def _note(self, subject: Subject, answered: bool | None, why: str, moments: Moments) -> None:
        account = "/".join(subject.account)
        self._witness.silences.note(account, answered, why, moments.now())

    def _partner(self, subject: Subject) -> Partner:
        partner, account = subject.account
        among = self._others.get(kind_of(subject.kind).lifecycle, self._partners)
        try:
            return among[partner, account]
        except KeyError:
            raise LookupError(
                f"partner account {account!r} of {partner!r} is not in the settings of this "
                "worker; add it, since its payments wait until then"
            ) from None
