"""The bank's payments and errors as reports: the only file that joins both languages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from domain.payments.answers import Subject
from domain.payments.report import Action, ActionKind, Observed, PaymentState, Report, Source
from partners.obie import errors, requests, wire, words
from transport.redaction import redact_text

_TEXT_MAX = 200
#: States in which another signatory may still have to approve.
_BEFORE_ALL_APPROVED = (
    PaymentState.AWAITING_PARTNER,
    PaymentState.AWAITING_USER,
    PaymentState.ACCEPTED,
)


def payment_report(
    subject: Subject, shown: wire.Payment, source: Source, as_of: datetime
) -> Report:
    """What the bank says of a payment, compared with the order."""
    data = shown.data
    state = words.STATES.get(data.status)
    unknown = () if state else (f"payment.Status: unknown {data.status[:40]!r}",)
    action: Action | None = None
    if (others := data.multi_authorisation) is not None:
        waits = words.OTHERS_WAITED_FOR.get(others.status)
        if waits is None:
            unknown = (*unknown, f"MultiAuthorisation.Status: unknown {others.status[:40]!r}")
        elif waits and state in _BEFORE_ALL_APPROVED:
            state = PaymentState.AWAITING_USER
    if state is PaymentState.AWAITING_USER:
        # The bank asks the other signatories by itself; there is no page of ours to open.
        action = Action(kind=ActionKind.CONFIRM)
    is_rejected = state is PaymentState.REJECTED
    return Report(
        instruction_id=subject.instruction_id,
        source=source,
        as_of=as_of,
        state=state,
        partner_status=data.status[:80],
        transaction_status=data.status if data.status in words.ISO else None,
        status_reason=_iso_reason(data.status_reason) if is_rejected else None,
        reason=_text(data.status_reason),
        partner_reference=data.domestic_payment_id,
        observed=observed(subject, data.initiation),
        action=action,
        drift=(*shown.drift, *data.drift, *unknown),
    )


def used_report(
    subject: Subject, consent: wire.PaymentConsent, source: Source, as_of: datetime
) -> Report:
    """A payment of which only its consent is known: it was submitted, and its own id is lost."""
    data = consent.data
    return Report(
        instruction_id=subject.instruction_id,
        source=source,
        as_of=as_of,
        state=PaymentState.ACCEPTED,
        partner_status=data.status[:80],
        reason="the bank has the payment; its id was lost with the reply, so only a statement "
        "tells its outcome",
        partner_reference=data.consent_id,
        observed=observed(subject, data.initiation),
        drift=(*consent.drift, *data.drift),
    )


def approval_report(
    subject: Subject, status: str, as_of: datetime, action: Action, drift: tuple[str, ...] = ()
) -> Report:
    """A payment that its payer has to approve before it is submitted."""
    return Report(
        instruction_id=subject.instruction_id,
        source=Source.READ,
        as_of=as_of,
        state=PaymentState.AWAITING_USER,
        partner_status=status[:80],
        reason="the payer has to approve it at the bank before it is submitted",
        action=action,
        drift=drift,
    )


def observed(subject: Subject, initiation: wire.Initiation) -> Observed:
    """What the payer is asked to approve, or approved: amount and payee."""
    number = initiation.creditor_account.identification.replace(" ", "").upper()
    return Observed(
        amount=initiation.instructed_amount.money,
        creditor_account_ends=number[-4:] or None,
        # The whole number, since only its end is compared elsewhere.
        beneficiary_is_ours=number == requests.creditor_number(subject.order),
    )


def differs(subject: Subject, initiation: wire.Initiation) -> str:
    """How what was authorised differs from the order; empty if it does not."""
    seen = observed(subject, initiation)
    if seen.amount != subject.order.instructed_amount:
        return "the bank shows another amount than was ordered"
    if not seen.beneficiary_is_ours:
        return "the bank shows another payee than was ordered"
    return ""


def refused(subject: Subject, status: int, told: tuple[wire.Fault, ...], as_of: datetime) -> Report:
    """A refusal of the payment."""
    codes = [each.code for each in told]
    text = "; ".join(
        " ".join(filter(None, (each.message, each.path))) or each.code for each in told
    )
    reasons = (errors.ISO_REASON[each] for each in codes if each in errors.ISO_REASON)
    return Report(
        instruction_id=subject.instruction_id,
        source=Source.REPLY,
        as_of=as_of,
        state=PaymentState.REJECTED,
        partner_status=f"{status} {' '.join(codes)}"[:80],
        status_reason=next(reasons, errors.NARRATIVE),
        reason=redact_text(text)[:_TEXT_MAX],
    )


def _text(reasons: Iterable[wire.Reason]) -> str | None:
    texts = [each.text or each.code for each in reasons if each.text or each.code]
    return redact_text("; ".join(filter(None, texts)))[:_TEXT_MAX] or None


def _iso_reason(reasons: Iterable[wire.Reason]) -> str:
    """Codes that begin with U are the standard's own, and no ISO code."""
    codes = (each.code for each in reasons if each.code)
    return next((code for code in codes if not code.startswith("U0")), errors.NARRATIVE)


reason_text = _text
