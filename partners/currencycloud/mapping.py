"""Their words and ours: the only file that knows both languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.answers import Subject
from domain.report import Movement, MovementKind, Observed, PaymentState, Report, Source
from partners.currencycloud.wire import Payment, Refusal, Transaction
from transport.redaction import redact_text

_S = PaymentState

#: Status of a payment -> our state, and ISO 20022 ExternalPaymentTransactionStatus1Code. The
#: words are those of the filter `status` of GET /payments/find: the object itself has no list.
STATE: Final[dict[str, tuple[PaymentState, str]]] = {
    "new": (_S.ACCEPTED, "RCVD"),
    "ready_to_send": (_S.ACCEPTED, "ACTC"),
    "awaiting_authorisation": (_S.AWAITING_US, "PATC"),
    "authorised": (_S.ACCEPTED, "ACCP"),
    "suspended": (_S.AWAITING_PARTNER, "PDNG"),
    "released": (_S.PROCESSING, "ACSP"),
    "submitted": (_S.PROCESSING, "ACSP"),
    "completed": (_S.SETTLED, "ACSC"),
    "deleted": (_S.CANCELLED, "CANC"),
}
#: Means nothing by itself: the bookings tell whether money left (`Bookings.state_if_failed`).
FAILED: Final = "failed"
#: States with which the bookings belong.
BOOKED: Final = frozenset({"completed", FAILED})


@dataclass(frozen=True)
class Bookings:
    """All bookings of one payment, none missing.

    A `payment_unrelease` is the money called back before it went anywhere: it and the debit it
    undoes are left out together.
    """

    movements: tuple[Movement, ...]
    has_pending: bool = False
    drift: tuple[str, ...] = ()

    @property
    def state_if_failed(self) -> PaymentState | None:
        """What `failed` means; None while the bookings do not tell yet."""
        if self.has_pending or self.drift:
            return None
        left = any(each.kind is MovementKind.DEBIT for each in self.movements)
        return PaymentState.RETURNED if left else PaymentState.REJECTED


def bookings(transactions: Sequence[Transaction]) -> Bookings:
    """The movements among a payment's transactions.

    The difference between what left and what came back is no booking, hence no movement: net is
    the sum of what was booked.
    """
    kept: list[tuple[Transaction, MovementKind]] = []
    drift: list[str] = []
    has_pending = False
    for each in sorted(transactions, key=lambda each: (each.created_at, each.type != "debit")):
        match each.status, each.action, each.type:
            case "deleted", _, _:
                continue
            case "pending", _, _:
                has_pending = True
            case "completed", "payment", "debit":
                kept.append((each, MovementKind.DEBIT))
            case "completed", "payment_failure", "credit":
                kept.append((each, MovementKind.RETURN))
            case "completed", "payment_fee", "debit":
                kept.append((each, MovementKind.FEE))
            case "completed", "payment_unrelease", "credit":
                undone = _last_debit(kept, each)
                if undone is None:
                    drift.append("transaction: payment_unrelease without its debit")
                else:
                    del kept[undone]
            case _:
                drift.append(f"transaction: unknown {each.status} {each.action} {each.type}")
    movements = tuple(
        Movement(
            movement_id=each.id, kind=kind, amount=each.money, booked_at=_moment(each.completed_at)
        )
        for each, kind in kept
    )
    return Bookings(movements, has_pending, tuple(drift))


def observed(payment: Payment, beneficiary_id: str | None) -> Observed:
    """What they hold, to be compared with the order."""
    return Observed(
        amount=payment.money,
        beneficiary_is_ours=(
            None if beneficiary_id is None else payment.beneficiary_id == beneficiary_id
        ),
        requested_execution_date=payment.day,
    )


def report(
    subject: Subject,
    payment: Payment,
    booked: Bookings | None,
    *,
    source: Source,
    as_of: datetime,
) -> Report:
    """What a payment object tells. `booked` is None where the bookings were not (all) seen."""
    state: PaymentState | None
    if payment.status == FAILED:
        # Until the bookings tell, it is known only that they hold it.
        state = (booked.state_if_failed if booked else None) or PaymentState.SUBMITTING
        iso = "RJCT" if state is PaymentState.REJECTED else None
    else:
        state, iso = STATE.get(payment.status, (None, None))
    return Report(
        instruction_id=subject.instruction_id,
        source=source,
        as_of=as_of,
        state=state,
        partner_status=payment.status,
        transaction_status=iso,
        reason=_reason(payment, booked),
        partner_reference=payment.id,
        observed=observed(payment, subject.prepared.get("beneficiary_id")),
        movements=booked.movements if booked else (),
        drift=(*payment.drift, *(booked.drift if booked else ())),
        effective_execution_date=payment.day,
    )


def refused(subject: Subject, refusal: Refusal, as_of: datetime) -> Report:
    """They say that they did not and will not do it."""
    return Report(
        instruction_id=subject.instruction_id,
        source=Source.REPLY,
        as_of=as_of,
        state=PaymentState.REJECTED,
        partner_status=refusal.code,
        transaction_status="RJCT",
        reason=redact_text(refusal.text),
    )


def duplicate(subject: Subject, refusal: Refusal, as_of: datetime) -> Report:
    """They hold something under our key, and do not say what."""
    return Report(
        instruction_id=subject.instruction_id,
        source=Source.REPLY,
        as_of=as_of,
        state=PaymentState.AWAITING_US,
        partner_status=refusal.code,
        reason=redact_text(refusal.text),
    )


def _reason(payment: Payment, booked: Bookings | None) -> str | None:
    reason = redact_text(payment.failure_reason) if payment.failure_reason else None
    if payment.status != FAILED or booked is None:
        return reason
    is_back = any(each.kind is MovementKind.RETURN for each in booked.movements)
    if booked.state_if_failed is PaymentState.RETURNED and not is_back:
        announced = f"{payment.failure_returned_amount} {payment.currency}"
        return f"{reason or FAILED}; {announced} announced as returned, not booked yet"
    return reason


def _last_debit(
    kept: Sequence[tuple[Transaction, MovementKind]], unreleased: Transaction
) -> int | None:
    for index in range(len(kept) - 1, -1, -1):
        each, kind = kept[index]
        if kind is MovementKind.DEBIT and each.money == unreleased.money:
            return index
    return None


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    # Two formats stand side by side in their documents; without an offset it is no moment.
    return moment if moment and moment.tzinfo else None
