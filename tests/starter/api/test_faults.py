"""The database or Temporal goes away at each point of each POST, and bodies that want too much."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from domain.ids import payment_id_of
from domain.scopes import Scope
from starter.away import TemporalAway
from store.faults import StoreAway
from tests.starter.api.conftest import OTHER, SHOP, Api, transfer
from tests.starter.api.test_files import a_file, post
from tests.starter.api.test_payments import recorded
from tests.starter.api.test_replays import COLLECTION

Post = Callable[[Api], Awaitable[httpx.Response]]
_FILE = a_file("F-1", 1, 2)


async def _cancelled(api: Api) -> httpx.Response:
    return await api.post(f"/v1/payments/{payment_id_of(SHOP, 'earlier')}/cancel", key="c")


POSTS: dict[str, Post] = {
    "payment": lambda api: api.pay(),
    "collection": lambda api: api.post("/v1/collections", COLLECTION, key="k"),
    "cancel": _cancelled,
    "file": lambda api: post(api, _FILE),
}
#: What each records, beside the payment that is there to be cancelled.
RECORDED = {"payment": 1, "collection": 1, "cancel": 0, "file": 2}
_POINTS_MAX = 60


class Points:
    """Counts transactions, and lets one of them fail, before or after it is committed."""

    def __init__(self, api: Api, patched: pytest.MonkeyPatch, at: int, *, commits: bool) -> None:
        self.passed = 0
        self.failed = False
        database = type(api.assembly.database)
        read, write = database.read, database.write

        async def reading(of: Any, query: Any) -> Any:
            if not commits:
                self._pass(at)
            return await read(of, query)

        async def writing(of: Any, transaction: Any) -> Any:
            if commits:
                done = await write(of, transaction)
                self._pass(at)
                return done
            self._pass(at)
            return await write(of, transaction)

        patched.setattr(database, "read", reading)
        patched.setattr(database, "write", writing)

    def _pass(self, at: int) -> None:
        self.passed += 1
        if self.passed == at:
            self.failed = True
            raise StoreAway("the database went away: canary-host")


@pytest.mark.parametrize("commits", [False, True], ids=["before", "after the commit"])
@pytest.mark.parametrize("what", POSTS)
async def test_wherever_the_database_goes_away_a_repeat_ends_with_one_object(
    api: Api, monkeypatch: pytest.MonkeyPatch, what: str, commits: bool
) -> None:
    await api.pay("earlier", minor=99)
    is_done = False
    for at in range(1, _POINTS_MAX):
        with monkeypatch.context() as patched:
            points = Points(api, patched, at, commits=commits)
            answer = await POSTS[what](api)
        if not points.failed:
            is_done = True
            break
        assert "canary" not in answer.text
        if answer.status_code >= 400:
            assert answer.status_code == 503, answer.text
            assert answer.headers["x-should-retry"] == "true"
        again = await POSTS[what](api)
        assert again.status_code in (200, 201, 202), again.text
        assert recorded(api) == 1 + RECORDED[what], f"after point {at}"
    assert is_done, "more points than this test tries"
    assert at > 1


@pytest.mark.parametrize("commits", [False, True], ids=["before", "after the commit"])
@pytest.mark.parametrize("what", [each for each in POSTS if each != "cancel"])
async def test_at_each_point_of_a_first_request_nothing_or_all_is_stored(
    api: Api, monkeypatch: pytest.MonkeyPatch, what: str, commits: bool
) -> None:
    """The request is another one at each point, so that each point is one of a first request."""

    async def first(number: int) -> httpx.Response:
        if what == "file":
            return await post(api, a_file(f"F-{number}", number), key=f"f{number}")
        if what == "collection":
            amount = {"minor": number, "currency": "EUR"}
            body = {**COLLECTION, "instructed_amount": amount}
            return await api.post("/v1/collections", body, key=f"k{number}")
        return await api.pay(f"k{number}", minor=number)

    for number in range(1, _POINTS_MAX):
        before = recorded(api)
        with monkeypatch.context() as patched:
            points = Points(api, patched, number, commits=commits)
            answer = await first(number)
        stored = recorded(api) - before
        assert stored in (0, 1)
        if answer.status_code < 400:
            assert stored == 1, "what was acknowledged is lost"
        else:
            assert answer.status_code == 503, answer.text
        assert (await first(number)).status_code in (200, 201, 202)
        assert recorded(api) == before + 1
        if not points.failed:
            return
    pytest.fail("more points than this test tries")


@pytest.mark.parametrize("what", POSTS)
async def test_with_temporal_away_it_is_recorded_and_what_has_to_run_is_left_to_the_relay(
    api: Api, what: str
) -> None:
    await api.pay("earlier", minor=99)
    answer = await POSTS[what](api)
    assert answer.status_code in (201, 202), answer.text
    assert answer.headers["x-should-retry"] == "false"
    now = api.assembly.clock.now()
    unstarted = await api.assembly.payments.unstarted(created_before=now, limit=10)
    assert len(unstarted) == RECORDED[what] + (what != "cancel")
    assert api.running.started == []


async def test_if_temporal_goes_away_while_it_is_asked_the_payment_is_recorded(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> Any:
        raise TemporalAway("the connection broke")

    monkeypatch.setattr(api.running, "first_news", away)
    answer = await api.pay()
    assert answer.status_code == 202, answer.text
    assert recorded(api) == 1


@pytest.mark.parametrize("what", POSTS)
async def test_of_ten_callers_with_one_key_one_creates(api: Api, what: str) -> None:
    await api.pay("earlier", minor=99)
    answers = await asyncio.gather(*(POSTS[what](api) for _ in range(10)))
    statuses = sorted(each.status_code for each in answers)
    assert all(each in (200, 201, 202) for each in statuses), [each.text for each in answers]
    assert recorded(api) == 1 + RECORDED[what]
    assert len({each.json()["id"] for each in answers}) == 1
    if what != "cancel":
        replayed = [each.headers["idempotent-replayed"] for each in answers]
        assert sorted(replayed) == ["false"] + ["true"] * 9


_NOT_THEIRS: list[tuple[dict[str, Any], str]] = [
    ({"tenant": OTHER}, "/tenant"),
    ({"id": "pay_mine"}, "/id"),
    ({"payment_id": "pay_mine"}, "/payment_id"),
    ({"state": "final"}, "/state"),
    ({"certainty": "sent"}, "/certainty"),
    ({"on_behalf_of": "contact-of-other"}, "/on_behalf_of"),
    ({"created_at": "2020-01-01T00:00:00Z"}, "/created_at"),
    ({"profile": {}}, "/profile"),
    ({"is_simulated": True}, "/is_simulated"),
    ({"times": {"submit_from": "2020-01-01T00:00:00Z"}}, "/times/submit_from"),
    ({"debtor": {"name": "Shop", "tenant": OTHER}}, "/debtor/tenant"),
    ({"instructed_amount": {"minor": 1, "currency": "EUR", "x": 1}}, "/instructed_amount/x"),
]


async def test_a_field_that_callers_do_not_decide_is_refused_by_name(api: Api) -> None:
    for fields, place in _NOT_THEIRS:
        answer = await api.pay(**fields)
        assert answer.status_code == 422
        assert place in [each["pointer"] for each in answer.json()["errors"]]
    assert recorded(api) == 0


async def test_no_other_body_takes_more_than_its_fields(api: Api) -> None:
    amount = {"amount": {"minor": 1, "currency": "EUR"}}
    for path, body in (
        ("/v1/collections", {**COLLECTION, "tenant": OTHER}),
        ("/v1/collections", {**COLLECTION, "simulated": True}),
        ("/v1/payments/pay_1/cancel", {"why": "", "by": "root"}),
        ("/v1/collections/pay_1/refunds", {**amount, "by": "root"}),
    ):
        answer = await api.post(path, body, key="k")
        assert answer.status_code == 422, answer.text
    assert recorded(api) == 0


_BAD: dict[str, tuple[bytes, dict[str, str], int]] = {
    "a key twice": (b'{"why": "a", "why": "b"}', {}, 400),
    "NaN": (b'{"why": NaN}', {}, 400),
    "nested": (b'{"a":' * 40 + b"1" + b"}" * 40, {}, 400),
    "too long": (b'{"why": "' + b"x" * 70_000 + b'"}', {}, 413),
    "no JSON": (b"why=x", {"content_type": "application/x-www-form-urlencoded"}, 415),
    "two values": (b"{} {}", {}, 400),
    "a list": (b"[1]", {}, 422),
}


async def test_every_post_refuses_a_body_that_is_not_strict(api: Api) -> None:
    document = (await api.get("/openapi.json", who="")).json()
    posts = {path: item["post"] for path, item in document["paths"].items() if "post" in item}
    assert "/v1/payments" in posts
    new = await api.assembly.api_keys.make(SHOP, "all", list(Scope), api.assembly.clock.now())
    api.texts["all"] = new.text
    for path, operation in posts.items():
        takes = operation.get("requestBody", {}).get("content", {})
        if takes and "application/json" not in takes:
            continue
        address = path.replace("{", "").replace("}", "")
        for bad, (content, headers, status) in _BAD.items():
            answer = await api.post(address, content=content, key="k", who="all", **headers)
            # A command without a body has no field that could be wrong, and looks for its object.
            expected = (status,) if takes or status != 422 else (status, 404)
            assert answer.status_code in expected, (path, bad, answer.text)
    assert recorded(api) == 0


async def test_transfer_is_a_body_that_is_accepted(api: Api) -> None:
    """Without this, the refusals above would say nothing."""
    assert (await api.post("/v1/payments", transfer(), key="k")).status_code == 202
