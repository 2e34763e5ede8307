"""What PaymentIntents, and all that hangs on them, say about the money."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from domain.lifecycle.reversals import ReversalKind, ReversalState, SeenReversal
from domain.money import Money
from domain.payments.answers import Subject
from domain.payments.order import Captured, Order, Rail
from domain.payments.report import (
    Action,
    ActionKind,
    Movement,
    MovementKind,
    Observed,
    PaymentState,
    Report,
    Source,
)
from partners.stripe import wire, words
from partners.stripe.lists import Around
from transport.redaction import redact_text

_S = PaymentState
#: Guide "ACH Direct Debit", microdeposits: the payer has ten days from their arrival.
_DEPOSITS_LAST: Final = timedelta(days=10)
#: Our own choice: after this time a warning that led to no dispute is over.
_WARNING_LASTS: Final = timedelta(days=60)


def state_of(intent: wire.PaymentIntent) -> PaymentState | None:
    """Our state; None if the status is unknown.

    A decline does not end a PaymentIntent. But an order names one means of payment, and nothing of
    ours confirms the intent again, so the order ends. Only a payer who was not there may still come
    back and confirm it.
    """
    state = words.INTENT.get(intent.status)
    failed = intent.last_payment_error
    if intent.status == words.UNPAID and failed is not None:
        return _S.AWAITING_USER if waits_for_payer(intent) else _S.REJECTED
    if intent.status == words.HELD and intent.amount_received:
        return _S.PARTLY_CAPTURED
    if intent.status == words.CANCELED:
        if intent.amount_received:
            return _S.CAPTURED  # Only the rest of the hold was cancelled.
        return words.CANCELED_BECAUSE.get(intent.cancellation_reason or "", state)
    return state


def waits_for_payer(intent: wire.PaymentIntent) -> bool:
    """Whether it was declined because the payer was not there to confirm it."""
    failed = intent.last_payment_error
    if intent.status != words.UNPAID or failed is None:
        return False
    return words.COME_BACK in (failed.code, failed.decline_code)


def was_confirmed(intent: wire.PaymentIntent) -> bool | None:
    """Whether a confirmation was executed, whatever came of it; None if the status is unknown."""
    if intent.status not in words.INTENT:
        return None
    if intent.status == words.UNPAID:
        return intent.last_payment_error is not None
    return intent.status != words.UNCONFIRMED


def intent_report(
    subject: Subject,
    intent: wire.PaymentIntent,
    source: Source,
    as_of: datetime,
    *,
    acts_within: timedelta,
    around: Around | None = None,
) -> Report:
    """The report that a PaymentIntent makes.

    Args:
        acts_within: how long the payer may take.
        around: what hangs on it; None if that was not read.
    """
    state, failed = state_of(intent), intent.last_payment_error
    action, odd = _action(intent, acts_within) if state is _S.AWAITING_USER else (None, ())
    return Report(
        instruction_id=subject.instruction_id,
        source=source,
        as_of=as_of,
        state=state,
        partner_status=intent.status,
        status_reason=_iso(failed) if failed and state is _S.REJECTED else None,
        reason=_reason(intent, state),
        partner_reference=intent.id,
        observed=Observed(amount=intent.money),
        movements=tuple(_movements(subject.order, intent, around)) if around else (),
        lists_all_movements=around is not None,
        reversals=tuple(_reversals(subject.order, intent, around, as_of)) if around else (),
        action=action,
        drift=(*intent.drift, *odd, *_unknown(intent, around)),
    )


def _reason(intent: wire.PaymentIntent, state: PaymentState | None) -> str | None:
    failed, charge = intent.last_payment_error, intent.charge
    if intent.status == words.UNPAID:
        if failed is None:
            return "no means of payment is named"
        return f"{failed.word}: {redact_text(str(failed.message or ''))[:200]}".rstrip(": ")
    if intent.status == words.CANCELED:
        return intent.cancellation_reason
    if state in (_S.AUTHORISED, _S.PARTLY_CAPTURED) and charge and charge.held_until:
        return f"held until {charge.held_until:%Y-%m-%d %H:%M} UTC"
    return None


def _action(intent: wire.PaymentIntent, acts_within: timedelta) -> tuple[Action, tuple[str, ...]]:
    """What the payer has to do, and what of it is outside the known contract."""
    following, until = intent.next_action, intent.at + acts_within
    if following is None:
        return Action(kind=ActionKind.CONFIRM, expires_at=until), ()
    if following.arrives_at is not None:
        until = following.arrives_at + _DEPOSITS_LAST
    kind = words.NEXT_ACTION.get(following.type)
    odd = () if kind else (f"next_action.type: unknown {following.type[:40]!r}",)
    address = following.page.address if following.page else None
    if address and not address.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        address, odd = None, (*odd, "next_action: its address is not https")
    if not address:
        kind = ActionKind.CONFIRM
    return Action(kind=kind or ActionKind.REDIRECT, url=address, expires_at=until), odd


def _movements(order: Order, intent: wire.PaymentIntent, around: Around) -> Iterator[Movement]:
    charge = intent.charge
    if charge is None or charge.status != words.CHARGED or order.collection is None:
        return
    if order.collection.captured is Captured.LATER:
        yield _moved(f"{charge.id}-hold", MovementKind.AUTHORISATION, charge.money, charge)
        rest = charge.money - charge.captured_money
        if intent.status in words.HOLD_IS_OVER and rest.minor > 0:
            yield _moved(f"{charge.id}-rest", MovementKind.RELEASE, rest, charge)
    kinds = {each.type for each in around.bookings}
    is_booked = any(words.BOOKED.get(kind) is MovementKind.CAPTURE for kind in kinds)
    if is_booked and not kinds & words.UNDOES:
        # In the order's currency; the booking itself may be in that of our balance.
        yield _moved(f"{charge.id}-taken", MovementKind.CAPTURE, charge.captured_money, charge)
    yield from fees(around.bookings)
    for refund in around.refunds:
        yield from refund_movements(refund)
    for dispute in around.disputes:
        for booked in dispute.balance_transactions:
            is_taken = booked.amount < 0
            kind = MovementKind.DISPUTE if is_taken else MovementKind.REINSTATEMENT
            same = booked.money.currency == dispute.money.currency
            amount = Money(minor=abs(booked.money.minor), currency=booked.money.currency)
            yield Movement(
                movement_id=booked.id,
                kind=kind,
                amount=amount if same else dispute.money,
                booked_at=booked.at,
                reference=dispute.id,
            )
        yield from fees(dispute.balance_transactions)


def refund_movements(refund: wire.Refund) -> Iterator[Movement]:
    """What a refund has moved. A failed one has a second booking, which brings the money back."""
    for booking, kind in (
        (refund.balance_transaction, MovementKind.REFUND),
        (refund.failure_balance_transaction, MovementKind.REFUND_FAILED),
    ):
        if booking:
            yield Movement(movement_id=booking, kind=kind, amount=refund.money, reference=refund.id)


def _moved(movement_id: str, kind: MovementKind, amount: Money, charge: wire.Charge) -> Movement:
    return Movement(
        movement_id=movement_id,
        kind=kind,
        amount=amount,
        booked_at=charge.at,
        reference=charge.id,
    )


def fees(bookings: Iterable[wire.BalanceTransaction]) -> Iterator[Movement]:
    """The fees that Stripe took with these bookings."""
    for booked in bookings:
        if (fee := booked.fees) is not None:
            yield Movement(
                movement_id=f"{booked.id}-fee",
                kind=MovementKind.FEE,
                amount=fee,
                booked_at=booked.at,
            )


# What takes money back


def _reversals(
    order: Order, intent: wire.PaymentIntent, around: Around, as_of: datetime
) -> Iterator[SeenReversal]:
    for refund in around.refunds:
        if not _is_release(refund):
            yield seen_refund(refund)
    # A dispute of a bank debit is the bank's return of it.
    kind = ReversalKind.DISPUTE if order.rail is Rail.CARD else ReversalKind.RETURN
    for dispute in around.disputes:
        yield SeenReversal(
            reference=dispute.id,
            kind=kind,
            state=_dispute_state(dispute),
            amount=dispute.money,
            reason=dispute.reason,
            deadline=dispute.due_by,
        )
    for warning in around.warnings:
        # It takes nothing, so that the payment can still be refunded, as its guide advises.
        is_open = warning.actionable and as_of < warning.at + _WARNING_LASTS
        yield SeenReversal(
            reference=warning.id,
            kind=ReversalKind.DISPUTE,
            state=ReversalState.NEEDS_EVIDENCE if is_open else ReversalState.FAILED,
            amount=Money(minor=0, currency=intent.money.currency),
            reason=f"early fraud warning, {warning.fraud_type}; a refund now avoids a dispute",
        )


def seen_refund(refund: wire.Refund) -> SeenReversal:
    return SeenReversal(
        reference=refund.id,
        kind=ReversalKind.REFUND,
        state=words.REFUND.get(refund.status or ""),
        amount=refund.money,
        reason=refund.failure_reason,
    )


def _dispute_state(dispute: wire.Dispute) -> ReversalState | None:
    state = words.DISPUTE.get(dispute.status)
    amounts = [each.amount for each in dispute.balance_transactions]
    if dispute.status == words.WON and amounts and sum(amounts) >= 0:
        return ReversalState.REINSTATED  # Also after it was lost and the appeal was won.
    return state


def _is_release(refund: wire.Refund) -> bool:
    """Whether it is the end of a hold, which some versions show as a refund. No money moved."""
    is_ours = words.OUR_KEY in refund.metadata
    return refund.status == words.REFUNDED and not refund.balance_transaction and not is_ours


def refund_report(subject: Subject, refund: wire.Refund, source: Source, as_of: datetime) -> Report:
    """The report about one of our refunds. It says nothing about the payment's state."""
    return Report(
        instruction_id=subject.instruction_id,
        source=source,
        as_of=as_of,
        state=None,
        partner_status=refund.status or "null",
        reason=refund.failure_reason,
        partner_reference=refund.id,
        reversals=(seen_refund(refund),),
        drift=refund.drift,
    )


def about_intent(
    subject: Subject, intent: wire.PaymentIntent, source: Source, as_of: datetime
) -> Report:
    """The report about a claim of ours that has no object of its own, such as a capture."""
    return Report(
        instruction_id=subject.instruction_id,
        source=source,
        as_of=as_of,
        state=None,
        partner_status=intent.status,
        partner_reference=intent.id,
    )


def _iso(failed: wire.PaymentError) -> str:
    found = (words.ISO_REASON.get(word or "") for word in (failed.decline_code, failed.code))
    return next(filter(None, found), words.NARRATIVE)


def _unknown(intent: wire.PaymentIntent, around: Around | None) -> tuple[str, ...]:
    """Words and fields that nobody documented."""
    found = []
    if intent.status not in words.INTENT:
        found.append(f"payment_intent.status: unknown {intent.status[:40]!r}")
    because = intent.cancellation_reason
    if because is not None and because not in words.CANCELED_BECAUSE:
        found.append(f"payment_intent.cancellation_reason: unknown {because[:40]!r}")
    if (charge := intent.charge) and charge.status not in words.CHARGE_STATUSES:
        found.append(f"charge.status: unknown {charge.status[:40]!r}")
    if around is not None:
        found += unknown_bookings(around.bookings)
        for each in (*around.refunds, *around.disputes):
            found += each.drift
    return tuple(found)


def unknown_bookings(bookings: Iterable[wire.BalanceTransaction]) -> list[str]:
    """Unknown types, and fees that are left out, as drift."""
    known = {*words.BOOKED, *words.UNDOES, *words.OF_REVERSALS, *words.NOT_OF_PAYMENTS}
    kinds = [
        f"balance_transaction.type: unknown {each.type[:40]!r}"
        for each in bookings
        if each.type not in known
    ]
    fees = [
        f"balance_transaction.fee: finer than {each.currency}"
        for each in bookings
        if each.fee and each.fees is None
    ]
    return kinds + fees
