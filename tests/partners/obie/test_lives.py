"""The adapter beside a bank of both versions, from the consent to the end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.lifecycle.answers import Absent, Found, InDoubt, NeedsUser, Refused, Unprepared
from domain.payments.report import ActionKind, PaymentState
from tests.partners.obie.conftest import VERSIONS, Bank, Pays, decide

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
    begun = S.AWAITING_PARTNER if version == "v3.1.11" else S.ACCEPTED
    assert (report.state, report.drift) == (begun, ())
    assert report.observed.beneficiary_is_ours
    assert report.observed.amount == paying.subject.order.instructed_amount
    bank.advance(5)
    settled = await paying.was_read()
    assert settled.state is S.SETTLED
    assert settled.transaction_status == (None if version == "v3.1.11" else "ACSC")
    bank.apply("credit", paying.subject.partner_reference or "")
    assert (await paying.was_read()).state is S.FINAL


async def test_a_payer_who_refuses_ends_it_and_nothing_is_submitted(pays: Pays, bank: Bank) -> None:
    paying, before = pays(), len(bank.payments)
    back = decide(await paying.link(), "reject")
    assert back["error"] == "access_denied"
    refused = await paying.adapter.prepare(paying.subject)
    assert isinstance(refused, Unprepared)
    assert refused.refused is not None
    assert refused.refused.state is S.REJECTED
    assert len(bank.payments) == before


async def test_a_code_counts_once_and_a_second_step_uses_the_token_that_is_stored(
    pays: Pays,
) -> None:
    paying = await pays().approved()
    first = await paying.prepared()
    asked = paying.logins.calls.count("claim")
    assert (await paying.prepared()).request == first.request
    assert paying.logins.calls.count("claim") == asked, "nobody exchanges the code again"


async def test_a_forged_code_submits_nothing(pays: Pays, bank: Bank) -> None:
    paying, before = pays(), len(bank.payments)
    await paying.waits()
    paying.subject = replace(paying.subject, answer={"code": "forged"})
    refused = await paying.adapter.prepare(paying.subject)
    assert isinstance(refused, Unprepared)
    assert refused.refused is not None
    assert "invalid_grant" in (refused.refused.reason or "")
    assert len(bank.payments) == before


async def test_the_code_of_another_payment_is_not_taken(pays: Pays) -> None:
    """Its token is good, but the bank's word names the other consent."""
    other = await pays().approved()
    paying = pays()
    await paying.waits()
    paying.subject = replace(paying.subject, answer=other.subject.answer)
    refused = await paying.adapter.prepare(paying.subject)
    assert isinstance(refused, Unprepared)
    assert "openbanking_intent_id" in (refused.refused.reason or "" if refused.refused else "")


async def test_a_lost_submission_shows_in_its_consent(pays: Pays, bank: Bank) -> None:
    paying = await (await pays().approved()).prepared()
    assert isinstance(await paying.adapter.find(paying.subject), Absent)
    bank.fault("reply_lost_after", "POST /open-banking/*/pisp/domestic-payments")
    before = len(bank.payments)
    assert isinstance(await paying.submit(seconds=2), InDoubt)
    assert len(bank.payments) == before + 1
    found = await paying.adapter.find(paying.subject)
    assert isinstance(found, Found)
    assert found.report.state is S.ACCEPTED
    # The same bytes under the same key bring the payment with its own id, as it now stands.
    again = await paying.accepted()
    assert again.partner_reference == bank.payments[-1]["id"]
    assert len(bank.payments) == before + 1


async def test_a_lost_submission_whose_id_never_came_is_read_by_its_consent(
    pays: Pays, bank: Bank
) -> None:
    paying = await (await pays().approved()).prepared()
    bank.fault("reply_lost_after", "POST /open-banking/*/pisp/domestic-payments")
    await paying.submit(seconds=2)
    found = await paying.adapter.find(paying.subject)
    assert isinstance(found, Found)
    reference = found.report.partner_reference
    paying.subject = replace(paying.subject, partner_reference=reference)
    report = await paying.was_read()
    assert (report.state, report.partner_reference) == (S.ACCEPTED, reference)


@pytest.mark.parametrize("fault", ["another_amount", "another_creditor"])
async def test_what_the_payer_approved_is_compared_before_the_submission(
    pays: Pays, bank: Bank, fault: str
) -> None:
    paying, before = await pays().approved(), len(bank.payments)
    bank.fault(fault, "GET /open-banking/*/pisp/domestic-payment-consents/*")
    refused = await paying.adapter.prepare(paying.subject)
    assert isinstance(refused, Unprepared)
    assert refused.refused is not None
    assert "than was ordered" in (refused.refused.reason or "")
    assert len(bank.payments) == before


@pytest.mark.parametrize("fault", ["breaks_signature", "drops_signature", "foreign_signature"])
async def test_an_answer_that_is_not_signed_right_proves_nothing(
    pays: Pays, bank: Bank, fault: str
) -> None:
    paying = await (await pays().approved()).prepared()
    bank.fault(fault, "POST /open-banking/*/pisp/domestic-payments")
    doubt = await paying.submit()
    assert isinstance(doubt, InDoubt), doubt
    assert "x-jws-signature" in doubt.why
    await paying.accepted()
    bank.fault(fault, "GET /open-banking/*/pisp/domestic-payments/*")
    assert not isinstance(await paying.adapter.read(paying.subject), Found)
    assert (await paying.was_read()).partner_reference == paying.subject.partner_reference


async def test_one_changed_byte_of_our_body_is_refused(pays: Pays, bank: Bank) -> None:
    """The signature is over the bytes that are sent; here a proxy changes one of them."""
    paying = await (await pays().approved()).prepared()
    assert paying.request is not None
    before, request = len(bank.payments), paying.request
    signatures = paying.adapter._bank._signatures
    honest = signatures.of

    def other(body: bytes, now: object) -> object:
        return honest(body.replace(b"GBP", b"GBp", 1), now)  # type: ignore[arg-type]

    signatures.of = other  # type: ignore[method-assign, assignment]
    refused = await paying.submit()
    assert isinstance(refused, Refused), refused
    assert "U015" in refused.report.partner_status
    assert len(bank.payments) == before
    assert request == paying.request


async def test_a_payer_without_funds_is_found_out_before_the_submission(
    pays: Pays, bank: Bank
) -> None:
    paying = await pays(checks_funds=True).approved()
    bank.control("funds", {"account": "22289", "amount": -50_000_000})
    try:
        refused = await paying.adapter.prepare(paying.subject)
    finally:
        bank.control("funds", {"account": "22289", "amount": 50_000_000})
    assert isinstance(refused, Unprepared)
    assert refused.refused is not None
    assert refused.refused.status_reason == "AM04"


async def test_the_link_is_new_once_it_has_ended_but_the_consent_stays(pays: Pays) -> None:
    paying = pays()
    first, second = await paying.waits(), await paying.waits()
    assert isinstance(second, NeedsUser)
    assert first.exchange is not None
    assert second.exchange is not None
    assert first.exchange.path == second.exchange.path, "one consent, however often it is prepared"
