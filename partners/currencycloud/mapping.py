"""Their words and ours: the only file that knows both vocabularies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.payments.answers import Subject
from domain.payments.report import Movement, MovementKind, Observed, PaymentState, Report, Source
from partners.currencycloud import refusals
from partners.currencycloud.creditors import PAYMENT_TYPE
from partners.currencycloud.error_bodies import Refusal
from partners.currencycloud.wire import Payment, Transaction
from transport.redaction import redact_text

_S = PaymentState

#: Status of a payment -> our state, and ISO 20022 ExternalPaymentTransactionStatus1Code. The list
#: is that of the filter `status` of GET /payments/find; the payment object documents none.
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
#: Side field `review_status` -> whether the payment still waits for their compliance. After
#: `rejected` the status becomes `failed`; until then the decision is theirs.
REVIEW: Final[dict[str, bool]] = {"in_review": True, "passed": False, "rejected": True}
_REJECTED_IN_REVIEW: Final = "rejected"
#: What a payment that is not yet released waits for: (state, transaction status, status reason).
_WAITS_FOR_REVIEW: Final = (_S.AWAITING_PARTNER, "PDNG", None)
_WAITS_FOR_FUNDS: Final = (_S.AWAITING_US, "PDNG", "AM04")
#: Proves nothing by itself: the bookings say whether money left (`Bookings.state_if_failed`).
FAILED: Final = "failed"
#: The statuses for which the bookings are read too.
BOOKED: Final = frozenset({"completed", FAILED})
#: Every status a payment can have.
STATUSES: Final = frozenset(STATE) | {FAILED}
DELETED: Final = "deleted"
READY: Final = "ready_to_send"

#: `failure_reason` is free text without a code list. If a bank's words are clear, they become an
#: ISO 20022 ExternalStatusReason1Code. That is our reading of them; it decides about no money.
FAILURE: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(words, re.IGNORECASE), code)
    for words, code in (
        (r"account\b.*\bclosed|closed\b.*\baccount", "AC04"),
        (r"account\b.*\b(blocked|frozen)|(blocked|frozen)\b.*\baccount", "AC06"),
        (r"(invalid|incorrect|unknown|wrong)\b.*\b(account|iban)", "AC01"),
        (r"(account|iban)\b.*\b(invalid|incorrect|unknown|not found|does not exist)", "AC01"),
        (r"\bdeceased\b", "MD07"),
        (r"insufficient funds", "AM04"),
        (r"\bcompliance\b|\bsanction", "RR04"),
    )
)
_NARRATIVE: Final = "NARR"
_NOT_SAID: Final = "MS03"

#: (action, type) of a payment's completed booking -> what it moved. The other actions in their
#: list do not belong to payments: on a payment they are drift.
MOVED: Final[Mapping[tuple[str, str], MovementKind]] = {
    ("payment", "debit"): MovementKind.DEBIT,
    ("payment_failure", "credit"): MovementKind.RETURN,
    ("payment_fee", "debit"): MovementKind.FEE,
}
#: Undoes the debit before it; together they moved nothing.
CALLED_BACK: Final = ("payment_unrelease", "credit")
NOT_OF_PAYMENTS: Final = frozenset(
    {
        "conversion",
        "conversion_deposit",
        "deposit_refund",
        "funding",
        "margin",
        "manual_transaction",
        "transfer",
    }
)


@dataclass(frozen=True)
class Bookings:
    """All bookings of one payment, none missing.

    A `payment_unrelease` calls the money back before it left; it and the debit that it undoes are
    both left out.
    """

    movements: tuple[Movement, ...]
    has_pending: bool = False
    drift: tuple[str, ...] = ()

    @property
    def state_if_failed(self) -> PaymentState | None:
        """The state behind `failed`; None while the bookings do not decide it."""
        if self.has_pending or self.drift:
            return None
        left = any(each.kind is MovementKind.DEBIT for each in self.movements)
        return PaymentState.RETURNED if left else PaymentState.REJECTED


def bookings(transactions: Sequence[Transaction]) -> Bookings:
    """The movements among a payment's transactions.

    The difference between the debit and the return has no booking of its own, so it is not a
    movement: the net amount is the sum of the bookings.
    """
    kept: list[tuple[Transaction, MovementKind]] = []
    drift: list[str] = []
    has_pending = False
    for each in sorted(transactions, key=lambda each: (each.created_at, each.type != "debit")):
        booked_as = (each.action, each.type)
        if each.status == "deleted":
            continue
        if each.status == "pending":
            has_pending = True
        elif each.status != "completed":
            drift.append(f"transaction: unknown status {each.status[:40]!r}")
        elif kind := MOVED.get(booked_as):
            kept.append((each, kind))
        elif booked_as != CALLED_BACK:
            drift.append(
                f"transaction: no booking of a payment: {each.action[:40]} {each.type[:40]}"
            )
        elif (undone := _last_debit(kept, each)) is None:
            drift.append("transaction: payment_unrelease without its debit")
        else:
            del kept[undone]
    movements = tuple(
        Movement(
            movement_id=each.id, kind=kind, amount=each.money, booked_at=_moment(each.completed_at)
        )
        for each, kind in kept
    )
    return Bookings(movements, has_pending, tuple(drift))


def observed(payment: Payment, beneficiary_id: str | None) -> Observed:
    """The payment's fields as they show them, to be compared with the order."""
    both = (beneficiary_id, payment.beneficiary_id)
    return Observed(
        amount=payment.money,
        beneficiary_is_ours=None if None in both else payment.beneficiary_id == beneficiary_id,
        requested_execution_date=payment.day,
    )


def report(
    subject: Subject,
    payment: Payment,
    booked: Bookings | None,
    *,
    source: Source,
    as_of: datetime,
    is_short: bool = False,
) -> Report:
    """The report that a payment object makes.

    Args:
        booked: None if the bookings were not all seen.
        is_short: our balance was read and does not cover the payment.
    """
    state, iso, code = _standing(payment, booked, is_short)
    return Report(
        instruction_id=subject.instruction_id,
        source=source,
        as_of=as_of,
        state=state,
        partner_status=payment.status,
        transaction_status=iso,
        status_reason=code,
        reason=_reason(payment, booked, state),
        partner_reference=payment.id,
        observed=observed(payment, subject.prepared.get("beneficiary_id")),
        movements=booked.movements if booked else (),
        lists_all_movements=booked is not None,
        drift=(*_drift(subject, payment), *(booked.drift if booked else ())),
        effective_execution_date=payment.day,
    )


def _standing(
    payment: Payment, booked: Bookings | None, is_short: bool
) -> tuple[PaymentState | None, str | None, str | None]:
    """Our state, the transaction status and the status reason."""
    if payment.status == FAILED:
        # Until the bookings decide, all we know is that the payment exists there.
        told = (booked.state_if_failed if booked else None) or _S.SUBMITTING
        return told, "RJCT" if told is _S.REJECTED else None, _failure_code(payment)
    state, iso = STATE.get(payment.status, (None, None))
    if state is _S.ACCEPTED and REVIEW.get(payment.review_status or "passed"):
        return _WAITS_FOR_REVIEW
    if payment.status == READY and is_short:
        return _WAITS_FOR_FUNDS
    return state, iso, None


def _failure_code(payment: Payment) -> str:
    if payment.review_status == _REJECTED_IN_REVIEW:
        return "RR04"
    text = payment.failure_reason
    if not text:
        return _NOT_SAID
    return next((code for words, code in FAILURE if words.search(text)), _NARRATIVE)


def _drift(subject: Subject, payment: Payment) -> tuple[str, ...]:
    """Unknown fields and words, and a payment type that differs from the order's."""
    ordered = PAYMENT_TYPE[subject.order.rail]
    other = () if payment.payment_type in (None, ordered) else ("payment.payment_type: not ours",)
    return (*payment.drift, *_unknown_review(payment), *other)


def _unknown_review(payment: Payment) -> tuple[str, ...]:
    if payment.review_status in (None, "", *REVIEW):
        return ()
    return ("payment.review_status: unknown word",)


def refused(subject: Subject, refusal: Refusal, as_of: datetime) -> Report:
    """The report of a refusal: not executed, and never will be."""
    return Report(
        instruction_id=subject.instruction_id,
        source=Source.REPLY,
        as_of=as_of,
        state=PaymentState.REJECTED,
        partner_status=refusal.code,
        transaction_status="RJCT",
        status_reason=refusals.reason_code(refusal),
        reason=redact_text(refusal.text),
        drift=refusals.undocumented(refusal),
    )


def not_deleted(subject: Subject, refusal: Refusal, as_of: datetime) -> Report:
    """The report of a refused deletion. It has no state: only a read gets that."""
    return Report(
        instruction_id=subject.instruction_id,
        source=Source.REPLY,
        as_of=as_of,
        state=None,
        partner_status=refusal.code,
        partner_reference=subject.partner_reference,
        reason=redact_text(refusal.text),
    )


def duplicate(subject: Subject, refusal: Refusal, as_of: datetime) -> Report:
    """The report of a "duplicate": something exists under our key, and they do not say what."""
    return Report(
        instruction_id=subject.instruction_id,
        source=Source.REPLY,
        as_of=as_of,
        state=PaymentState.AWAITING_US,
        partner_status=refusal.code,
        reason=redact_text(refusal.text),
    )


def _reason(payment: Payment, booked: Bookings | None, state: PaymentState | None) -> str | None:
    """The reason in words. Account numbers in their texts are masked to the last four digits."""
    if payment.status == DELETED:
        return "deleted at the partner"
    if payment.status == "awaiting_authorisation":
        steps = payment.authorisation_steps_required
        return f"our own people have to authorise it at the partner ({steps} in all)"
    if state is _S.AWAITING_US:
        return (
            f"our {payment.currency} balance at the partner does not cover it; it is sent once the "
            "balance does"
        )
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
    # Their documents show two formats. The one without an offset names no exact moment.
    return moment if moment and moment.tzinfo else None
