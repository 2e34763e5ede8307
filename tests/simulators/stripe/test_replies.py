"""What Stripe published about its replies, and what the simulator answers."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from simulators.stripe.endpoints import ENDPOINTS, PARAMS
from tests.simulators.stripe.conftest import BACK, MANDATE, Shop
from tests.simulators.stripe.openapi import OpenApi

#: Parameters that were added after the description of 2023.
_NEWER = {"final_capture", "delivery_success", "allow_redisplay"}
NOBODY = "none_0"


def touch_everything(shop: Shop) -> None:
    """Bring every object into every state that requests and people can."""
    customer = shop.done("customers", email="erika@example.com", **{"metadata[a]": "b"})
    shop.done(f"customers/{customer['id']}", name="Erika")
    setup = shop.done(
        "setup_intents", customer=customer["id"], payment_method="pm_card_visa", confirm="true",
        return_url=BACK,
    )  # fmt: skip
    for token in ("pm_card_authenticationRequired", "pm_success_de"):
        asked = shop.done("setup_intents", payment_method=token)
        shop.done(f"setup_intents/{asked['id']}/confirm", return_url=BACK, **MANDATE)
    shop.post("setup_intents", payment_method="pm_card_chargeDeclined", confirm="true")
    shop.done(f"setup_intents/{shop.done('setup_intents')['id']}/cancel")
    unconfirmed = shop.done("payment_intents", amount=500, currency="usd")
    shop.done(f"payment_intents/{unconfirmed['id']}", description="later")
    shop.done(f"payment_intents/{unconfirmed['id']}/cancel", cancellation_reason="duplicate")
    paid = shop.pay(customer=customer["id"], payment_method=setup["payment_method"])
    held = shop.pay(
        capture_method="manual",
        **{
            "payment_method_options[card][request_multicapture]": "if_available",
            "payment_method_options[card][request_incremental_authorization]": "if_available",
        },
    )
    shop.done(f"payment_intents/{held['id']}/increment_authorization", amount=2500)
    shop.done(f"payment_intents/{held['id']}/capture", amount_to_capture=500, final_capture="false")
    shop.done(f"payment_intents/{held['id']}/capture")
    expired = shop.pay(capture_method="manual")
    shop.apply("expire_authorisation", expired)
    waiting = shop.pay("pm_card_authenticationRequired")
    shop.apply("payer_fails", shop.pay("pm_card_authenticationRequired"))
    shop.apply("payer_completes", waiting)
    shop.post("payment_intents", **shop.order("pm_card_chargeDeclined"))
    for token in ("pm_success_de", "pm_failed_de", "pm_disputed_de", "pm_usBankAccount_success"):
        shop.pay(token)
    refund = shop.done("refunds", payment_intent=paid["id"], amount=100, **{"metadata[a]": "b"})
    shop.done(f"refunds/{refund['id']}", **{"metadata[a]": ""})
    shop.apply("fail_refund", refund)
    slow = shop.pay("pm_card_pendingRefund")
    pending = shop.done("refunds", payment_intent=slow["id"])
    shop.apply("require_refund_action", pending)
    shop.done(f"refunds/{pending['id']}/cancel")
    for token in ("pm_card_createDispute", "pm_card_createDisputeInquiry"):
        shop.pay(token)
    shop.pay("pm_card_createIssuerFraudRecord")
    disputes = shop.all("disputes")
    evidence = {"evidence[uncategorized_text]": "winning_evidence"}
    shop.done(f"disputes/{disputes[0]['id']}", **evidence)
    shop.done(f"disputes/{disputes[1]['id']}/close")
    for what in ("fail", "cancel", "leave"):
        payout = shop.done("payouts", amount=1000, currency="eur", **{"metadata[a]": "b"})
        if what == "fail":
            shop.apply("fail_payout", payout)
        if what == "cancel":
            shop.done(f"payouts/{payout['id']}/cancel")
    method = shop.done("payment_methods", type="card", **{"card[token]": "tok_visa"})
    shop.done(f"payment_methods/{method['id']}/attach", customer=customer["id"])
    shop.done(f"payment_methods/{method['id']}/detach")
    shop.get("payment_methods/pm_card_mastercard")
    shop.advance(10)
    shop.http.delete(f"/v1/customers/{customer['id']}")


def read_everything(shop: Shop) -> None:
    """Ask every endpoint that only reads, and every one about nobody."""
    objects = {
        name: each["id"] for name, found in shop.book().items() for each in found if "id" in each
    }
    events = shop.all("events")
    for method, path, name in ENDPOINTS:
        if name.startswith("payer_"):
            continue
        kind = name.rsplit(" ", 1)[-1].removeprefix("read_")
        known = events[0]["id"] if kind == "event" else objects.get(f"{kind}s", NOBODY)
        if method == "GET":
            query = {"query": "status:'succeeded'"} if "search" in path else {}
            shop.http.get(path.replace("{id}", str(known)), params=query)
        unknown: dict[str, Any] = {"data": {"colour": "red"}} if method == "POST" else {}
        shop.http.request(method, path.replace("{id}", NOBODY), **unknown)
        shop.http.request(method, path.replace("{id}", NOBODY))
    for fault in ("rate_limited", "service_unavailable", "error_500_before", "unauthorised",
                  "refused", "duplicate_word", "key_in_use", "lock_timeout"):  # fmt: skip
        shop.fault(fault)
        shop.post("payment_intents", **shop.order())


def test_every_reply_of_a_broad_run_is_valid(shop: Shop, openapi: OpenApi) -> None:
    replies: list[tuple[httpx.Request, int, Any]] = []

    def record(response: httpx.Response) -> None:
        response.read()
        if response.request.url.path.startswith("/v1/"):
            replies.append((response.request, response.status_code, response.json()))

    shop.http.event_hooks["response"].append(record)
    touch_everything(shop)
    read_everything(shop)
    wrong = {
        f"{request.method} {request.url.path} {status}: {error}"
        for request, status, body in replies
        for error in openapi.errors(request.method, request.url.path, status, body)
    }
    assert not wrong
    paid = shop.get("payment_intents", limit=1)["data"][0]
    assert openapi.wrong("payment_intent", {**paid, "status": "parked_elsewhere"})
    assert openapi.wrong("payment_intent", {**paid, "amount": "20.00"})
    statuses = {status for _, status, _ in replies}
    assert statuses == {200, 400, 401, 402, 404, 409, 429, 500, 503}
    # Every event is one too, and shows a whole object.
    for event in shop.all("events"):
        shown = event["data"]["object"]
        assert not openapi.wrong("event", event)
        assert not openapi.wrong(shown["object"], shown), event["type"]


def test_every_path_and_parameter_is_documented(openapi: OpenApi) -> None:
    for method, path, name in ENDPOINTS:
        if name.startswith("payer_"):
            continue
        template = openapi.operation(method, path.replace("{id}", "x"))
        assert template is not None, path
        unknown = set(PARAMS[name].split()) - openapi.parameters(method, template) - _NEWER
        assert not unknown, (method, path)


@pytest.fixture
def touched(shop: Shop) -> Shop:
    touch_everything(shop)
    return shop


def test_every_documented_status_is_reached_and_no_other(touched: Shop, openapi: OpenApi) -> None:
    shop = touched
    inquiry = shop.pay("pm_card_createDisputeInquiry")
    shop.done(f"disputes/{shop.all('disputes')[-1]['id']}", **{"evidence[receipt]": "a receipt"})
    assert inquiry["status"] == "succeeded"
    shop.pay("pm_card_createDispute")
    shop.apply("decide_dispute", shop.all("disputes")[-1], outcome="prevented")
    shop.pay("pm_card_createDispute")
    shop.done(f"disputes/{shop.all('disputes')[-1]['id']}", **{"evidence[receipt]": "a receipt"})
    shop.pay("pm_card_createDisputeInquiry")
    reached: dict[str, set[str]] = {}
    histories = shop.book()
    for kind in ("payment_intent", "setup_intent", "charge", "refund", "dispute", "payout"):
        lines = [line["status"] for each in histories[f"{kind}s"] for line in each["history"]]
        reached[kind] = set(lines)
    documented = {
        "payment_intent": openapi.words("_payment_intent.PaymentIntent.status"),
        # Setting up a payment method takes no time here.
        "setup_intent": set(openapi.words("_setup_intent.SetupIntent.status")) - {"processing"},
        "charge": openapi.words("_charge.Charge.status"),
        "refund": ["pending", "requires_action", "succeeded", "failed", "canceled"],
        "dispute": openapi.words("_dispute.Dispute.status"),
        "payout": ["pending", "in_transit", "paid", "failed", "canceled"],
    }
    assert reached == {kind: set(words) for kind, words in documented.items()}


def test_every_word_is_one_of_todays(touched: Shop, openapi: OpenApi) -> None:
    types = set(touched.events())
    assert types <= set(openapi.words("_event.Event.type"))
    codes = set(openapi.words("_payment_intent.PaymentIntent.LastPaymentError.code"))
    for intent in touched.all("payment_intents"):
        error = intent["last_payment_error"]
        assert error is None or error["code"] in codes
        reasons = openapi.words("_payment_intent.PaymentIntent.cancellation_reason")
        assert intent["cancellation_reason"] in (None, *reasons)
    booked = {each["type"] for each in touched.all("balance_transactions")}
    assert booked <= set(openapi.words("_balance_transaction.BalanceTransaction.type"))
    pending = {each.get("pending_reason") for each in touched.all("refunds")}
    assert pending <= {None, *openapi.words("_refund.Refund.pending_reason")}


def test_nothing_shows_more_than_four_digits_of_an_account(touched: Shop) -> None:
    text = json.dumps(touched.book())
    for number in ("4242424242424242", "000123456789", "DE89370400440532013000"):
        assert number not in text
