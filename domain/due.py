"""What is owed to a payment now: a pure table, asked by the workflow after every step."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from domain.payment import Certainty
from domain.report import PaymentState
from domain.sending import Move, next_move
from domain.states import ENDS
from domain.view import PaymentView


class Owed(StrEnum):
    """The kinds of things a payment can be owed."""

    INSTRUCT = "instruct"
    READ = "read"
    WAIT = "wait"
    OVER = "over"


class Due(NamedTuple):
    """One owed thing; `until` and `because` belong to a wait, `instruction_id` to a step."""

    owed: Owed
    because: str
    until: datetime | None = None
    instruction_id: str | None = None


def due(view: PaymentView, now: datetime) -> Due:
    """The one thing owed now.

    A wait ends at `until` or when news comes, whichever is first. Whether something is sent
    again is not decided here: `next_move` is only asked how long to wait, and is asked again
    under the instruction's lock before anything leaves.
    """
    payment = view.payment
    if payment.state in ENDS and payment.certainty is not Certainty.UNKNOWN:
        return Due(Owed.OVER, f"{payment.state}")
    if payment.is_frozen:
        return _frozen(view, now)
    if view.not_before and now < view.not_before:
        return Due(Owed.WAIT, view.waiting_for or "our login with the partner", view.not_before)
    for instruction in view.instructions:
        operation = view.profile.operation(instruction.kind)
        step = next_move(operation, instruction.book, now, halted=view.halted)
        match step.move:
            case Move.SEND | Move.LOOK_UP | Move.EXPIRE:
                return Due(Owed.INSTRUCT, step.because, instruction_id=instruction.instruction_id)
            case Move.WAIT:
                return Due(Owed.WAIT, step.because, step.until or now + view.profile.parked_pause)
            case Move.PARK:
                return Due(Owed.WAIT, f"parked: {step.because}", now + view.profile.parked_pause)
            case Move.STORED | Move.NOTHING:
                continue
    if payment.partner_reference is None:
        return Due(Owed.WAIT, "a person has to look", now + view.profile.parked_pause)
    return _read(view, now)


def _frozen(view: PaymentView, now: datetime) -> Due:
    """A person has to look; reading goes on, since a later word may settle it."""
    why = next(f"{f.kind}: {f.text}" for f in view.payment.findings if f.freezes)
    if view.payment.partner_reference is None:
        return Due(Owed.WAIT, f"a person has to look ({why})", now + view.profile.parked_pause)
    return _read(view, now, why)


def _read(view: PaymentView, now: datetime, frozen: str | None = None) -> Due:
    if view.has_news:
        return Due(Owed.READ, "the partner has news")
    asked_at = view.last_asked_at or now
    at, why = asked_at + _pause(view), f"the partner: {view.payment.partner_status}"
    settled_at = view.payment.settled_at
    if view.payment.state is PaymentState.SETTLED and settled_at and not frozen:
        watch = view.profile.watch[view.rail]
        # The read that ends the watch has to be asked after it, or it proves nothing.
        at = max(settled_at + watch, asked_at + view.profile.read_pause)
        why = "the watch for returns"
    if now >= at:
        return Due(Owed.READ, why)
    return Due(Owed.WAIT, f"{why} ({frozen})" if frozen else why, at)


def _pause(view: PaymentView) -> timedelta:
    pause: timedelta = view.profile.read_pause * (1 << min(view.reads, 20))
    return min(pause, view.profile.read_pause_max)
