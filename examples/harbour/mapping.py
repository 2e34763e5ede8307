"""The bank's words in ours: the only file that knows both languages."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from domain.lifecycle.profile import InstructionKind
from domain.payments.answers import Subject
from domain.payments.order import Order
from domain.payments.report import Movement, MovementKind, Observed, PaymentState, Report, Source
from examples.harbour import wire

CANCELLED: Final = "cancelled"
#: An unknown status is never guessed: the payment keeps its state, and a person is asked.
STATES: Final = {
    "received": PaymentState.ACCEPTED,
    "sent": PaymentState.PROCESSING,
    "booked": PaymentState.SETTLED,
    "returned": PaymentState.RETURNED,
    "declined": PaymentState.REJECTED,
    CANCELLED: PaymentState.CANCELLED,
}
#: Errors that, by their reference, mean that this request was not and will not be executed.
REFUSED: Final = frozenset({"malformed", "insufficient_funds", "invalid_account", "too_late"})
#: Errors about the key of the request.
DUPLICATE: Final = frozenset({"key_reused", "duplicate_word"})


def asked(order: Order) -> dict[str, str | int]:
    """The order as the bank takes it."""
    return {
        "reference": order.end_to_end_id,
        "account": order.creditor_account.number,
        "name": order.creditor.name,
        "amount_minor": order.instructed_amount.minor,
        "currency": order.instructed_amount.currency,
    }


def report(subject: Subject, order: wire.Order, source: Source, as_of: datetime) -> Report:
    """What the order says about the money. `as_of` is the moment our question was sent."""
    state = STATES.get(order.status)
    booked = {MovementKind.DEBIT: order.debited_at, MovementKind.RETURN: order.returned_at}
    return Report(
        instruction_id=subject.instruction_id,
        source=source,
        as_of=as_of,
        state=state,
        partner_status=order.status,
        partner_reference=order.id,
        # Compared with the payment: a difference freezes it.
        observed=Observed(amount=order.amount, creditor_account_ends=order.account[-4:]),
        movements=tuple(
            Movement(movement_id=f"{order.id}-{kind}", kind=kind, amount=order.amount)
            for kind in booked
            if booked[kind]
        ),
        lists_all_movements=True,
        drift=(*order.drift, *(() if state else (f"order.status: unknown {order.status[:40]!r}",))),
    )


def refused(subject: Subject, refusal: wire.Refusal, as_of: datetime) -> Report:
    """A refusal. A cancel that is refused says nothing about its payment."""
    is_pay = subject.kind is InstructionKind.PAY
    return Report(
        instruction_id=subject.instruction_id,
        source=Source.REPLY,
        as_of=as_of,
        state=PaymentState.REJECTED if is_pay else None,
        partner_status=refusal.error,
        partner_reference=subject.partner_reference,
        reason=refusal.error.replace("_", " "),
    )
