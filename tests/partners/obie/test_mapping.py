"""What the bank's words about a payment become, with the signatories who are still to approve."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.payments.answers import Subject
from domain.payments.report import ActionKind, PaymentState, Report, Source
from partners.kit.wire import read
from partners.obie import mapping, wire
from tests.partners.obie.conftest import ORDER

S = PaymentState
INITIATION = {
    "InstructedAmount": {"Amount": "123.50", "Currency": "GBP"},
    "CreditorAccount": {
        "SchemeName": "UK.OBIE.SortCodeAccountNumber", "Identification": "20300212345678",
    },
}  # fmt: skip


def said(status: str, **more: Any) -> Report:
    data = {"DomesticPaymentId": "p-1", "ConsentId": "c-1", "Status": status}
    body = json.dumps({"Data": {**data, "Initiation": INITIATION, **more}})
    shown = read(wire.Payment, body)
    assert isinstance(shown, wire.Payment), shown
    subject = Subject("pay_1/pay/1", ORDER, ("K" * 32,))
    return mapping.payment_report(subject, shown, Source.READ, datetime.now(UTC))


@pytest.mark.parametrize(
    ("status", "others", "state"),
    [
        ("RCVD", "AWAF", S.AWAITING_USER),
        ("RCVD", "AUTH", S.ACCEPTED),
        ("PATC", "AWAF", S.AWAITING_USER),
        ("Pending", "AwaitingFurtherAuthorisation", S.AWAITING_USER),
        ("Pending", "Authorised", S.AWAITING_PARTNER),
        ("ACSP", "AWAF", S.PROCESSING),
    ],
)
def test_others_who_have_to_approve_are_waited_for(
    status: str, others: str, state: PaymentState
) -> None:
    report = said(status, MultiAuthorisation={"Status": others})
    assert (report.state, report.drift) == (state, ())
    waits = report.action.kind if report.action else None
    assert waits is (ActionKind.CONFIRM if state is S.AWAITING_USER else None)


def test_an_unknown_word_about_others_is_drift() -> None:
    report = said("RCVD", MultiAuthorisation={"Status": "HALF"})
    assert report.state is S.ACCEPTED
    assert report.drift == ("MultiAuthorisation.Status: unknown 'HALF'",)


def test_a_rejection_has_the_bank_s_own_reason() -> None:
    reasons = [
        {"StatusReasonCode": "U036", "StatusReasonDescription": "not completed"},
        {"StatusReasonCode": "AM04", "StatusReasonDescription": "no funds on 80200110203345"},
    ]
    report = said("RJCT", StatusReason=reasons)
    assert (report.state, report.status_reason) == (S.REJECTED, "AM04")
    assert report.reason == "not completed; no funds on …3345"
    assert said("Rejected").status_reason == "NARR"


def test_another_amount_or_payee_is_observed() -> None:
    assert said("ACSP").observed.beneficiary_is_ours
    other = {**INITIATION, "InstructedAmount": {"Amount": "1.00", "Currency": "GBP"}}
    assert said("ACSP", Initiation=other).observed.amount != ORDER.instructed_amount
    payee = {"SchemeName": "UK.OBIE.IBAN", "Identification": "GB82WEST12345698765432"}
    other = {**INITIATION, "CreditorAccount": payee}
    assert said("ACSP", Initiation=other).observed.beneficiary_is_ours is False
