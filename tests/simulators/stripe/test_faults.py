"""The fault menu as Stripe says it, and what people do to objects."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulators.kit.menu import AFTER, BEFORE
from simulators.stripe.menu import INTERVENTIONS, OWN_FAULTS
from tests.conftest import ROOT
from tests.simulators.stripe.conftest import Shop

#: Strings of digits do not occur in Stripe's objects.
_NEVER = ("number_for_string",)
_BROKEN = ("reply_lost_before", "reply_lost_after", "cut_mid_body")


def confirmed(shop: Shop, key: str) -> httpx.Response | None:
    """A confirmation under a key; None if its reply broke."""
    intent = shop.done(
        "payment_intents", amount=2000, currency="eur", **{"payment_method_types[]": "card"}
    )
    try:
        return shop.post(
            f"payment_intents/{intent['id']}/confirm", key, payment_method="pm_card_visa"
        )
    except httpx.TransportError:
        return None


@pytest.mark.parametrize("fault", [each for each in (*BEFORE, *AFTER) if each not in _NEVER])
def test_every_fault_happens_before_or_after_the_effect_and_is_logged(
    shop: Shop, fault: str
) -> None:
    on = "POST /v1/payment_intents/*/confirm"
    if fault in ("hidden_from_find", "finds_another"):
        shop.pay()
        on = "GET /v1/payment_intents"
    param = {"seconds": 0.001, "bytes": 512} if fault == "drip" else {}
    shop.fault(fault, on, param=param)
    answer = confirmed(shop, "pay")
    assert (answer is None) is (fault in _BROKEN)
    shop.get("payment_intents", limit=1)
    paid = [each for each in shop.book()["payments"] if each["unique_request_id"] == "pay"]
    assert len(paid) == (fault not in BEFORE)
    assert [each["fault"] for each in shop.book()["faults_fired"]] == [fault]


def test_errors_are_said_as_stripe_says_them(shop: Shop) -> None:
    on = "POST /v1/payment_intents"
    told = {"status": 402, "type": "card_error", "code": "card_declined",
            "decline_code": "do_not_honor", "message": "No.", "should_retry": False}  # fmt: skip
    for fault, status, kind in (
        ("error_500_before", 500, "api_error"),
        ("unauthorised", 401, "invalid_request_error"),
        ("rate_limited", 429, "invalid_request_error"),
        ("service_unavailable", 503, "api_error"),
        ("refused", 402, "card_error"),
    ):
        shop.fault(fault, on, param=told if fault == "refused" else {})
        answer = shop.post("payment_intents", **shop.order())
        assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert answer.json()["error"]["decline_code"] == "do_not_honor"
    assert answer.headers["stripe-should-retry"] == "false"
    assert answer.headers["request-id"].startswith("req_")
    assert shop.all("payment_intents") == []


def test_an_object_is_spoilt_itself_and_not_what_it_contains(shop: Shop) -> None:
    paid = shop.pay("pm_card_createDispute")
    [dispute] = shop.all("disputes")
    shop.fault("unknown_status", f"GET /v1/disputes/{dispute['id']}", param={"status": "odd"})
    spoilt = shop.get(f"disputes/{dispute['id']}")
    assert spoilt["status"] == "odd"
    assert spoilt["balance_transactions"] == dispute["balance_transactions"]
    shop.fault("missing_field", "GET /v1/payment_intents", param={"field": "amount"})
    assert "amount" not in shop.get("payment_intents")["data"][0]
    other = shop.pay()
    shop.fault("finds_another", f"GET /v1/payment_intents/{paid['id']}")
    assert shop.get(f"payment_intents/{paid['id']}")["id"] == other["id"]
    shop.fault("hidden_from_find", "GET /v1/payment_intents/*")
    hidden = shop.http.get(f"/v1/payment_intents/{paid['id']}")
    assert (hidden.status_code, hidden.json()["error"]["code"]) == (404, "resource_missing")


def test_a_rule_names_a_payment_by_its_metadata(shop: Shop) -> None:
    shop.fault("dispute", "POST /v1/payment_intents", match={"metadata[order]": "7"})
    shop.pay(**{"metadata[order]": "6"})
    assert shop.all("disputes") == []
    shop.pay(**{"metadata[order]": "7"})
    [dispute] = shop.all("disputes")
    [fired] = shop.book()["faults_fired"]
    assert (fired["fault"], fired["payment_id"]) == ("dispute", dispute["payment_intent"])


def subjects(shop: Shop) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """For each intervention an object to which it can happen, and its parameters."""
    refunds = [
        shop.done("refunds", payment_intent=shop.pay(method)["id"])
        for method in ("pm_card_pendingRefund", "pm_card_pendingRefund", "pm_card_visa")
    ]
    shop.pay("pm_card_createDispute")
    return {
        "payer_completes": (shop.pay("pm_card_authenticationRequired"), {}),
        "payer_fails": (shop.pay("pm_card_authenticationRequired"), {}),
        "settle_debit": (shop.pay("pm_usBankAccount_processing"), {}),
        "decline_debit": (shop.pay("pm_success_de"), {"code": "account_closed"}),
        "expire_authorisation": (shop.pay(capture_method="manual"), {}),
        "decline_increments": (shop.pay(capture_method="manual"), {"decline_code": "lost_card"}),
        "cancel_by_hand": (shop.pay(capture_method="manual"), {"reason": "abandoned"}),
        "refund_by_hand": (shop.pay(), {"amount": 100}),
        "settle_refund": (refunds[0], {}),
        "require_refund_action": (refunds[1], {}),
        "fail_refund": (refunds[2], {"reason": "expired_or_canceled_card"}),
        "dispute": (shop.pay(), {"inquiry": True}),
        "decide_dispute": (shop.all("disputes")[0], {"outcome": "won"}),
        "early_fraud_warning": (shop.pay(), {}),
        "fail_payout": (shop.done("payouts", amount=500, currency="eur"), {}),
    }


def test_every_intervention_happens_where_it_can_and_nowhere_else(shop: Shop) -> None:
    about = subjects(shop)
    assert set(about) == set(INTERVENTIONS)
    for what, (thing, param) in about.items():
        shop.apply(what, thing, **param)
        wrong = shop.http.post(
            f"/_control/payments/{shop.done('customers')['id']}", json={"fault": what}
        )
        assert wrong.status_code == 409, what
    assert [each["fault"] for each in shop.book()["faults_fired"]] == list(about)
    settled = shop.read(about["settle_debit"][0])
    assert settled["status"] == "succeeded"
    refunded = shop.read(about["refund_by_hand"][0])["latest_charge"]
    assert refunded["amount_refunded"] == 100
    twice = shop.http.post(
        f"/_control/payments/{about['payer_completes'][0]['id']}", json={"fault": "payer_completes"}
    )
    assert twice.status_code == 409


def test_a_killed_process_goes_on_with_its_book(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "simulators.stripe"]
    book = ["--db", str(tmp_path / "book.sqlite")]
    ids = []
    for _ in range(2):
        with subprocess.Popen(
            [*command, "serve", *book, "--balance", "eur=5", "--debit-after", "3600"],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            shop = Shop(process.stdout.readline().split()[-1])
            shop.fault(OWN_FAULTS[0], "POST /v1/payment_intents")
            shop.post("payment_intents", "k", **shop.order("pm_success_de"))
            ids += [each["id"] for each in shop.all("payment_intents")]
            shop.http.close()
            process.kill()
    assert ids[0] == ids[1], "the key is kept, with its 500"
    shown = json.loads(subprocess.check_output([*command, "book", *book], cwd=ROOT))
    assert [each["status"] for each in shown["payments"]] == ["processing"]
    assert shown["balances"][0]["amount_minor"] == 5
