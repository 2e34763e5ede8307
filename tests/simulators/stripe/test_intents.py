"""A PaymentIntent's life: taken, refused, authenticated, held, debited, cancelled."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.simulators.stripe.conftest import BACK, MANDATE, Shop

DAY = 86_400
MULTIPLE = {"payment_method_options[card][request_multicapture]": "if_available"}
EXTENDED = {"payment_method_options[card][request_extended_authorization]": "if_available"}


def link(intent: dict[str, Any]) -> str:
    return str(intent["next_action"]["redirect_to_url"]["url"])


# Cards


def test_a_payment_is_made_then_confirmed_and_its_money_is_ours_less_the_fee(shop: Shop) -> None:
    form = {"amount": 2000, "currency": "EUR", "payment_method_types[]": "card"}
    intent = shop.done("payment_intents", **form, **{"metadata[order]": "7"})
    assert (intent["status"], intent["last_payment_error"]) == ("requires_payment_method", None)
    assert intent["capture_method"] == "automatic_async"
    assert shop.book()["payments"] == [], "nothing is a payment before it is confirmed"
    paid = shop.done(
        f"payment_intents/{intent['id']}/confirm", key="pay", payment_method="pm_card_visa"
    )
    assert (paid["status"], paid["amount_received"]) == ("succeeded", 2000)
    [held] = shop.book()["payments"]
    assert (held["unique_request_id"], held["amount_minor"]) == ("pay", 2000)
    charge = shop.read(paid)["latest_charge"]
    assert (charge["metadata"], charge["captured"]) == ({"order": "7"}, True)
    assert charge["balance_transaction"] is None, "captured asynchronously"
    shop.advance(1)
    booked = shop.read(paid)["latest_charge"]["balance_transaction"]
    transaction = shop.get(f"balance_transactions/{booked}")
    assert (transaction["type"], transaction["status"]) == ("charge", "pending")
    assert (transaction["amount"], transaction["fee"], transaction["net"]) == (2000, 88, 1912)
    assert transaction["fee"] == sum(each["amount"] for each in transaction["fee_details"])
    shop.advance(2)
    assert shop.get(f"balance_transactions/{booked}")["status"] == "available"
    assert shop.events(intent["id"]) == ["payment_intent.created", "payment_intent.succeeded"]
    assert shop.events(charge["id"]) == ["charge.succeeded", "charge.updated"]


DECLINED = [
    ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
    ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
    ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
    ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
    ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
    ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
    ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
    ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
    ("pm_card_radarBlock", "card_declined", "fraudulent"),
]


@pytest.mark.parametrize(("method", "code", "decline_code"), DECLINED)
def test_a_declined_card_leaves_the_payment_waiting_for_another(
    shop: Shop, method: str, code: str, decline_code: str
) -> None:
    error = shop.declined(method)
    assert (error["type"], error["code"], error["decline_code"]) == (
        "card_error", code, decline_code,
    )  # fmt: skip
    intent = shop.read(error["payment_intent"])
    assert intent["status"] == "requires_payment_method"
    assert intent["payment_method"] is None
    assert intent["last_payment_error"]["code"] == code
    charge = intent["latest_charge"]
    assert (charge["id"], charge["status"], charge["failure_code"]) == (
        error["charge"], "failed", code,
    )  # fmt: skip
    assert shop.events(intent["id"])[-1] == "payment_intent.payment_failed"
    assert shop.transactions(charge["id"]) == []
    again = shop.done(
        f"payment_intents/{intent['id']}/confirm", payment_method="pm_card_visa", return_url=BACK
    )
    assert (again["status"], again["last_payment_error"]) == ("succeeded", None)
    assert again["latest_charge"] != charge["id"]


def test_what_cannot_be_confirmed_says_so_and_shows_the_payment(shop: Shop) -> None:
    empty = shop.done("payment_intents", amount=2000, currency="eur")
    confirm = f"payment_intents/{empty['id']}/confirm"
    error = shop.refused(confirm)
    assert error["code"] == "payment_intent_unexpected_state"
    assert shop.refused(confirm, payment_method="pm_card_visa")["param"] == "return_url"
    debit = shop.refused(confirm, payment_method="pm_usBankAccount_success", return_url=BACK)
    assert debit["code"] == "payment_method_currency_mismatch"
    shop.done(f"payment_intents/{empty['id']}/cancel")
    ended = shop.refused(confirm, payment_method="pm_card_visa", return_url=BACK)
    assert ended["code"] == "payment_intent_unexpected_state"
    assert ended["payment_intent"]["status"] == "canceled"
    card_only = shop.order("pm_success_de", **{"payment_method_types[]": "card"})
    assert shop.refused("payment_intents", **card_only)["param"] == "payment_method"
    used = shop.pay()["payment_method"]
    spent = shop.refused("payment_intents", **shop.order(used))
    assert spent["code"] == "payment_method_unexpected_state"


@pytest.mark.parametrize(
    ("currency", "amount", "code"),
    [
        ("eur", 49, "amount_too_small"),
        ("eur", 50, None),
        ("gbp", 29, "amount_too_small"),
        ("gbp", 30, None),
        ("jpy", 49, "amount_too_small"),
        ("jpy", 50, None),
        ("kwd", 1001, "invalid_charge_amount"),
        ("kwd", 1000, None),
        ("ugx", 10_050, "invalid_charge_amount"),
        ("usd", 100_000_000, "amount_too_large"),
        ("usd", 99_999_999, None),
        ("eur", 0, "parameter_invalid_integer"),
        ("eur", "20.00", "parameter_invalid_integer"),
        ("eur", "", "parameter_missing"),
    ],
)
def test_amounts_are_integers_in_the_currencys_own_minor_units(
    shop: Shop, currency: str, amount: Any, code: str | None
) -> None:
    answer = shop.post("payment_intents", amount=amount, currency=currency)
    assert answer.json().get("error", {}).get("code") == code


def test_a_parameter_that_there_is_not_is_refused_by_name(shop: Shop) -> None:
    error = shop.refused("payment_intents", amount=2000, currency="eur", colour="red")
    assert (error["code"], error["param"]) == ("parameter_unknown", "colour")
    number = {"payment_method_data[card][number]": "x", "payment_method_data[type]": "card"}
    error = shop.refused("payment_intents", 402, amount=2000, currency="eur", **number)
    assert error["param"] == "card[number]"


def test_what_the_payer_reads_on_a_statement_is_short_and_plain(shop: Shop) -> None:
    for wrong in ("x" * 23, "1234", "A*B"):
        form = shop.order(statement_descriptor_suffix=wrong)
        assert shop.refused("payment_intents", **form)["param"] == "statement_descriptor_suffix"
    card = shop.refused("payment_intents", **shop.order(statement_descriptor="SHOP"))
    assert card["param"] == "statement_descriptor"
    paid = shop.pay(statement_descriptor_suffix="ORDER 7")
    charge = shop.read(paid)["latest_charge"]
    assert charge["calculated_statement_descriptor"] == "SIMULATED* ORDER 7"
    debit = shop.pay("pm_success_de", statement_descriptor="SHOP")
    assert shop.read(debit)["latest_charge"]["calculated_statement_descriptor"] == "SHOP"


# The payer


def test_a_payer_completes_the_authentication_on_the_page_and_is_led_back(shop: Shop) -> None:
    waiting = shop.pay("pm_card_authenticationRequired", return_url=f"{BACK}?cart=1")
    assert (waiting["status"], waiting["latest_charge"]) == ("requires_action", None)
    page = shop.http.get(link(waiting))
    assert page.headers["content-type"].startswith("text/html")
    assert 'value="complete"' in page.text
    assert 'value="fail"' in page.text
    back = shop.http.post(link(waiting), data={"outcome": "complete"})
    assert back.status_code == 303
    told = parse_qs(urlsplit(back.headers["location"]).query)
    assert told["cart"] == ["1"]
    assert told["payment_intent"] == [waiting["id"]]
    assert told["redirect_status"] == ["succeeded"]
    paid = shop.read(waiting)
    assert (paid["status"], paid["next_action"]) == ("succeeded", None)
    card = paid["latest_charge"]["payment_method_details"]["card"]
    assert card["three_d_secure"]["result"] == "authenticated"
    # Back once more, with the browser's own button.
    assert shop.http.get(link(waiting)).status_code == 410
    assert shop.http.post(link(waiting), data={"outcome": "complete"}).status_code == 410
    assert len(shop.all("charges")) == 1


def test_a_payer_who_fails_the_authentication_was_not_charged(shop: Shop) -> None:
    waiting = shop.pay("pm_card_authenticationRequired")
    back = shop.http.post(link(waiting), data={"outcome": "fail"})
    assert "redirect_status=failed" in back.headers["location"]
    failed = shop.read(waiting)
    assert failed["status"] == "requires_payment_method"
    assert failed["last_payment_error"]["code"] == "payment_intent_authentication_failure"
    assert shop.all("charges") == []


def test_a_payer_comes_too_late_for_a_cancelled_or_replaced_attempt(shop: Shop) -> None:
    first = shop.pay("pm_card_authenticationRequired")
    second = shop.done(
        f"payment_intents/{first['id']}/confirm", payment_method="pm_card_threeDSecure2Required",
        return_url=BACK,
    )  # fmt: skip
    assert shop.http.get(link(first)).status_code == 410
    assert shop.http.get(link(second)).status_code == 200
    shop.done(f"payment_intents/{first['id']}/cancel", cancellation_reason="abandoned")
    assert shop.http.post(link(second), data={"outcome": "complete"}).status_code == 410
    assert shop.http.get(f"{shop.address}/authenticate/pi_nobody").status_code == 410
    assert shop.read(first)["cancellation_reason"] == "abandoned"


def test_a_card_may_be_declined_after_its_payer_authenticated(shop: Shop) -> None:
    waiting = shop.pay("pm_card_threeDSecureRequiredChargeDeclined")
    back = shop.http.post(link(waiting), data={"outcome": "complete"})
    assert "redirect_status=failed" in back.headers["location"]
    assert shop.read(waiting)["last_payment_error"]["decline_code"] == "generic_decline"


def test_without_a_return_url_only_their_scripts_can_ask_the_payer(shop: Shop) -> None:
    form = shop.order("pm_card_authenticationRequired")
    del form["return_url"]
    assert shop.done("payment_intents", **form)["next_action"]["type"] == "use_stripe_sdk"


def test_an_absent_payer_cannot_authenticate(shop: Shop) -> None:
    for also in ({"off_session": "true"}, {"error_on_requires_action": "true"}):
        error = shop.declined("pm_card_authenticationRequired", **also)
        assert (error["code"], error["decline_code"]) == (
            "authentication_required", "authentication_required",
        )  # fmt: skip
        assert error["payment_intent"]["status"] == "requires_payment_method"
        assert error["payment_method"]["id"]


def test_a_card_that_was_set_up_is_charged_while_the_payer_is_away(shop: Shop) -> None:
    customer = shop.done("customers")["id"]
    away = {"customer": customer, "off_session": "true"}
    setup = shop.done(
        "setup_intents", customer=customer, payment_method="pm_card_authenticationRequiredOnSetup",
        confirm="true", return_url=BACK,
    )  # fmt: skip
    assert setup["status"] == "requires_action"
    method = setup["payment_method"]
    shop.done(f"payment_methods/{method}/attach", customer=customer)
    assert shop.declined(method, **away)["code"] == "authentication_required"
    back = shop.http.post(link(setup), data={"outcome": "complete"})
    assert f"setup_intent={setup['id']}" in back.headers["location"]
    assert shop.get(f"setup_intents/{setup['id']}")["status"] == "succeeded"
    assert shop.pay(method, **away)["status"] == "succeeded"
    saved = shop.pay("pm_card_visa", customer=customer, setup_future_usage="off_session")
    assert shop.get(f"payment_methods/{saved['payment_method']}")["customer"] == customer
    assert shop.pay(saved["payment_method"], **away)["status"] == "succeeded"
    never = shop.declined("pm_card_authenticationRequired", **away)
    assert never["code"] == "authentication_required"
    present = shop.pay("pm_card_authenticationRequiredSetupForOffSession")
    assert present["status"] == "requires_action"
    method = "pm_card_authenticationRequiredSetupForOffSession"
    assert shop.pay(method, off_session="true")["status"] == "succeeded"


def test_a_setup_that_fails_saves_nothing(shop: Shop) -> None:
    declined = shop.refused(
        "setup_intents", 402, payment_method="pm_card_chargeDeclined", confirm="true"
    )
    assert declined["setup_intent"]["status"] == "requires_payment_method"
    form = {"payment_method": "pm_card_authenticationRequired", "confirm": "true"}
    waiting = shop.done("setup_intents", return_url=BACK, **form)
    shop.http.post(link(waiting), data={"outcome": "fail"})
    failed = shop.get(f"setup_intents/{waiting['id']}")
    assert failed["last_setup_error"]["code"] == "setup_intent_authentication_failure"
    assert shop.events(waiting["id"])[-1] == "setup_intent.setup_failed"
    saved = shop.done("setup_intents", payment_method="pm_card_chargeCustomerFail", confirm="true")
    assert saved["status"] == "succeeded", "only its charges fail"
    ended = shop.refused(f"setup_intents/{saved['id']}/cancel")
    assert ended["code"] == "setup_intent_unexpected_state"


# Holding and taking


def test_what_is_held_is_taken_in_part_and_the_rest_is_released(shop: Shop) -> None:
    held = shop.pay(capture_method="manual")
    assert (held["status"], held["amount_capturable"]) == ("requires_capture", 2000)
    charge = shop.read(held)["latest_charge"]
    assert (charge["captured"], charge["balance_transaction"]) == (False, None)
    capture = f"payment_intents/{held['id']}/capture"
    too_much = shop.refused(capture, amount_to_capture=2001)
    assert too_much["code"] == "amount_too_large"
    several = shop.refused(capture, amount_to_capture=5, final_capture="false")
    assert several["param"] == "final_capture"
    taken = shop.done(capture, amount_to_capture=1500)
    assert (taken["status"], taken["amount_received"]) == ("succeeded", 1500)
    assert taken["amount_capturable"] == 0
    assert shop.transactions(charge["id"]) == [("charge", 1500, 74)]
    again = shop.refused(capture)
    assert again["code"] == "payment_intent_unexpected_state"
    assert shop.events(held["id"])[1:] == [
        "payment_intent.amount_capturable_updated", "payment_intent.succeeded",
    ]  # fmt: skip


def test_several_parts_are_taken_where_it_was_agreed(shop: Shop) -> None:
    held = shop.pay(capture_method="manual", **MULTIPLE)
    capture = f"payment_intents/{held['id']}/capture"
    first = shop.done(capture, amount_to_capture=500, final_capture="false")
    assert (first["status"], first["amount_capturable"]) == ("requires_capture", 1500)
    second = shop.done(capture, amount_to_capture=700, final_capture="false")
    assert (second["amount_received"], second["amount_capturable"]) == (1200, 800)
    cancel = shop.refused(f"payment_intents/{held['id']}/cancel")
    assert cancel["code"] == "payment_intent_unexpected_state"
    last = shop.done(capture, amount_to_capture=300)
    assert (last["status"], last["amount_received"]) == ("succeeded", 1500)
    charge = shop.read(held)["latest_charge"]
    assert [amount for _, amount, _ in shop.transactions(charge["id"])] == [500, 700, 300]
    other = shop.pay(capture_method="manual", **MULTIPLE)
    shop.done(f"payment_intents/{other['id']}/capture", amount_to_capture=9, final_capture="false")
    shop.advance(8 * DAY)
    assert (shop.read(other)["status"], shop.read(other)["amount_received"]) == ("succeeded", 9)


def test_what_is_not_taken_in_time_is_released(shop: Shop) -> None:
    held = shop.pay(capture_method="manual")
    longer = shop.pay(capture_method="manual", **EXTENDED)
    card = shop.read(held)["latest_charge"]["payment_method_details"]["card"]
    assert card["capture_before"] == held["created"] + 7 * DAY
    shop.advance(7 * DAY)
    expired = shop.read(held)
    assert (expired["status"], expired["cancellation_reason"]) == ("canceled", "expired")
    assert "charge.expired" in shop.events(expired["latest_charge"]["id"])
    late = shop.refused(f"payment_intents/{held['id']}/capture")
    assert late["code"] == "payment_intent_unexpected_state"
    assert shop.read(longer)["status"] == "requires_capture"
    shop.advance(23 * DAY)
    assert shop.read(longer)["status"] == "canceled"
    assert shop.transactions(expired["latest_charge"]["id"]) == []


def test_a_payment_is_cancelled_until_money_was_taken(shop: Shop) -> None:
    created = shop.done("payment_intents", amount=2000, currency="eur")
    held, paid = shop.pay(capture_method="manual"), shop.pay()
    waiting, debit = shop.pay("pm_card_authenticationRequired"), shop.pay("pm_success_de")
    for intent in (created, held, waiting):
        ended = shop.done(f"payment_intents/{intent['id']}/cancel")
        assert (ended["status"], ended["amount_capturable"]) == ("canceled", 0)
    assert shop.read(held)["latest_charge"]["refunded"] is True
    for intent in (paid, debit, held):
        refused = shop.refused(f"payment_intents/{intent['id']}/cancel")
        assert refused["code"] == "payment_intent_unexpected_state"
        assert refused["payment_intent"]["id"] == intent["id"]


# Bank debits


@pytest.mark.parametrize("method", ["pm_success_de", "pm_usBankAccount_success"])
def test_a_debit_is_processed_for_days_before_it_succeeds(shop: Shop, method: str) -> None:
    shop.control("delays", {"debit_after": 5 * DAY})
    debit = shop.pay(method)
    assert (debit["status"], debit["amount_received"]) == ("processing", 0)
    charge = shop.read(debit)["latest_charge"]
    assert (charge["status"], charge["paid"]) == ("pending", False)
    assert shop.transactions(charge["id"]) == []
    shop.advance(5 * DAY - 1)
    assert shop.read(debit)["status"] == "processing"
    shop.advance(1)
    assert shop.read(debit)["status"] == "succeeded"
    [(kind, amount, fee)] = shop.transactions(charge["id"])
    assert (kind, amount, fee) == ("payment", 2000, 16)
    assert shop.events(debit["id"])[1:] == ["payment_intent.processing", "payment_intent.succeeded"]


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("pm_failed_at", "payment_method_provider_decline"),
        ("pm_insufficientFunds_fr", "insufficient_funds"),
        ("pm_exceedsWeeklyVolumeLimit_de", "charge_exceeds_source_limit"),
        ("pm_usBankAccount_accountClosed", "account_closed"),
        ("pm_usBankAccount_noAccount", "no_account"),
        ("pm_usBankAccount_insufficientFunds", "insufficient_funds"),
        ("pm_usBankAccount_debitNotAuthorized", "debit_not_authorized"),
    ],
)
def test_a_debit_is_refused_days_after_it_was_accepted(shop: Shop, method: str, code: str) -> None:
    debit = shop.pay(method)
    assert debit["status"] == "processing"
    shop.advance(10)
    refused = shop.read(debit)
    assert refused["status"] == "requires_payment_method"
    assert refused["last_payment_error"]["code"] == code
    assert refused["latest_charge"]["failure_code"] == code
    assert shop.events(refused["latest_charge"]["id"]) == ["charge.pending", "charge.failed"]
    assert shop.events(debit["id"])[-1] == "payment_intent.payment_failed"


def test_a_debit_may_be_late_or_never_answered(shop: Shop) -> None:
    late, never = shop.pay("pm_successDelayed_de"), shop.pay("pm_usBankAccount_processing")
    shop.advance(179)
    assert shop.read(late)["status"] == "processing"
    shop.advance(10)
    assert shop.read(late)["status"] == "succeeded"
    shop.advance(300 * DAY)
    assert shop.read(never)["status"] == "processing"
    shop.apply("decline_debit", never, code="account_closed")
    assert shop.read(never)["last_payment_error"]["code"] == "account_closed"


def test_a_debit_needs_the_payers_consent_which_may_be_older(shop: Shop) -> None:
    form = shop.order("pm_success_de")
    consent = {name: form.pop(name) for name in MANDATE}
    refused = shop.refused("payment_intents", **form)
    assert refused["code"] == "payment_intent_mandate_invalid"
    customer = shop.done("customers")["id"]
    setup = shop.done(
        "setup_intents", customer=customer, payment_method="pm_success_de", confirm="true",
        return_url=BACK, **consent,
    )  # fmt: skip
    mandate = shop.get(f"mandates/{setup['mandate']}")
    assert (mandate["status"], mandate["type"]) == ("active", "multi_use")
    form |= {"payment_method": setup["payment_method"], "customer": customer}
    debit = shop.done("payment_intents", **form, off_session="true")
    details = shop.read(debit)["latest_charge"]["payment_method_details"]
    assert details["sepa_debit"]["mandate"] == mandate["id"]
