"""The parts of the client about users' banks, webhook endpoints and reports: what each sends."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest

from finality_client import NotFound
from tests.clients.conftest import Called, answer, payment, problem

CONSENT: Any = {
    "id": "con_1", "object": "consent", "key": "k", "created_at": "2026-11-30T08:00:00Z",
    "state": "dreaming", "certainty": "fuzzy", "display": {"headline": "?", "mood": "good"},
    "partner": "bank", "partner_account": "main", "user_id": "u", "regime": "moon",
    "granted": {"permissions": ["smell"], "accounts": [{"reference": "r", "x": 1}], "y": 2},
    "needs": "a hug", "changes": [{"at": "2026-11-30T08:00:00Z", "text": "", "z": 3}], "new": [],
}  # fmt: skip
ACCOUNT: Any = {
    "id": "acc_1", "consent_id": "con_1", "partner": "bank", "partner_account": "main",
    "kind": "teapot", "balances": [
        {"kind": "NEW1", "amount": {"minor": -5, "currency": "EUR"}, "hue": "blue"}
    ], "new": {},
}  # fmt: skip
TRANSACTION: Any = {
    "id": "tra_1", "account_id": "acc_1", "booking": "perhaps", "day": "2026-11-30",
    "amount": {"minor": -5, "currency": "EUR"}, "new": None,
}  # fmt: skip
ENDPOINT: Any = {
    "id": "whe_1", "url": "https://shop.example/", "state": "asleep", "disabled_reason": "tired",
    "created_at": "2026-11-30T08:00:00Z", "secret": "whsec_1", "new": 1,
}  # fmt: skip
DELIVERY: Any = {
    "id": "whd_1", "endpoint_id": "whe_1", "event_id": "evt_1", "type": "moon.rose",
    "state": "floating", "tries": 1, "created_at": "2026-11-30T08:00:00Z",
    "attempts": [{"at": "2026-11-30T08:00:00Z", "took_ms": 5, "new": 1}],
}  # fmt: skip
DAYS = (date(2026, 11, 1), date(2026, 11, 30))
SESSION = "a-random-value-of-the-browser"

Ask = Callable[[Any], Any]


@pytest.mark.parametrize(
    ("ask", "method", "path", "body"),
    [
        (lambda c: c.consents.create({"partner": "bank"}, key="k"), "POST", "/v1/consents",
         {"partner": "bank"}),
        (lambda c: c.consents.get("con_1", wait=5), "GET", "/v1/consents/con_1?wait=5", None),
        (lambda c: c.consents.renew("con_1", SESSION, key="k"), "POST",
         "/v1/consents/con_1/renew", {"browser_session": SESSION}),
        (lambda c: c.consents.came_back({"state": "s"}, SESSION), "POST", "/v1/callbacks",
         {"params": {"state": "s"}, "browser_session": SESSION}),
    ],
)  # fmt: skip
async def test_consents_are_asked_for_and_words_of_tomorrow_raise_nothing(
    call: Called, ask: Ask, method: str, path: str, body: Any
) -> None:
    call.answers(answer(200, CONSENT))
    found = await call(ask)
    assert (found.state, found.needs, found.display.mood) == ("dreaming", "a hug", "good")
    assert sent(call) == (method, path, body)


async def test_a_callback_of_a_payment_gives_the_payment(call: Called) -> None:
    call.answers(answer(200, payment(state="accepted")))
    found = await call(lambda client: client.consents.came_back({"code": "c"}, SESSION))
    assert (found.id, found.state) == ("pay_1", "accepted")


async def test_a_consent_is_ended_and_found(call: Called) -> None:
    command = {"id": "k", "kind": "revoke", "outcome": "pondered", "consent": CONSENT,
               "asked_at": "2026-11-30T08:00:00Z"}  # fmt: skip
    call.answers(answer(202, command), answer(200, {"data": [CONSENT]}))
    revoked = await call(lambda client: client.consents.revoke("con_1", why="moved", key="k"))
    assert (revoked.outcome, revoked.consent.id) == ("pondered", "con_1")
    assert sent(call) == ("POST", "/v1/consents/con_1/revoke", {"why": "moved"})
    [found] = await call(lambda client: client.consents.find(user_id="u"))
    assert found.granted.accounts[0].reference == "r"


async def test_accounts_and_transactions_are_read_page_by_page(call: Called) -> None:
    call.answers(
        answer(200, {"data": [ACCOUNT], "next_cursor": "c"}),
        answer(200, {"data": [ACCOUNT], "next_cursor": None}),
    )
    found = await call(lambda client: client.accounts.all(consent_id="con_1"))
    assert [each.balances[0].amount.minor for each in found] == [-5, -5]
    assert sent(call)[1] == "/v1/accounts?consent_id=con_1&after=c&limit=50"
    call.answers(
        answer(200, {"data": [TRANSACTION], "next_cursor": "c", "read_at": None}),
        answer(200, {"data": [TRANSACTION], "next_cursor": None}),
    )
    lines = await call(
        lambda client: client.accounts.transactions("acc_1", first=DAYS[0], last=DAYS[1])
    )
    assert [each.booking for each in lines] == ["perhaps", "perhaps"]
    assert sent(call)[1] == (
        "/v1/accounts/acc_1/transactions?after=c&limit=50&from=2026-11-01&to=2026-11-30"
    )


async def test_a_reading_is_asked_for_without_a_key(call: Called) -> None:
    call.answers(answer(202, {"consent_id": "con_1", "is_begun": True}))
    refreshed = await call(lambda client: client.accounts.refresh("con_1"))
    assert refreshed.is_begun
    assert sent(call) == ("POST", "/v1/accounts/refresh", {"consent_id": "con_1"})
    assert call.keys == [None]


@pytest.mark.parametrize(
    ("ask", "method", "path", "body", "has_key"),
    [
        (lambda c: c.webhook_endpoints.create("https://a/", types=["payment.*"]), "POST", "",
         {"url": "https://a/", "description": "", "types": ["payment.*"]}, True),
        (lambda c: c.webhook_endpoints.get("whe_1"), "GET", "/whe_1", None, False),
        (lambda c: c.webhook_endpoints.update("whe_1", types=[]), "PATCH", "/whe_1",
         {"types": []}, False),
        (lambda c: c.webhook_endpoints.rotate_secret("whe_1", overlap_hours=2), "POST",
         "/whe_1/rotate-secret", {"overlap_hours": 2}, True),
        (lambda c: c.webhook_endpoints.disable("whe_1"), "POST", "/whe_1/disable", {}, False),
        (lambda c: c.webhook_endpoints.enable("whe_1"), "POST", "/whe_1/enable", {}, False),
    ],
)  # fmt: skip
async def test_endpoints_are_made_and_changed(
    call: Called, ask: Ask, method: str, path: str, body: Any, has_key: bool
) -> None:
    call.answers(answer(200, ENDPOINT))
    found = await call(ask)
    assert (found.id, found.state, found.disabled_reason) == ("whe_1", "asleep", "tired")
    assert "whsec_1" not in repr(found) or type(found).__name__ == "Endpoint"
    assert sent(call) == (method, f"/v1/webhook-endpoints{path}", body)
    assert (call.keys != [None]) is has_key


async def test_an_endpoint_is_deleted_and_a_lost_answer_repeats_that(call: Called) -> None:
    call.answers(httpx.ReadError("lost"), httpx.Response(204))
    assert await call(lambda client: client.webhook_endpoints.delete("whe_1")) is None
    assert [each.method for each in call.sent] == ["DELETE", "DELETE"]
    call.answers(problem(404, "not-found"))
    with pytest.raises(NotFound):
        await call(lambda client: client.webhook_endpoints.delete("whe_2"))


async def test_deliveries_are_read_and_sent_again(call: Called) -> None:
    call.answers(answer(200, {"data": [DELIVERY], "next_cursor": "7"}))
    page = await call(lambda client: client.webhook_endpoints.deliveries("whe_1", state="dead"))
    assert (page.data[0].state, page.next_cursor) == ("floating", "7")
    for ask, path in (
        (lambda c: c.webhook_endpoints.test("whe_1"), "/v1/webhook-endpoints/whe_1/test"),
        (lambda c: c.webhook_endpoints.resend("whd_1"), "/v1/webhook-deliveries/whd_1/resend"),
        (lambda c: c.webhook_endpoints.delivery("whd_1"), "/v1/webhook-deliveries/whd_1"),
    ):
        call.answers(answer(202, DELIVERY))
        assert (await call(ask)).attempts[0].took_ms == 5
        assert sent(call)[1] == path
    call.answers(answer(202, {"resent": 3, "next_position": 9, "new": 1}))
    resent = await call(
        lambda client: client.webhook_endpoints.resend_range("whe_1", first_position=2, key="k")
    )
    assert (resent.resent, resent.next_position) == (3, 9)
    assert sent(call)[2] == {"first_position": 2}


async def test_reports_are_rows_or_csv(call: Called) -> None:
    row = {"day": "2026-11-30", "partner": "bank", "partner_account": "main", "currency": "EUR",
           "bookings": 2, "fees_minor": 30, "new": 1}  # fmt: skip
    call.answers(answer(200, {"data": [row]}))
    [fees] = await call(lambda client: client.reports.fees(*DAYS, partner="bank"))
    assert (fees.fees_minor, fees.day) == (30, DAYS[1])
    assert sent(call)[1] == "/v1/reports/fees?from=2026-11-01&to=2026-11-30&partner=bank"
    call.answers(httpx.Response(200, text="day,partner\r\n"))
    text = await call(lambda client: client.reports.csv("payments", *DAYS))
    assert text == "day,partner\r\n"
    assert sent(call)[1].endswith("to=2026-11-30&format=csv")


def sent(call: Called) -> tuple[str, str, Any]:
    """The last request: method, path with its query, body."""
    last = call.sent[-1]
    path = last.url.raw_path.decode().removeprefix("/base")
    return last.method, path, json.loads(last.content) if last.content else None


async def test_a_hold_grows_under_one_key(call: Called) -> None:
    episode = {"object": "increment", "kind": "increment", "state": "asked", "amount":
               {"minor": 5, "currency": "EUR"}}  # fmt: skip
    call.answers(answer(201, {"claim": episode, "collection": payment(object="collection")}))
    more: Any = {"minor": 5, "currency": "EUR"}
    claim = await call(lambda client: client.collections.increment("pay_1", more, key="i"))
    assert (claim.claim.object, call.keys) == ("increment", ["i"])
    assert sent(call) == ("POST", "/v1/collections/pay_1/increments", {"amount": more})
    call.answers(answer(200, {"data": [episode]}))
    assert len(await call(lambda client: client.collections.increments("pay_1"))) == 1
