"""Ordering, reading and cancelling credit transfers over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlmodel import func, select

from domain.ids import payment_id_of
from starter.api.guard import VERSION
from store.tables.lifecycles import LifecycleRow
from tests.fakes import CREDITOR_IBAN, DEBTOR_IBAN
from tests.starter.api.conftest import OTHER, SHOP, TILL, Api


def recorded(api: Api) -> int:
    """How many payments there are."""
    count = select(func.count()).select_from(LifecycleRow)
    return int(api.assembly.database.read_now(lambda session: session.exec(count).one()))


async def test_a_payment_is_recorded_and_shown_with_its_display(api: Api) -> None:
    api.running.away = False
    answer = await api.pay()
    shown = answer.json()
    assert answer.status_code == 201, shown
    assert answer.headers["idempotent-replayed"] == "false"
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["finality-version"] == VERSION
    assert answer.headers["location"] == f"/v1/payments/{shown['id']}"
    assert shown["id"] == payment_id_of(SHOP, "k")
    assert shown["instructed_amount"] == {"minor": 1250, "currency": "EUR"}
    assert shown["display"]["funds"] == "hold"
    assert shown["sequence"] == 1
    assert DEBTOR_IBAN not in answer.text
    assert CREDITOR_IBAN not in answer.text
    again = await api.get(answer.headers["location"])
    assert again.json() == shown


async def test_without_temporal_it_is_recorded_and_left_to_the_relay(api: Api) -> None:
    answer = await api.pay()
    assert answer.status_code == 202
    now = api.assembly.clock.now()
    unstarted = await api.assembly.payments.unstarted(created_before=now, limit=10)
    assert unstarted == [(SHOP, answer.json()["id"])]


async def test_a_known_key_gets_the_payment_as_it_now_stands(api: Api) -> None:
    first = await api.pay()
    cancelled = await api.post(f"/v1/payments/{first.json()['id']}/cancel", key="c")
    assert cancelled.json()["payment"]["state"] == "cancelled"
    again = await api.pay()
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.json()["state"] == "cancelled"
    assert recorded(api) == 1


async def test_a_null_is_the_same_as_a_field_that_is_left_out(api: Api) -> None:
    await api.pay()
    again = await api.pay(purpose=None)
    assert again.status_code == 200


async def test_another_body_under_a_known_key_is_a_conflict_that_names_the_payment(
    api: Api,
) -> None:
    first = await api.pay()
    other = await api.pay(minor=1251)
    problem = other.json()
    assert (other.status_code, problem["type"]) == (409, "urn:finality:problem:key-reused")
    assert other.headers["content-type"] == "application/problem+json"
    assert problem["id"] == first.json()["id"]
    assert recorded(api) == 1


async def test_of_ten_callers_with_one_key_one_creates_and_nine_are_replays(api: Api) -> None:
    answers = await asyncio.gather(*(api.pay() for _ in range(10)))
    replayed = [each.headers["idempotent-replayed"] for each in answers]
    assert sorted(replayed) == ["false", *["true"] * 9]
    assert len({each.json()["id"] for each in answers}) == 1
    assert recorded(api) == 1


async def test_the_same_payment_under_another_key_is_asked_about(api: Api) -> None:
    first = await api.pay("one")
    second = await api.pay("two")
    problem = second.json()
    assert (second.status_code, problem["type"]) == (409, "urn:finality:problem:possible-duplicate")
    assert [each["id"] for each in problem["earlier"]] == [first.json()["id"]]
    assert problem["needs_operator"] is False
    meant = await api.pay("two", **problem["acknowledge"])
    assert meant.status_code == 202
    # Not part of the fingerprint: a repeat may leave it out.
    assert (await api.pay("two")).status_code == 200
    assert recorded(api) == 2


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"instructed_amount": {"minor": 0, "currency": "EUR"}}, "/instructed_amount/minor"),
        ({"instructed_amount": {"minor": 1.5, "currency": "EUR"}}, "/instructed_amount/minor"),
        ({"instructed_amount": {"minor": "5", "currency": "EUR"}}, "/instructed_amount/minor"),
        ({"instructed_amount": {"minor": 10**30, "currency": "EUR"}}, "/instructed_amount/minor"),
        ({"instructed_amount": {"minor": 5, "currency": "XXX"}}, "/instructed_amount/currency"),
        ({"instructed_amount": {"minor": 5, "currency": "USD"}}, "/instructed_amount/currency"),
        ({"creditor": {"name": ""}}, "/creditor/name"),
        ({"creditor": {"name": "A", "vip": True}}, "/creditor/vip"),
        ({"creditor_account": {"iban": "DE00370400440532013000"}}, "/creditor_account/iban"),
        ({"creditor_account": {"iban": CREDITOR_IBAN, "other": "1"}}, "/creditor_account"),
        ({"debtor_account": {"iban": CREDITOR_IBAN}}, "/debtor_account"),
        ({"times": {"execute_by": 1_800_000_000}}, "/times/execute_by"),
        ({"times": {"submit_before": "1800000000"}}, "/times/submit_before"),
        ({"times": {"submit_before": "2030-01-01T00:00:00"}}, "/times/submit_before"),
        ({"times": {"requested_execution_date": "1999-01-04"}}, "/times/requested_execution_date"),
        ({"tenant": OTHER}, "/tenant"),
        ({"state": "settled"}, "/state"),
        ({"on_behalf_of": "somebody"}, "/on_behalf_of"),
        ({"partner_account": TILL}, "/partner_account"),
        ({"collection": {"payment_method": "pm"}}, "/collection"),
    ],
)
async def test_each_wrong_field_is_named_and_nothing_is_stored(
    api: Api, fields: dict[str, Any], pointer: str
) -> None:
    answer = await api.pay(**fields)
    assert answer.status_code == 422, answer.text
    assert pointer in [each["pointer"] for each in answer.json()["errors"]], answer.text
    assert recorded(api) == 0
    assert CREDITOR_IBAN not in answer.text


async def test_an_account_that_is_not_mapped_is_used_only_if_the_key_names_it(api: Api) -> None:
    unmapped: dict[str, Any] = {"debtor_account": {"iban": "NL91ABNA0417164300"}, "partner": "bank"}
    refused = await api.pay(**unmapped, partner_account="main")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["code"] == "AC02"
    assert (await api.pay(**unmapped, partner_account=TILL)).status_code == 202


async def test_another_tenants_payment_is_not_found_by_any_way(api: Api) -> None:
    mine = (await api.pay()).json()["id"]
    unknown = await api.get("/v1/payments/pay_none", who=OTHER)
    for method, path, key in (
        ("GET", f"/v1/payments/{mine}", None),
        ("POST", f"/v1/payments/{mine}/cancel", "c"),
        ("GET", f"/v1/payments/{mine}/action", None),
        ("GET", f"/v1/events/evt_{mine}_1", None),
    ):
        answer = await api.ask(method, path, who=OTHER, key=key)
        assert answer.status_code == unknown.status_code == 404
        assert answer.json()["type"] == unknown.json()["type"]
    for path in ("/v1/payments", "/v1/payments?key=k", "/v1/events", "/v1/files"):
        assert (await api.get(path, who=OTHER)).json()["data"] == []
    state = (await api.get(f"/v1/payments/{mine}")).json()["state"]
    assert state == "created"


async def test_a_cancel_is_one_command_under_its_key(api: Api) -> None:
    path = f"/v1/payments/{(await api.pay()).json()['id']}/cancel"
    first = await api.post(path, {"why": "ordered twice"}, key="c")
    assert (first.status_code, first.json()["outcome"]) == (201, "done")
    again = await api.post(path, {"why": "ordered twice"}, key="c")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    other = await api.post(path, {"why": "for another reason"}, key="c")
    assert other.status_code == 409
    assert (await api.post(path, {"why": f"to {CREDITOR_IBAN}"}, key="d")).status_code == 422


_MALFORMED = ("sate=settled", "state=paid", "limit=0", "after=x", "after=W10", "created_from=5")


async def test_a_list_is_read_in_pages_and_by_filters(api: Api) -> None:
    ids = [(await api.pay(f"k{each}", minor=each)).json()["id"] for each in range(1, 6)]
    seen, path = [], "/v1/payments?limit=2"
    while True:
        page = (await api.get(path)).json()
        seen += [each["id"] for each in page["data"]]
        if page["next_cursor"] is None:
            break
        path = f"/v1/payments?limit=2&after={page['next_cursor']}"
    assert seen == ids[::-1]
    for query, found in (
        ("key=k3", [ids[2]]),
        ("end_to_end_id=INVOICE-4", [ids[3]]),
        ("state=settled", []),
        ("certainty=not_sent&partner=bank&limit=1", [ids[4]]),
        ("partner_reference=none", []),
        ("created_before=2020-01-01T00:00:00Z", []),
        ("created_from=2020-01-01T00:00:00Z", ids[::-1]),
    ):
        page = (await api.get(f"/v1/payments?{query}")).json()
        assert [each["id"] for each in page["data"]] == found, query
    for query in (
        "sate=settled",
        "state=paid",
        "limit=0",
        "after=x",
        "created_from=5",
        "after=W10",
    ):
        assert (await api.get(f"/v1/payments?{query}")).status_code == 400, query


async def test_a_long_poll_answers_once_the_payment_has_another_event(api: Api) -> None:
    payment = (await api.pay()).json()
    path = f"/v1/payments/{payment['id']}"
    waiting = asyncio.create_task(api.get(f"{path}?wait=20&after_sequence={payment['sequence']}"))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await api.post(f"{path}/cancel", key="c")
    later = (await asyncio.wait_for(waiting, 15)).json()
    assert later["state"] == "cancelled"
    assert later["sequence"] > payment["sequence"]


async def test_a_collection_is_no_payment_and_is_claimed_under_keys(api: Api) -> None:
    body = {
        "instructed_amount": {"minor": 900, "currency": "EUR"},
        "payment_method": "pm_1",
        "captured": "later",
        "end_to_end_id": "ORDER-1",
    }
    made = await api.post("/v1/collections", body, key="order-1")
    shown = made.json()
    assert (made.status_code, shown["object"]) == (202, "collection"), shown
    path = f"/v1/collections/{shown['id']}"
    assert (await api.get(f"/v1/payments/{shown['id']}")).status_code == 404
    assert (await api.get("/v1/payments")).json()["data"] == []
    assert [each["id"] for each in (await api.get("/v1/collections")).json()["data"]] == [
        shown["id"]
    ]
    amount = {"amount": {"minor": 100, "currency": "EUR"}}
    for claim in ("captures", "increments", "refunds"):
        refused = await api.post(f"{path}/{claim}", amount, key="x")
        assert (refused.status_code, refused.json()["type"]) == (
            409, "urn:finality:problem:cannot-claim",
        )  # fmt: skip
        assert (await api.post(f"{path}/{claim}", amount, key="x", who=OTHER)).status_code == 404
    for who, status in (("", 401), (OTHER, 404)):
        answer = await api.post(f"{path}/confirmations", key="x", who=who)
        assert answer.status_code == status
    refused = await api.post(f"{path}/confirmations", key="x")
    assert refused.json()["type"] == "urn:finality:problem:cannot-claim"
    for claims in ("captures", "increments"):
        assert (await api.get(f"{path}/{claims}")).json() == {"data": []}
    assert (await api.get(f"{path}/action")).status_code == 404
    # A key that names no account collects nowhere.
    assert (await api.post("/v1/collections", body, key="o", who=OTHER)).status_code == 422
    nobody = {name: value for name, value in body.items() if name != "payment_method"}
    assert (await api.post("/v1/collections", nobody, key="n")).status_code == 422
