"""What is due for a payment now: a pure table, which the store reads after every step."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from domain.lifecycle.due import for_people, read, step_of
from domain.lifecycle.kinds import kind_of
from domain.lifecycle.next_step import Due, Owed
from domain.payments.aftermath import evidence_wanted
from domain.payments.order import Direction
from domain.payments.states import CANCELLABLE, STATES
from domain.payments.view import PaymentView


def due(view: PaymentView, now: datetime) -> Due:
    """The one thing that is due now.

    A wait ends at `until` or when news comes, whichever is first. Whether anything is sent is not
    decided here: `next_move` decides it under the payment's lock, just before the send. Here its
    answer only says whether a step is due, or how long to wait.
    """
    payment = view.payment
    if view.opening is None:
        return for_people(view, now)
    can_read = payment.partner_reference is not None
    if payment.is_over:
        if view.has_news and can_read:
            return read(view, now, _of_use_from(view))
        return Due(Owed.OVER, f"{payment.state}")
    if late := _is_past_its_deadline(view, now):
        return Due(Owed.GIVE_UP, late)
    waits = []
    for instruction in view.instructions:
        step = step_of(view, instruction, now)
        if step and step.owed is not Owed.WAIT:
            return step
        if step and kind_of(instruction.kind).opens:
            return _before_deadline(view, step)  # Before the payment is sent, nothing else is due.
        waits += [step] if step else []
    if can_read:
        waits.append(read(view, now, _of_use_from(view)))
    if not waits:
        waits.append(for_people(view, now))
    return _before_deadline(view, min(waits, key=lambda wait: wait.until or now))


def _is_past_its_deadline(view: PaymentView, now: datetime) -> str:
    """Why it is too late, if no cancel was asked for yet; empty if it is not too late.

    The clock does not cancel it. It makes the cancel command due, and the partner decides.
    """
    if view.cancel_asked or view.payment.state not in CANCELLABLE:
        return ""
    if view.execute_by is not None and now >= view.execute_by:
        return "its deadline for execution has passed"
    until, asked_at = view.folded.action_until, view.last_asked_at
    # The partner was asked after the deadline, and still waits for the payer.
    if until is not None and asked_at is not None and until <= asked_at <= now:
        return "the payer did not act in time"
    return ""


def _before_deadline(view: PaymentView, step: Due) -> Due:
    deadline = view.execute_by
    if step.until is None or deadline is None or view.cancel_asked:
        return step
    if view.payment.state not in CANCELLABLE or step.until <= deadline:
        return step
    return replace(step, until=deadline)


def deadline_of(view: PaymentView) -> datetime | None:
    """The deadline of whatever the payment waits for; None if nothing limits it.

    It changes with the state, and not with every pause between two reads.
    """
    payment = view.payment
    if payment.is_over:
        return None
    if (paying := view.opening) is None:
        return None
    if not paying.book.answered:
        return view.submit_before
    if view.execute_by is not None and payment.state in CANCELLABLE:
        return view.execute_by
    if (until := payment.action_until) is not None:
        return until
    evidence = [each.deadline for each in evidence_wanted(payment) if each.deadline is not None]
    return min(evidence) if evidence else _watched_until(view)


def _of_use_from(view: PaymentView) -> datetime | None:
    """The moment before which a read brings nothing that we wait for; None: read on.

    A reply says that a collection is captured, and the booking comes with a later read. Without the
    booking no refund is admitted, so the end of the watch would be too late for it.
    """
    payment = view.payment
    is_collected = payment.direction is Direction.INCOMING
    if is_collected and view.profile.shows_bookings and not payment.amounts.captured.minor:
        return None
    return _watched_until(view)


def _watched_until(view: PaymentView) -> datetime | None:
    payment, watch = view.payment, view.profile.watch.get(view.rail)
    if not STATES[payment.state].is_watched or payment.is_frozen or payment.is_followed:
        return None
    return payment.settled_at + watch if payment.settled_at and watch is not None else None
