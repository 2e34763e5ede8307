"""The claims and reversals of a payment as people read them: each with its state and its dates.

They are read from the same evidence as the payment's own state, and nothing is decided from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from domain.lifecycle.book import Answer, Book, Closed, LookupResult
from domain.lifecycle.kinds import kind_of
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.resource import Instruction
from domain.lifecycle.reversals import Reversal, ReversalKind, ReversalState
from domain.money import Money
from domain.payments.movements import movements_of
from domain.payments.payment import Payment
from domain.payments.report import Movement, Report


class CaptureState(StrEnum):
    """Where a capture, an increment or a confirmation stands. The words are those of reversals."""

    REQUESTED = "requested"
    DONE = "done"
    """The partner has executed it."""
    FAILED = "failed"
    """It was closed, proven without an effect. Its amount can be claimed again."""


@dataclass(frozen=True)
class Claim:
    """Who asked for a claim, when, and under which key."""

    instruction_id: str
    key: str
    by: str
    asked_at: datetime


@dataclass(frozen=True)
class Episode:
    """One capture, increment, confirmation or reversal."""

    kind: InstructionKind | ReversalKind
    state: CaptureState | ReversalState
    amount: Money
    is_open: bool
    """Its outcome, or the money that follows from it, is still to come."""
    is_shown: bool = False
    """The partner has shown it in its state."""
    in_doubt: bool = False
    """We sent it, and nobody knows yet whether the partner has executed it."""
    claim: Claim | None = None
    """None if nobody of ours asked for it."""
    since: datetime | None = None
    """Since when it has been in its state, as far as we were told."""
    booked_at: datetime | None = None
    """The partner's time of its last booking; None if none is shown, or without a time."""
    deadline: datetime | None = None
    """Until when evidence can be given, or the payer's bank may decide."""
    reason: str | None = None
    reference: str | None = None
    """The partner's id."""
    taken: Money | None = None
    """What a reversal has taken from us, less what it gave back, by the bookings."""

    @property
    def instruction_id(self) -> str | None:
        """The instruction of ours that asked for it."""
        return self.claim.instruction_id if self.claim else None


#: Why a claim was closed without an effect, unless the partner gives a reason of its own.
_WHY: Final = {
    Closed.REFUSED: "the partner refused it",
    Closed.EXPIRED: "it could not be sent in time",
    Closed.CANCELLED: "the payment was to be cancelled before it was sent",
    Closed.NOT_EXECUTED: "operators found that the partner did not execute it",
    Closed.MOOT: "the payment ended before it was sent",
}


def episodes(
    payment: Payment,
    instructions: Sequence[Instruction],
    claims: Iterable[Claim],
    reports: Sequence[Report],
) -> tuple[Episode, ...]:
    """All captures, increments and confirmations, and then all reversals.

    Those that we asked for come first, in that order.
    """
    claimed = {claim.instruction_id: claim for claim in claims}
    ours = {each.instruction_id: each for each in instructions if each.instruction_id in claimed}
    movements = movements_of(reports)
    captures = [
        _capture(each, claimed[each.instruction_id], payment, reports, movements)
        for each in ours.values()
        if not kind_of(each.kind).reverses
    ]
    reversals = [_reversal(each, ours, claimed, reports, movements) for each in payment.reversals]
    return (*sorted(captures, key=_place), *sorted(reversals, key=_place))


def _place(episode: Episode) -> tuple[bool, float]:
    """By the moment at which it was asked for or, without one, at which it came to its state."""
    at = episode.claim.asked_at if episode.claim else episode.since
    return (episode.claim is None, at.timestamp() if at else 0.0)


def _capture(
    capture: Instruction,
    claim: Claim,
    payment: Payment,
    reports: Sequence[Report],
    movements: Sequence[Movement],
) -> Episode:
    assert capture.amount is not None, "it claims an amount"
    book = capture.book
    state, since = CaptureState.REQUESTED, claim.asked_at
    if capture.is_undone:
        state = CaptureState.FAILED
        since = max((a.closed_at for a in book.attempts if a.closed_at), default=since)
    elif book.answered:
        state, since = CaptureState.DONE, _answered_at(book) or since
    own = [each for each in reports if each.instruction_id == capture.instruction_id]
    # A partner may answer a capture with the id of the payment. That is no id of the capture.
    named = (each.partner_reference for each in own)
    reference = next(
        (each for each in named if each not in (None, payment.partner_reference)), None
    )
    return Episode(
        kind=InstructionKind(capture.kind),
        state=state,
        amount=capture.amount,
        is_open=capture.is_open,
        is_shown=book.answered,
        in_doubt=book.in_doubt,
        claim=claim,
        since=since,
        booked_at=_booked_at(reference, movements),
        reason=_why(book, own),
        reference=reference,
    )


def _reversal(
    reversal: Reversal,
    ours: Mapping[str, Instruction],
    claimed: Mapping[str, Claim],
    reports: Sequence[Report],
    movements: Sequence[Movement],
) -> Episode:
    refund = ours.get(reversal.instruction_id or "")
    claim = claimed.get(reversal.instruction_id or "")
    own = [each for each in reports if refund and each.instruction_id == refund.instruction_id]
    seen = [
        each.as_of
        for each in reports
        for word in each.reversals
        if word.reference == reversal.reference and word.state is reversal.state
    ]
    since = min(seen) if seen else claim.asked_at if claim else None
    return Episode(
        kind=reversal.kind,
        state=reversal.state,
        amount=reversal.amount,
        is_open=reversal.is_open,
        is_shown=bool(seen),
        in_doubt=refund is not None and refund.book.in_doubt,
        claim=claim,
        since=since,
        booked_at=_booked_at(reversal.reference, movements),
        deadline=reversal.deadline,
        reason=reversal.reason or (_why(refund.book, own) if refund else None),
        reference=reversal.reference,
        taken=reversal.taken,
    )


def _answered_at(book: Book) -> datetime | None:
    """When we first knew that the partner has it; None if only its reference says so."""
    accepted = [a.closed_at for a in book.attempts if a.answer is Answer.ACCEPTED and a.closed_at]
    found = [each.asked_at for each in book.lookups if each.result is LookupResult.FOUND]
    return min((*accepted, *found), default=None)


def _why(book: Book, own: Sequence[Report]) -> str | None:
    """Why it came to nothing; None if it did not."""
    if book.closed is None or book.answered:
        return None
    said = [each.reason for each in own if each.reason]
    return said[-1] if said else _WHY[book.closed]


def _booked_at(reference: str | None, movements: Sequence[Movement]) -> datetime | None:
    own = (each.booked_at for each in movements if reference and each.reference == reference)
    return max((at for at in own if at is not None), default=None)
