"""A payment's next step, as its workflow is told it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from domain.lifecycle.next_step import Due, NextStep, Owed
from domain.payments.aftermath import evidence_wanted
from domain.payments.display import display
from domain.payments.due import deadline_of, due
from domain.payments.payment import Certainty, Payment
from domain.payments.states import STATES, Whose
from domain.payments.view import PaymentView

#: What the search attribute `Kind` calls a payment.
KIND: Final = "payment"


def next_step(view: PaymentView, now: datetime, *, leaves_after: timedelta | None) -> NextStep:
    """What is due for the payment now, and when its wait ends.

    Args:
        leaves_after: a run whose payment waits for at least this long may end. None: it stays.
    """
    payment, step = view.payment, due(view, now)
    return NextStep(
        state=payment.state,
        certainty=payment.certainty,
        requires=requires(payment),
        headline=display(payment).headline,
        due=step,
        then=_then(view, step),
        attempts={each.instruction_id: len(each.book.attempts) for each in view.instructions},
        deadline=deadline_of(view),
        notes=_notes(payment),
        may_leave=_may_leave(step, now, leaves_after),
    )


def requires(payment: Payment) -> Whose:
    """Who has to act next, also if something is in question."""
    whose = STATES[payment.state].requires
    if payment.is_frozen or any(evidence_wanted(payment)):
        return Whose.US
    if whose is Whose.NOBODY and (payment.certainty is Certainty.UNKNOWN or payment.is_followed):
        return Whose.PARTNER
    return whose


def _then(view: PaymentView, step: Due) -> Due | None:
    """What is due at the end of the wait if nothing happens; None if that is no step either."""
    if step.owed is not Owed.WAIT or step.until is None:
        return None
    after = due(view, step.until)
    return None if after.owed in (Owed.WAIT, Owed.OVER) else after


def _may_leave(step: Due, now: datetime, leaves_after: timedelta | None) -> bool:
    if leaves_after is None or step.owed is not Owed.WAIT or step.until is None:
        return False
    return step.until - now >= leaves_after


def _notes(payment: Payment) -> tuple[str, ...]:
    return (
        *(f"{found.kind}: {found.text}" for found in payment.findings),
        *(
            f"over, by {found.closed_by}: {found.kind}: {found.text}"
            for found in payment.closed_findings
        ),
        *(f"{each.kind} of {each.amount}: {each.state}" for each in payment.reversals),
    )
