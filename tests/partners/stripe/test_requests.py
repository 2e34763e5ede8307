"""The exact forms of our requests, their keys and headers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.accounts import Account
from domain.lifecycle.answers import Prepared, Unprepared
from domain.lifecycle.profile import InstructionKind
from domain.money import Money
from domain.payments.answers import Subject
from domain.payments.order import Captured, Collection, Order, Rail
from domain.payments.report import PaymentState
from partners.stripe.profile import API_VERSION
from tests.partners.stripe.scripted import (
    DEADLINE,
    HELD,
    KEY,
    NEW,
    NEW_PAYOUT,
    ORDER,
    PAYOUT,
    TAKEN,
    TAKEN_PAYOUT,
    Scripted,
    charge,
    error,
    intent,
    of_kind,
    partner,
)

MAKE = "POST /v1/payment_intents"
UNCONFIRMED = intent(status="requires_confirmation")


def collected(**changes: Any) -> Order:
    """The order with another collection."""
    return ORDER.model_copy(
        update={"collection": Collection.model_validate({"payment_method": "pm_1", **changes})}
    )


async def made(order: Order) -> dict[str, str]:
    """The form of the intent that an order makes."""
    script = Scripted().on(MAKE, (200, UNCONFIRMED))
    prepared = await partner(script).prepare(replace(NEW, order=order))
    assert isinstance(prepared, Prepared), prepared
    return script.sent[0].form


async def form_of(subject: Subject, script: Scripted | None = None) -> tuple[str, dict[str, str]]:
    """Path and form of an instruction, as they are sent."""
    script = script or Scripted()
    prepared = await partner(script).prepare(subject)
    assert isinstance(prepared, Prepared), prepared
    wire_request = prepared.request
    script.on(f"{wire_request.method} {wire_request.path}", (500, ""))
    await partner(script).submit(subject, wire_request, DEADLINE)
    sent = script.sent[-1]
    assert sent.headers["idempotency-key"] == wire_request.key == subject.keys[-1]
    assert sent.headers["content-type"] == "application/x-www-form-urlencoded"
    return sent.route, sent.form


async def test_an_intent_is_made_without_being_confirmed() -> None:
    assert await made(ORDER) == {
        "amount": "1250",
        "currency": "eur",
        "payment_method_types[]": "card",
        "payment_method": "pm_1",
        "capture_method": "automatic",
        "metadata[finality_key]": KEY,
    }


async def test_an_intent_says_all_that_the_order_says() -> None:
    order = collected(customer="cus_1", captured=Captured.LATER, statement_descriptor="ACME SHOP")
    form = await made(order.model_copy(update={"remittance_information": "Invoice 7"}))
    assert form["customer"] == "cus_1"
    assert form["capture_method"] == "manual"
    assert form["payment_method_options[card][request_multicapture]"] == "if_available"
    rising = "payment_method_options[card][request_incremental_authorization]"
    assert form[rising] == "if_available"
    assert form["statement_descriptor_suffix"] == "ACME SHOP"
    assert form["description"] == "Invoice 7"


async def test_an_account_without_features_of_cards_holds_without_them() -> None:
    """Asking for one that the account lacks is refused, though it is asked for if available."""
    ineligible = error(400, code="payment_intent_invalid_parameter")
    script = Scripted().on(MAKE, ineligible, (200, UNCONFIRMED))
    prepared = await partner(script).prepare(replace(NEW, order=HELD))
    assert isinstance(prepared, Prepared), prepared
    first, second = script.sent
    left_out = {name for name in first.form if name.startswith("payment_method_options")}
    assert len(left_out) == 2
    assert second.form == {name: text for name, text in first.form.items() if name not in left_out}
    keys = [sent.headers["idempotency-key"] for sent in script.sent]
    assert keys == [f"{KEY}-intent-1", f"{KEY}-intent-2"]


@pytest.mark.parametrize(("order", "requests"), [(ORDER, 1), (HELD, 2)], ids=["at once", "later"])
async def test_another_parameter_that_is_refused_ends_the_order(
    order: Order, requests: int
) -> None:
    script = Scripted().on(MAKE, error(400, code="payment_intent_invalid_parameter"))
    unprepared = await partner(script).prepare(replace(NEW, order=order))
    assert isinstance(unprepared, Unprepared)
    assert unprepared.refused is not None
    assert len(script.sent) == requests


async def test_a_card_is_saved_while_the_payer_is_there() -> None:
    form = await made(collected(customer="cus_1", saves=True))
    assert (form["customer"], form["setup_future_usage"]) == ("cus_1", "off_session")


async def test_a_debit_has_the_whole_statement_for_itself() -> None:
    order = collected(statement_descriptor="ACME SHOP")
    form = await made(order.model_copy(update={"rail": Rail.SEPA_DIRECT_DEBIT}))
    assert form["payment_method_types[]"] == "sepa_debit"
    assert form["statement_descriptor"] == "ACME SHOP"


async def test_making_and_confirming_have_keys_of_their_own_and_one_version() -> None:
    script = Scripted().on(MAKE, (200, UNCONFIRMED))
    script.on("POST /v1/payment_intents/pi_1/confirm", (200, intent()))
    adapter = partner(script)
    prepared = await adapter.prepare(NEW)
    assert isinstance(prepared, Prepared)
    await adapter.submit(NEW, prepared.request, DEADLINE)
    assert [sent.headers["idempotency-key"] for sent in script.sent] == [f"{KEY}-intent-1", KEY]
    assert {sent.headers["stripe-version"] for sent in script.sent} == {API_VERSION}
    assert {sent.headers["authorization"] for sent in script.sent} == {"Bearer sk_test_1"}
    assert "sk_test_1" not in str(prepared)


async def test_a_confirmation_says_whether_the_payer_is_there() -> None:
    subject = replace(NEW, order=collected(), prepared={"payment_intent": "pi_1"})
    route = "POST /v1/payment_intents/pi_1/confirm"
    assert await form_of(subject) == (route, {})
    told = collected(off_session=True, mandate="mandate_1", return_url="https://acme.test/back")
    assert await form_of(replace(subject, order=told)) == (
        route,
        {"off_session": "true", "mandate": "mandate_1", "return_url": "https://acme.test/back"},
    )


async def test_an_intent_that_was_made_is_used_again() -> None:
    script = Scripted()
    prepared = await partner(script).prepare(replace(NEW, prepared={"payment_intent": "pi_9"}))
    assert isinstance(prepared, Prepared)
    assert prepared.request.path == "/v1/payment_intents/pi_9/confirm"
    assert script.sent == []


@pytest.mark.parametrize(
    ("several", "form"),
    [
        ("unavailable", {}),
        ("available", {"final_capture": "false"}),
    ],
)
async def test_a_capture_leaves_its_mark_and_is_the_last_only_where_it_has_to_be(
    several: str, form: dict[str, str]
) -> None:
    offered = {"card": {"multicapture": {"status": several}}}
    held = charge(amount_captured=0, payment_method_details=offered)
    script = Scripted().on(
        "GET /v1/payment_intents/pi_1", (200, intent(held, status="requires_capture"))
    )
    subject = of_kind(InstructionKind.CAPTURE, replace(TAKEN, order=HELD))
    assert await form_of(subject, script) == (
        "POST /v1/payment_intents/pi_1/capture",
        {"amount_to_capture": "500", f"metadata[capture_{KEY}]": "500", **form},
    )
    assert len(f"capture_{KEY}") <= 40, "they limit the names in metadata"


async def test_a_capture_that_the_partner_shows_is_not_made_again() -> None:
    """The database was restored, and has forgotten it."""
    held = charge(amount_captured=500)
    shown = intent(held, status="requires_capture", metadata={f"capture_{KEY}": "500"})
    script = Scripted().on("GET /v1/payment_intents/pi_1", (200, shown))
    subject = of_kind(InstructionKind.CAPTURE, replace(TAKEN, order=HELD))
    assert isinstance(await partner(script).prepare(subject), Unprepared)


async def test_an_amount_that_stripe_cannot_take_is_refused_for_good() -> None:
    asked = of_kind(InstructionKind.REFUND)
    odd = replace(asked, amount=Money(minor=1_005, currency="KWD"))
    unprepared = await partner(Scripted()).prepare(odd)
    assert isinstance(unprepared, Unprepared)
    assert unprepared.refused is not None
    assert "amount" in unprepared.why


async def test_a_refund_names_its_payment_and_our_key() -> None:
    assert await form_of(of_kind(InstructionKind.REFUND)) == (
        "POST /v1/refunds",
        {"payment_intent": "pi_1", "amount": "500", "metadata[finality_key]": KEY},
    )


async def test_a_cancel_says_why() -> None:
    assert await form_of(of_kind(InstructionKind.CANCEL)) == (
        "POST /v1/payment_intents/pi_1/cancel",
        {"cancellation_reason": "requested_by_customer", "expand[]": "latest_charge"},
    )
    assert await form_of(of_kind(InstructionKind.CANCEL, TAKEN_PAYOUT)) == (
        "POST /v1/payouts/po_1/cancel",
        {},
    )


async def test_a_payout_goes_to_our_own_bank_account() -> None:
    assert await form_of(NEW_PAYOUT) == (
        "POST /v1/payouts",
        {
            "amount": "1250",
            "currency": "eur",
            "destination": "ba_1",
            "method": "standard",
            "metadata[finality_key]": KEY,
        },
    )


async def test_the_same_order_is_the_same_bytes_later_too() -> None:
    first = await partner(Scripted()).prepare(NEW_PAYOUT)
    assert isinstance(first, Prepared)
    again = await partner(Scripted()).prepare(replace(NEW_PAYOUT, prepared=first.request.prepared))
    assert again == first


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (collected(payment_method=None, customer="cus_1"), "collection.payment_method"),
        (collected(statement_descriptor="1234567"), "collection.statement_descriptor"),
        (collected(statement_descriptor="A<B>C"), "collection.statement_descriptor"),
        (collected(statement_descriptor="ABC"), "collection.statement_descriptor"),
        (collected(return_url="javascript:alert(1)"), "collection.return_url"),
        (collected(saves=True), "collection.customer"),
        (collected(customer="cus_1", saves=True, off_session=True), "collection.saves"),
        (collected(customer="cus_1", saves=True).model_copy(update={"rail": Rail.ACH_DEBIT}),
         "collection.saves"),
        (collected(captured=Captured.LATER).model_copy(update={"rail": Rail.ACH_DEBIT}),
         "collection.captured"),
        (ORDER.model_copy(update={"on_behalf_of": "acct_2"}), "on_behalf_of"),
        (ORDER.model_copy(update={"instructed_amount": Money(minor=1_234, currency="KWD")}),
         "instructed_amount"),
        (ORDER.model_copy(update={"instructed_amount": Money(minor=1_50, currency="MGA")}),
         "instructed_amount"),
        (PAYOUT.model_copy(update={"creditor_account": Account(other="12345678")}),
         "creditor_account"),
        # It ends as ours does.
        (PAYOUT.model_copy(update={"creditor_account": Account(other="0000000189")}),
         "creditor_account"),
        (PAYOUT.model_copy(update={"rail": Rail.CROSS_BORDER}), "rail"),
    ],
)  # fmt: skip
async def test_what_stripe_never_can_do_is_refused_by_field_without_asking(
    order: Order, field: str
) -> None:
    script = Scripted()
    unprepared = await partner(script).prepare(replace(NEW, order=order))
    assert isinstance(unprepared, Unprepared)
    assert unprepared.why.startswith(f"{field}: ")
    assert unprepared.refused is not None
    assert unprepared.refused.state is PaymentState.REJECTED
    assert script.sent == []


@pytest.mark.parametrize(
    "answer",
    [
        (500, ""), (503, "{}"), (409, {}), (429, {}), (401, {}), (200, "<html>"), (200, {}),
        (302, ""), (400, "no json"), error(400, code="of a new kind"),
        error(409, code="idempotency_key_in_use"),
        (200, intent(status="requires_confirmation", amount=1)),
        (200, intent(status="requires_confirmation", metadata={})),
        OSError("gone"),
    ],
    ids=str,
)  # fmt: skip
async def test_an_intent_that_is_not_surely_made_is_made_later(answer: Any) -> None:
    unprepared = await partner(Scripted().on(MAKE, answer)).prepare(NEW)
    assert isinstance(unprepared, Unprepared)
    assert unprepared.refused is None


async def test_an_intent_that_is_refused_ends_the_order() -> None:
    script = Scripted().on(MAKE, error(400, code="amount_too_small", param="amount"))
    unprepared = await partner(script).prepare(NEW)
    assert isinstance(unprepared, Unprepared)
    assert unprepared.refused is not None
    assert (unprepared.refused.partner_status, unprepared.refused.status_reason) == (
        "amount_too_small",
        "AM01",
    )


@pytest.mark.parametrize(
    "spent",
    [(500, "", {"idempotent-replayed": "true"}), error(400, kind="idempotency_error")],
    ids=str,
)
async def test_a_key_that_brings_the_same_error_for_a_day_is_left_behind(spent: Any) -> None:
    script = Scripted().on(MAKE, spent, (200, UNCONFIRMED))
    assert isinstance(await partner(script).prepare(NEW), Prepared)
    keys = [sent.headers["idempotency-key"] for sent in script.sent]
    assert keys == [f"{KEY}-intent-1", f"{KEY}-intent-2"]


async def test_no_more_than_three_keys_are_left_behind_at_a_time() -> None:
    script = Scripted().on(MAKE, (500, "", {"idempotent-replayed": "true"}))
    assert isinstance(await partner(script).prepare(NEW), Unprepared)
    assert len(script.sent) == 3
