"""Cards, from the confirmation to the end of a dispute, against Stripe's simulator."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from domain.lifecycle.answers import (
    Absent,
    Accepted,
    Found,
    InDoubt,
    Refused,
    TurnedAway,
    Unprepared,
)
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.report import Report
from domain.lifecycle.resource import Instruction as Sent
from domain.lifecycle.reversals import ReversalKind, ReversalState
from domain.lifecycle.sending import Book
from domain.money import Money
from domain.payments.answers import Subject
from domain.payments.fold import fold
from domain.payments.payment import Payment
from domain.payments.report import ActionKind, MovementKind, PaymentState
from tests.partners.conformance.bench import Bank, Instruction, new_key
from tests.partners.stripe.conftest import Ordered
from tests.partners.stripe.payers import card, customer

S = PaymentState


async def was_told(pay: Instruction) -> Report:
    """What the confirmation was answered with."""
    submitted = await pay.submit()
    assert isinstance(submitted, Accepted), submitted
    return submitted.report


async def capture(pay: Instruction, minor: int) -> Instruction:
    amount = Money(minor=minor, currency="EUR")
    return await pay.followed_by(InstructionKind.CAPTURE, amount)


def moved(report: Report) -> dict[MovementKind, int]:
    sums: dict[MovementKind, int] = {}
    for each in report.movements:
        sums[each.kind] = sums.get(each.kind, 0) + each.amount.minor
    sums.pop(MovementKind.FEE, None)
    return sums


def folded(pay: Instruction, *reports: Report) -> Payment:
    """The payment by these reports, as the store would show it."""
    order = pay.subject.order
    sent = Sent(
        instruction_id=pay.subject.instruction_id, book=Book(submit_before=order.submit_before)
    )
    return fold(order, pay.adapter.profile, [sent], reports)  # type: ignore[arg-type]


async def test_a_card_is_charged_at_once_and_the_booking_has_its_fee(
    ordered: Ordered, bank: Bank
) -> None:
    pay = await ordered(card("pm_card_visa", statement_descriptor="ACME SHOP"))
    assert (await was_told(pay)).state is S.CAPTURED
    bank.later(5)
    report = await pay.was_read()
    assert moved(report) == {MovementKind.CAPTURE: 10_00}
    assert [each.kind for each in report.movements].count(MovementKind.FEE) == 1
    assert report.drift == ()
    payment = folded(pay, report)
    assert (payment.state, payment.findings) == (S.CAPTURED, ())
    assert payment.amounts.net.minor == -10_00 + payment.amounts.fees.minor


@pytest.mark.parametrize(
    ("token", "word", "code"),
    [
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds", "AM04"),
        ("pm_card_chargeDeclinedStolenCard", "stolen_card", "AC06"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "NARR"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "NARR"),
        ("pm_card_radarBlock", "fraudulent", "FR01"),
    ],
)
async def test_a_decline_ends_the_payment_however_often_it_is_asked_for(
    ordered: Ordered, token: str, word: str, code: str
) -> None:
    pay = await ordered(card(token))
    told = await was_told(pay)
    assert (told.state, told.status_reason) == (S.REJECTED, code)
    assert (told.reason or "").startswith(word)
    assert (await was_told(pay)).state is S.REJECTED, "the stored decline is repeated"
    assert (await pay.found()).state is S.REJECTED
    report = await pay.was_read()
    assert (report.state, moved(report)) == (S.REJECTED, {})
    assert folded(pay, told, report).findings == ()


async def test_a_payer_who_has_to_confirm_is_sent_to_a_page_and_comes_back(
    ordered: Ordered, bank: Bank
) -> None:
    order = card("pm_card_threeDSecure2Required", return_url="https://acme.test/back")
    pay = await ordered(order)
    told = await was_told(pay)
    assert told.state is S.AWAITING_USER
    assert told.action is not None
    assert told.action.kind is ActionKind.REDIRECT
    assert told.action.expires_at == _made(bank, pay) + timedelta(days=1)
    url = told.action.url or ""
    assert url not in repr(told)
    assert (await pay.was_read()).action == told.action, "the deadline stays the same"
    _press(url, "complete")
    bank.later(5)
    report = await pay.was_read()
    assert (report.state, report.action) == (S.CAPTURED, None)
    assert folded(pay, told, report).findings == ()


async def test_a_payer_who_comes_back_twice_pays_once(ordered: Ordered, bank: Bank) -> None:
    pay = await ordered(card("pm_card_threeDSecure2Required", return_url="https://acme.test/back"))
    told = await was_told(pay)
    assert told.action is not None
    # Two tabs show the same page, and the payer presses a button in each of them.
    for outcome in ("complete", "complete", "fail"):
        _press(told.action.url or "", outcome)
    bank.later(5)
    report = await pay.was_read()
    assert (report.state, moved(report)) == (S.CAPTURED, {MovementKind.CAPTURE: 10_00})
    of_it = pay.subject.partner_reference
    charges = [c for c in bank.control("book")["charges"] if c["payment_intent"] == of_it]
    assert [charge["paid"] for charge in charges] == [True]


async def test_a_payer_who_fails_to_confirm_has_not_paid(ordered: Ordered) -> None:
    pay = await ordered(card("pm_card_threeDSecure2Required", return_url="https://acme.test/back"))
    told = await was_told(pay)
    assert told.action is not None
    _press(told.action.url or "", "fail")
    report = await pay.was_read()
    assert (report.state, moved(report)) == (S.REJECTED, {})
    assert (report.reason or "").startswith("payment_intent_authentication_failure")


async def test_a_payer_who_never_comes_is_cancelled_and_a_late_one_finds_the_page_closed(
    ordered: Ordered,
) -> None:
    pay = await ordered(card("pm_card_threeDSecure2Required", return_url="https://acme.test/back"))
    told = await was_told(pay)
    assert told.action is not None
    await (await pay.taken_back()).accepted()
    assert (await pay.was_read()).state is S.CANCELLED
    _press(told.action.url or "", "complete")
    assert (await pay.was_read()).state is S.CANCELLED


async def test_a_payer_who_was_not_there_has_to_come_back(ordered: Ordered) -> None:
    pay = await ordered(card("pm_card_authenticationRequired", off_session=True))
    told = await was_told(pay)
    assert told.state is S.AWAITING_USER
    assert told.action is not None
    assert (told.action.kind, told.action.url) == (ActionKind.CONFIRM, None)
    await (await pay.taken_back()).accepted()


async def test_a_hold_is_captured_in_part_and_the_capture_is_found(
    ordered: Ordered, bank: Bank
) -> None:
    pay = await ordered(card("pm_card_visa", later=True))
    assert (await was_told(pay)).state is S.AUTHORISED
    held = await pay.was_read()
    assert (held.state, moved(held)) == (S.AUTHORISED, {MovementKind.AUTHORISATION: 10_00})
    assert (held.reason or "").startswith("held until ")
    taken = await (await capture(pay, 4_00)).accepted()
    assert (await taken.found()).partner_reference == pay.subject.partner_reference
    bank.later(5)
    report = await pay.was_read()
    assert moved(report)[MovementKind.CAPTURE] == 4_00


async def test_several_captures_take_what_is_held_and_no_more(ordered: Ordered, bank: Bank) -> None:
    pay = await ordered(card("pm_card_visa", later=True))
    await pay.accepted()
    for minor in (3_00, 3_00):
        await (await capture(pay, minor)).accepted()
    bank.later(5)
    partly = await pay.was_read()
    assert partly.state is S.PARTLY_CAPTURED
    assert moved(partly) == {MovementKind.AUTHORISATION: 10_00, MovementKind.CAPTURE: 6_00}
    too_much = await capture(pay, 5_00)
    assert isinstance(await too_much.submit(), Refused)
    assert isinstance(await too_much.adapter.find(too_much.subject), Absent)
    await (await capture(pay, 4_00)).accepted()
    bank.later(5)
    report = await pay.was_read()
    assert report.state in (S.PARTLY_CAPTURED, S.CAPTURED)
    assert moved(report)[MovementKind.CAPTURE] == 10_00


@pytest.mark.parametrize(
    ("fault", "is_executed"),
    [("reply_lost_before", False), ("reply_lost_after", True), ("error_500_cached", True)],
)
async def test_whatever_the_answer_a_capture_is_taken_once(
    ordered: Ordered, bank: Bank, fault: str, is_executed: bool
) -> None:
    pay = await ordered(card("pm_card_visa", later=True))
    await pay.accepted()
    taken = await capture(pay, 4_00)
    assert isinstance(await taken.adapter.find(taken.subject), Absent)
    bank.fault(fault, on="POST /v1/payment_intents/*/capture")
    assert isinstance(await taken.submit(), InDoubt)
    found = await taken.adapter.find(taken.subject)
    assert isinstance(found, Found if is_executed else Absent)
    bank.later(5)
    assert moved(await pay.was_read()).get(MovementKind.CAPTURE, 0) == (4_00 if is_executed else 0)


async def test_a_hold_that_ends_is_set_free_and_a_capture_comes_too_late(
    ordered: Ordered, bank: Bank
) -> None:
    pay = await ordered(card("pm_card_visa", later=True))
    await pay.accepted()
    late = await capture(pay, 4_00)
    bank.later(8 * 86_400)
    assert isinstance(await late.submit(), Refused)
    report = await pay.was_read()
    assert report.state is S.EXPIRED
    assert moved(report) == {MovementKind.AUTHORISATION: 10_00, MovementKind.RELEASE: 10_00}
    assert report.reversals == ()
    payment = folded(pay, report)
    assert (payment.findings, payment.amounts.authorised.minor) == ((), 0)


async def test_a_hold_is_cancelled(ordered: Ordered) -> None:
    pay = await ordered(card("pm_card_visa", later=True))
    await pay.accepted()
    cancel = await pay.taken_back()
    assert isinstance(await cancel.adapter.find(cancel.subject), Absent)
    await cancel.accepted()
    assert (await cancel.found()).state is S.CANCELLED
    report = await pay.was_read()
    assert moved(report) == {MovementKind.AUTHORISATION: 10_00, MovementKind.RELEASE: 10_00}
    again = await pay.taken_back()
    assert isinstance(await again.submit(), InDoubt), "the look-up tells that it is cancelled"
    assert (await again.found()).state is S.CANCELLED


async def test_what_was_taken_cannot_be_cancelled(ordered: Ordered) -> None:
    pay = await ordered(card("pm_card_visa"))
    await pay.accepted()
    cancel = await pay.taken_back()
    refused = await cancel.submit()
    assert isinstance(refused, Refused)
    assert refused.report.state is None
    assert isinstance(await cancel.adapter.find(cancel.subject), Absent)


async def test_a_refund_that_fails_later_brings_its_money_back(
    ordered: Ordered, bank: Bank
) -> None:
    pay = await ordered(card("pm_card_refundFail"))
    await pay.accepted()
    bank.later(5)
    refund = await (await pay.given_back(4_00)).accepted()
    given = await pay.was_read()
    bank.later(5)
    report = await pay.was_read()
    assert [each.state for each in report.reversals] == [ReversalState.FAILED]
    assert report.reversals[0].reason
    assert moved(report) == {
        MovementKind.CAPTURE: 10_00,
        MovementKind.REFUND: 4_00,
        MovementKind.REFUND_FAILED: 4_00,
    }
    payment = folded(pay, given, report)
    assert payment.amounts.refunded.minor == 0
    assert [each.is_undone for each in payment.reversals] == [True]
    assert (await refund.found()).reversals[0].state is ReversalState.FAILED


@pytest.mark.parametrize(
    ("outcome", "state", "disputed"),
    [("lost", ReversalState.LOST, 10_00), ("won", ReversalState.REINSTATED, 0)],
)
async def test_a_dispute_takes_the_money_until_it_is_won(
    ordered: Ordered, bank: Bank, outcome: str, state: ReversalState, disputed: int
) -> None:
    pay = await ordered(card("pm_card_createDispute"))
    await pay.accepted()
    bank.later(5)
    opened = await pay.was_read()
    assert opened.state is S.CAPTURED
    (dispute,) = opened.reversals
    assert (dispute.kind, dispute.state) == (ReversalKind.DISPUTE, ReversalState.NEEDS_EVIDENCE)
    assert dispute.deadline is not None
    assert moved(opened)[MovementKind.DISPUTE] == 10_00
    body = {"fault": "decide_dispute", "param": {"outcome": outcome}}
    bank.control(f"payments/{dispute.reference}", body)
    report = await pay.was_read()
    assert [each.state for each in report.reversals] == [state]
    payment = folded(pay, opened, report)
    assert (payment.state, payment.findings) == (S.CAPTURED, ())
    assert payment.amounts.disputed.minor == disputed
    refused = await (await pay.given_back(1_00)).submit()
    assert isinstance(refused, Refused) or outcome == "won"


async def test_an_inquiry_asks_for_evidence_and_takes_nothing(ordered: Ordered, bank: Bank) -> None:
    pay = await ordered(card("pm_card_createDisputeInquiry"))
    await pay.accepted()
    bank.later(5)
    report = await pay.was_read()
    assert [each.state for each in report.reversals] == [ReversalState.NEEDS_EVIDENCE]
    assert moved(report) == {MovementKind.CAPTURE: 10_00}


async def test_a_warning_asks_people_until_the_payment_is_refunded(
    ordered: Ordered, bank: Bank
) -> None:
    pay = await ordered(card("pm_card_createIssuerFraudRecord"))
    await pay.accepted()
    bank.later(5)
    report = await pay.was_read()
    (warning,) = report.reversals
    assert (warning.state, warning.amount.minor) == (ReversalState.NEEDS_EVIDENCE, 0)
    assert "early fraud warning" in (warning.reason or "")
    await (await pay.given_back(10_00)).accepted()
    report = await pay.was_read()
    states = {each.reference: each.state for each in report.reversals}
    assert states[warning.reference] is ReversalState.FAILED


async def test_a_stored_error_is_repeated_and_the_intent_tells_what_happened(
    ordered: Ordered, bank: Bank
) -> None:
    pay = await ordered(card("pm_card_visa"))
    bank.fault("error_500_cached", on=bank.words.pay)
    for _ in range(2):
        doubt = await pay.submit()
        assert isinstance(doubt, InDoubt)
        assert doubt.server_error
    assert (await pay.found()).state is S.CAPTURED
    assert len(pay.held) == 1


async def test_a_stored_error_of_the_intent_is_passed_by_under_another_key(
    ordered: Ordered, bank: Bank
) -> None:
    subject = Subject("pay_2/pay/1", card("pm_card_visa"), (new_key(ordered.adapter),))
    bank.fault("error_500_cached", on="POST /v1/payment_intents", executed=False)
    first = await ordered.adapter.prepare(subject)
    assert isinstance(first, Unprepared)
    assert first.refused is None
    pay = await Instruction(bank, ordered.adapter, subject).prepared()
    await pay.accepted()
    assert len(pay.held) == 1


@pytest.mark.parametrize(
    ("fault", "status"), [("key_in_use", 409), ("lock_timeout", 429), ("rate_limited", 429)]
)
async def test_what_met_another_request_was_not_executed(
    ordered: Ordered, bank: Bank, fault: str, status: int
) -> None:
    pay = await ordered(card("pm_card_visa"))
    bank.fault(fault, on=bank.words.pay)
    turned_away = await pay.submit()
    assert isinstance(turned_away, TurnedAway)
    assert turned_away.status == status
    assert status in pay.operation.refusals_without_effect
    assert pay.held == []
    await pay.accepted()


async def test_an_error_that_stripe_wants_repeated_is_not_stored(
    ordered: Ordered, bank: Bank
) -> None:
    pay = await ordered(card("pm_card_visa"))
    bank.fault("error_500_cached", on=bank.words.pay, should_retry=True)
    doubt = await pay.submit()
    assert isinstance(doubt, InDoubt)
    assert not doubt.server_error


def _made(bank: Bank, pay: Instruction) -> datetime:
    (held,) = pay.held
    return datetime.fromtimestamp(held["created"]).astimezone()


def _press(url: str, outcome: str) -> None:
    """The payer presses a button of the page."""
    form: dict[str, Any] = {**dict(parse_qsl(urlsplit(url).query)), "outcome": outcome}
    httpx.post(url, data=form)


async def test_a_card_that_the_payer_let_us_save_is_collected_from_again_without_them(
    ordered: Ordered, bank: Bank
) -> None:
    payer, back = customer(bank.address), "https://acme.test/back"
    token = "pm_card_authenticationRequiredOnSetup"
    first = await ordered(card(token, customer=payer, saves=True, return_url=back))
    assert (await was_told(first)).state is S.AWAITING_USER
    ordered.happen(first, "payer_completes")
    assert (await first.was_read()).state is S.CAPTURED
    intents = bank.control("book")["payment_intents"]
    (saved,) = [each["payment_method"] for each in intents
                if each["id"] == first.subject.partner_reference]  # fmt: skip
    again = await ordered(card(saved, customer=payer, off_session=True))
    assert (await was_told(again)).state is S.CAPTURED
    # One that was not saved asks for the payer.
    other = await ordered(card(token, customer=payer, off_session=True))
    assert (await was_told(other)).state is S.AWAITING_USER
