"""The adapter beside a bank of both versions, from the consent to the end."""

from __future__ import annotations

import pytest

from domain.payments.report import ActionKind, PaymentState
from tests.partners.obie.conftest import VERSIONS, Bank, Pays

S = PaymentState


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_payment_is_approved_submitted_and_settled(
    pays: Pays, bank: Bank, version: str
) -> None:
    paying = pays(version=version)
    needs = await paying.waits()
    assert needs.report.state is S.AWAITING_USER
    action = needs.report.action
    assert action is not None
    assert (action.kind, needs.report.drift) == (ActionKind.REDIRECT, ())
    before = len(bank.payments)
    await (await paying.approved()).prepared()
    assert len(bank.payments) == before, "nothing is submitted while it is prepared"
    report = await paying.accepted()
    assert (report.state, report.drift) == (S.AWAITING_PARTNER, ())
    assert report.observed.beneficiary_is_ours
    assert report.observed.amount == paying.subject.order.instructed_amount
    bank.advance(5)
    settled = await paying.was_read()
    assert settled.state is S.SETTLED
    assert settled.transaction_status == (None if version == "v3.1.11" else "ACSC")
    bank.apply("credit", paying.subject.partner_reference or "")
    assert (await paying.was_read()).state is S.FINAL
