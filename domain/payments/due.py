"""What is due for a payment now: a pure table, which the store reads after every step."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from domain.lifecycle.due import frozen, read, step_of, wait
from domain.lifecycle.kinds import kind_of
from domain.lifecycle.next_step import Due, Owed
from domain.payments.payment import Certainty
from domain.payments.report import PaymentState
from domain.payments.states import CANCELLABLE, ENDS
from domain.payments.view import PaymentView


def due(view: PaymentView, now: datetime) -> Due:
    """The one thing that is due now.

    A wait ends at `until` or when news comes, whichever is first. Whether anything is sent is not
    decided here: `next_move` decides it under the payment's lock, just before the send. Here its
    answer only says whether a step is due, or how long to wait.
    """
    payment = view.payment
    if view.opening is None:
        return wait(view, now, "its instruction, which is missing from the database")
    can_read = payment.partner_reference is not None
    is_over = payment.state in ENDS and payment.certainty is not Certainty.UNKNOWN
    if is_over:
        if view.has_news and can_read:
            return read(view, now, _watched_until(view))
        return Due(Owed.OVER, f"{payment.state}")
    if _is_past_its_deadline(view, now):
        return Due(Owed.GIVE_UP, "its deadline for execution has passed")
    waits = []
    for instruction in view.instructions:
        step = step_of(view, instruction, now)
        if step and step.owed is not Owed.WAIT:
            return step
        if step and kind_of(instruction.kind).opens:
            return _before_deadline(view, step)  # Before the payment is sent, nothing else is due.
        waits += [step] if step else []
    if can_read:
        waits.append(read(view, now, _watched_until(view)))
    if not waits:
        waits.append(wait(view, now, f"a person has to look{frozen(view)}"))
    return _before_deadline(view, min(waits, key=lambda wait: wait.until or now))


def _is_past_its_deadline(view: PaymentView, now: datetime) -> bool:
    """Whether it was not executed in time, and no cancel was asked for yet.

    The clock does not cancel it. It makes the cancel command due, and the partner decides.
    """
    return (
        view.execute_by is not None
        and now >= view.execute_by
        and not view.cancel_asked
        and view.payment.state in CANCELLABLE
    )


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
    if payment.state in ENDS and payment.certainty is not Certainty.UNKNOWN:
        return None
    if (paying := view.opening) is None:
        return None
    if not paying.book.answered:
        return view.submit_before
    if view.execute_by is not None and payment.state in CANCELLABLE:
        return view.execute_by
    return _watched_until(view)


def _watched_until(view: PaymentView) -> datetime | None:
    payment, watch = view.payment, view.profile.watch.get(view.rail)
    if payment.state is not PaymentState.SETTLED or payment.is_frozen:
        return None
    return payment.settled_at + watch if payment.settled_at and watch is not None else None
