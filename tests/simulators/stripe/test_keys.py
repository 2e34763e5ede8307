"""Idempotency keys, authentication, and what else is decided before a request is executed."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.polling import until
from tests.simulators.stripe.conftest import Shop

DAY = 86_400


def replayed(answer: Any) -> bool:
    return bool(answer.headers.get("idempotent-replayed") == "true")


def test_a_key_answers_once_and_for_all_what_it_answered_first(shop: Shop) -> None:
    first = shop.post("payment_intents", "k", **shop.order())
    again = shop.post("payment_intents", "k", **shop.order())
    assert not replayed(first)
    assert replayed(again)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["original-request"] == first.headers["request-id"]
    assert again.headers["request-id"] != first.headers["request-id"]
    # What happened since does not change the answer.
    shop.done("refunds", payment_intent=first.json()["id"])
    shop.advance(DAY - 1)
    assert shop.post("payment_intents", "k", **shop.order()).json() == first.json()
    assert len(shop.all("charges")) == 1


def test_an_error_is_kept_too(shop: Shop) -> None:
    first = shop.post("payment_intents", "k", **shop.order("pm_card_chargeDeclined"))
    again = shop.post("payment_intents", "k", **shop.order("pm_card_chargeDeclined"))
    assert (first.status_code, replayed(first)) == (402, False)
    assert (again.status_code, again.json(), replayed(again)) == (402, first.json(), True)
    assert len(shop.all("charges")) == 1
    paid = shop.pay()
    path = f"payment_intents/{paid['id']}/cancel"
    state = shop.post(path, "late")
    assert (state.status_code, replayed(shop.post(path, "late"))) == (400, True)


def test_what_is_refused_before_it_is_executed_keeps_nothing(shop: Shop) -> None:
    for wrong in ({"amount": "x"}, {"colour": "red"}, {"currency": ""}):
        answer = shop.post("payment_intents", "k", **{**shop.order(), **wrong})
        assert answer.status_code == 400
    nobody = shop.order("pm_xnobody")
    assert shop.post("payment_intents", "k", **nobody).status_code == 404
    shop.fault("rate_limited")
    assert shop.post("payment_intents", "k", **shop.order()).status_code == 429
    right = shop.post("payment_intents", "k", **shop.order())
    assert (right.status_code, replayed(right)) == (200, False)


def test_a_key_is_of_one_request(shop: Shop) -> None:
    shop.post("payment_intents", "k", **shop.order())
    other = [
        shop.post("payment_intents", "k", **shop.order(amount=2001)),
        shop.post("refunds", "k", **shop.order()),
    ]
    for answer in other:
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "idempotency_error"
    assert len(shop.all("payment_intents")) == 1
    too_long = shop.post("payment_intents", "k" * 256, **shop.order())
    assert too_long.status_code == 400


def test_a_forgotten_key_executes_again(shop: Shop) -> None:
    """The trap of a retry that comes after the window."""
    first = shop.post("payment_intents", "k", **shop.order())
    shop.advance(DAY)
    again = shop.post("payment_intents", "k", **shop.order())
    assert not replayed(again)
    assert again.json()["id"] != first.json()["id"]
    assert len(shop.all("charges")) == 2


@pytest.mark.parametrize("executed", [True, False])
def test_a_500_is_kept_like_any_answer(shop: Shop, executed: bool) -> None:
    param = {"executed": executed, "should_retry": False}
    shop.fault("error_500_cached", "POST /v1/payment_intents", param=param)
    first = shop.post("payment_intents", "k", **shop.order())
    again = shop.post("payment_intents", "k", **shop.order())
    for answer in (first, again):
        assert answer.status_code == 500
        assert answer.json()["error"]["type"] == "api_error"
    assert first.headers["stripe-should-retry"] == "false"
    assert (replayed(first), replayed(again)) == (False, True)
    assert len(shop.all("charges")) == executed
    assert shop.book()["faults_fired"][0]["fault"] == "error_500_cached"
    assert shop.post("payment_intents", **shop.order()).status_code == 200


def test_a_key_is_in_use_while_its_first_request_runs(shop: Shop) -> None:
    shop.fault("in_flight", "POST /v1/payment_intents", param={"seconds": 0.5})
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(shop.post, "payment_intents", "k", **shop.order())
        until(lambda: shop.all("payment_intents"), "the first request was executed")
        early = shop.post("payment_intents", "k", **shop.order())
        assert early.status_code == 409
        assert early.json()["error"]["code"] == "idempotency_key_in_use"
        first = slow.result()
    again = shop.post("payment_intents", "k", **shop.order())
    assert (again.json(), replayed(again)) == (first.json(), True)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [("key_in_use", 409, "idempotency_key_in_use"), ("lock_timeout", 429, "lock_timeout")],
)
def test_a_conflict_has_no_effect_and_keeps_nothing(
    shop: Shop, fault: str, status: int, code: str
) -> None:
    shop.fault(fault, param={"should_retry": True})
    answer = shop.post("payment_intents", "k", **shop.order())
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["stripe-should-retry"] == "true"
    assert shop.all("payment_intents") == []
    assert shop.post("payment_intents", "k", **shop.order()).status_code == 200


def test_only_the_key_of_today_opens(shop: Shop) -> None:
    def status(authorization: str) -> int:
        headers = {"authorization": authorization}
        return shop.http.get("/v1/balance", headers=headers).status_code

    basic = base64.b64encode(b"sk_test_simulator:").decode()
    assert status(f"Basic {basic}") == 200
    for wrong in ("Bearer sk_test_other", "", "Basic !", f"Basic {basic[:-8]}"):
        assert status(wrong) == 401
    held = shop.pay(capture_method="manual")
    shop.control("key", {"api_key": "sk_test_next"})
    assert status("Bearer sk_test_simulator") == 401
    shop.http.headers["authorization"] = "Bearer sk_test_next"
    assert shop.read(held)["status"] == "requires_capture", "a payment does not mind a rolled key"
    shop.http.headers["authorization"] = "Bearer sk_live_secret"
    assert "secret" not in shop.http.get("/v1/balance").text


def test_an_account_sees_its_own_objects_only(shop: Shop) -> None:
    paid = shop.pay()
    shop.http.headers["stripe-account"] = "acct_other"
    assert shop.http.get("/v1/payment_intents").status_code == 403
    shop.control("accounts", {"account": "acct_other"})
    assert shop.all("payment_intents") == []
    assert shop.http.get(f"/v1/payment_intents/{paid['id']}").status_code == 404
    assert shop.refused("refunds", 404, payment_intent=paid["id"])["code"] == "resource_missing"
    theirs = shop.pay()
    del shop.http.headers["stripe-account"]
    assert [each["id"] for each in shop.all("payment_intents")] == [paid["id"]]
    about = [each for each in shop.book()["payment_intents"] if each["id"] == theirs["id"]]
    assert about[0]["account"] == "acct_other"


def test_a_version_is_pinned_by_each_request(shop: Shop) -> None:
    pinned = {"stripe-version": "2026-10-28.endive"}
    answer = shop.http.get("/v1/balance", headers=pinned)
    assert answer.headers["stripe-version"] == "2026-10-28.endive"
    assert shop.http.get("/v1/balance").headers["stripe-version"] == "2026-06-24.dahlia"
    wrong = shop.http.get("/v1/balance", headers={"stripe-version": "newest"})
    assert wrong.status_code == 400
