"""Refusals, as reports."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from domain.lifecycle.profile import InstructionKind
from domain.payments.answers import Subject
from domain.payments.report import PaymentState, Report, Source
from partners.stripe import wire, words
from transport.redaction import redact_text

#: They have an object of their own, so that a refusal names none.
_MAKING: Final = frozenset(InstructionKind) - {InstructionKind.CANCEL}
#: The parameter that Stripe names -> the field of the order that it was made from.
_FIELDS: Final = {
    "amount": "instructed_amount",
    "currency": "instructed_amount",
    "customer": "collection.customer",
    "destination": "creditor_account",
    "mandate": "collection.mandate",
    "payment_method": "collection.payment_method",
    "return_url": "collection.return_url",
    "statement_descriptor": "collection.statement_descriptor",
    "statement_descriptor_suffix": "collection.statement_descriptor",
}


def refused(
    subject: Subject,
    error: wire.ApiError,
    as_of: datetime,
    state: PaymentState = PaymentState.REJECTED,
) -> Report:
    """The report of a refusal. Only that of a PAY says anything about the payment."""
    field = _FIELDS.get(error.param or "") if subject.kind is InstructionKind.PAY else None
    return Report(
        instruction_id=subject.instruction_id,
        source=Source.REPLY,
        as_of=as_of,
        state=state if subject.kind is InstructionKind.PAY else None,
        partner_status=error.word[:80],
        status_reason=words.ISO_REASON.get(error.word, words.NARRATIVE),
        reason=redact_text(f"{field}: {error.text}" if field else error.text),
        partner_reference=(None if subject.kind in _MAKING else subject.partner_reference),
    )


def unfit(subject: Subject, why: str, as_of: datetime) -> Report:
    """The report of an order that can never be prepared."""
    return Report(
        instruction_id=subject.instruction_id,
        source=Source.REPLY,
        as_of=as_of,
        state=PaymentState.REJECTED if subject.kind is InstructionKind.PAY else None,
        partner_status="not possible there",
        status_reason=words.NARRATIVE,
        reason=why,
    )
