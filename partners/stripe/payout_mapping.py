"""What payouts say about the money."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from domain.money import Money
from domain.payments.answers import Subject
from domain.payments.report import Movement, Observed, PaymentState, Report, Source
from partners.stripe import wire, words
from partners.stripe.mapping import fees, unknown_bookings
from transport.redaction import redact_text


def payout_report(
    subject: Subject,
    payout: wire.Payout,
    source: Source,
    as_of: datetime,
    *,
    destination: str | None,
    bookings: Sequence[wire.BalanceTransaction] | None = None,
) -> Report:
    """The report that a payout makes.

    Args:
        destination: the id of the bank account that we named.
        bookings: all its bookings; None if they were not read.
    """
    state = words.PAYOUT.get(payout.status)
    if payout.status == words.FAILED and bookings is None:
        state = PaymentState.PROCESSING  # A read says by the bookings whether anything is back.
    elif payout.status == words.FAILED and not bookings:
        state = PaymentState.REJECTED  # Nothing was ever taken from our balance.
    text = str(payout.failure_message or payout.failure_code or "")
    return Report(
        instruction_id=subject.instruction_id,
        source=source,
        as_of=as_of,
        state=state,
        partner_status=payout.status,
        status_reason=words.ISO_REASON.get(payout.failure_code or ""),
        reason=redact_text(text)[:200] or None,
        partner_reference=payout.id,
        observed=Observed(
            amount=payout.money,
            beneficiary_is_ours=payout.destination == destination if payout.destination else None,
        ),
        movements=tuple(_left(payout, bookings)) if bookings is not None else (),
        lists_all_movements=bookings is not None,
        drift=(*payout.drift, *unknown_bookings(bookings or ())),
    )


def _left(payout: wire.Payout, bookings: Sequence[wire.BalanceTransaction]) -> Iterator[Movement]:
    """What left our account. A payout that was cancelled in time took nothing out of it."""
    if payout.status not in words.HAS_LEFT:
        return
    for booked in bookings:
        if (kind := words.BOOKED.get(booked.type)) is not None:
            amount = Money(minor=abs(booked.money.minor), currency=booked.money.currency)
            yield Movement(movement_id=booked.id, kind=kind, amount=amount, booked_at=booked.at)
    yield from fees(bookings)


def is_back(bookings: Iterable[wire.BalanceTransaction]) -> bool:
    """Whether all that a payout took from our balance was booked back, or nothing was taken."""
    return sum(each.amount for each in bookings) >= 0
