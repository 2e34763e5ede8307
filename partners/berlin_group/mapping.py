"""The bank's payments and errors as reports: the only file that joins both languages."""

from __future__ import annotations

from datetime import datetime

from domain.lifecycle.profile import InstructionKind
from domain.payments.answers import Subject
from domain.payments.report import Action, Observed, PaymentState, Report, Source
from partners.berlin_group import errors, wire, words
from partners.berlin_group.sca import Turn, WaitsFor
from transport.redaction import redact_text

_TEXT_MAX = 200
#: Before everybody has authorised a payment.
_WAITS_FOR = {
    WaitsFor.USER: PaymentState.AWAITING_USER,
    WaitsFor.US: PaymentState.AWAITING_US,
    WaitsFor.BANK: PaymentState.ACCEPTED,
}


def report(
    subject: Subject,
    status: str,
    payment_id: str,
    source: Source,
    as_of: datetime,
    *,
    turn: Turn | None = None,
    shown: wire.Payment | None = None,
    told: wire.Status | None = None,
    drift: tuple[str, ...] = (),
) -> Report:
    """What the bank says of a payment.

    Args:
        turn: whose turn it is by the authorisations, if they were read.
        shown: the payment, if it was read: it is compared with the order (dynamic link).
        told: the status with its reasons, if it was read.
    """
    turn = turn or Turn()
    state = words.STATES.get(status)
    unknown = () if state else (f"transactionStatus: unknown {status[:40]!r}",)
    if state is not None and turn.waits_for is not None:
        state = _WAITS_FOR[turn.waits_for]
    action: Action | None = turn.action if state is PaymentState.AWAITING_USER else None
    codes = [each.code for each in told.tpp_messages] if told else []
    if told and told.funds_available is False:
        codes.append("FUNDS_NOT_AVAILABLE")
    texts = [each.text or each.code for each in told.tpp_messages] if told else []
    texts += [told.psu_message] if told and told.psu_message else []
    reason = turn.reason or "; ".join(dict.fromkeys(texts)) or None
    reasons = (errors.ISO_REASON[each] for each in codes if each in errors.ISO_REASON)
    is_rejected = state is PaymentState.REJECTED
    return Report(
        instruction_id=subject.instruction_id,
        source=source,
        as_of=as_of,
        state=state,
        partner_status=status[:80],
        transaction_status=status if status in words.STATES else None,
        status_reason=next(reasons, errors.NARRATIVE) if is_rejected else None,
        reason=redact_text(reason)[:_TEXT_MAX] if reason else None,
        partner_reference=payment_id,
        observed=_observed(subject, shown) if shown else Observed(),
        action=action,
        drift=(*(shown.drift if shown else ()), *turn.drift, *unknown, *drift),
    )


def _observed(subject: Subject, shown: wire.Payment) -> Observed:
    """What the payer was asked to approve: amount, payee, day."""
    iban = (shown.creditor_account.iban or "").replace(" ", "").upper()
    ours = subject.order.creditor_account.iban
    return Observed(
        amount=shown.instructed_amount.money,
        creditor_account_ends=iban[-4:] or None,
        # The whole number, since only its end is compared elsewhere.
        beneficiary_is_ours=iban == ours if iban else None,
        requested_execution_date=shown.day,
    )


def refused(
    subject: Subject, status: int, told: tuple[wire.TppMessage, ...], as_of: datetime
) -> Report:
    """A refusal. Only that of a PAY says anything about the payment."""
    is_pay = subject.kind is InstructionKind.PAY
    codes = [each.code for each in told]
    text = "; ".join(each.text or each.code for each in told)
    return Report(
        instruction_id=subject.instruction_id,
        source=Source.REPLY,
        as_of=as_of,
        state=PaymentState.REJECTED if is_pay else None,
        partner_status=f"{status} {' '.join(codes)}"[:80],
        status_reason=next(
            (errors.ISO_REASON[each] for each in codes if each in errors.ISO_REASON),
            errors.NARRATIVE,
        ),
        reason=redact_text(text)[:_TEXT_MAX],
        partner_reference=None if is_pay else subject.partner_reference,
    )
