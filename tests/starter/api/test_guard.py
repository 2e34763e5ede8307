"""What is refused before a handler sees it: keys, scopes, sizes, shapes, rates, slow bodies."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from starter.api.guard import Guard, Limits
from starter.api.strict_json import NotStrict, parsed
from store.faults import StoreAway
from tests.fakes import CREDITOR_IBAN, CREDITOR_NAME, DEBTOR_IBAN
from tests.starter.api.conftest import OTHER, SHOP, Api, transfer
from tests.starter.api.test_payments import recorded


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer fin_0_x", "Basic YTpi", "Bearer {wrong}"])
async def test_without_a_valid_key_nothing_is_served(api: Api, given: str) -> None:
    right = api.texts[SHOP]
    wrong = right[:-1] + ("A" if right[-1] != "A" else "B")
    for method, path in (("GET", "/v1/payments"), ("POST", "/v1/payments"), ("GET", "/v1/none")):
        answer = await api.ask(
            method, path, who="", key="k", authorization=given.format(wrong=wrong)
        )
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert wrong not in answer.text
    assert recorded(api) == 0


async def test_a_key_may_do_what_its_scopes_say(api: Api) -> None:
    assert (await api.pay(who="reader")).status_code == 403
    assert (await api.get("/v1/payments", who="payer")).status_code == 403
    for path in ("/v1/tasks", "/v1/halts"):
        assert (await api.get(path, who="reader")).status_code == 403
        assert (await api.get(path)).json() == {"data": []}
    assert recorded(api) == 0


async def test_a_replaced_key_is_accepted_until_the_overlap_is_over(api: Api) -> None:
    keys, now = api.assembly.api_keys, api.assembly.clock.now()
    old = next(each for each in await keys.all(SHOP) if each.name == SHOP)
    new = await keys.replace(old.key_id, now, overlap=timedelta(hours=1))
    for text in (api.texts[SHOP], new.text):
        assert await keys.accepted(text, now + timedelta(minutes=59)) is not None
    assert await keys.accepted(api.texts[SHOP], now + timedelta(minutes=61)) is None
    assert await keys.accepted(new.text, now + timedelta(days=365)) is not None
    # A cancel is the same command with the key that replaced the one it was asked with.
    path = f"/v1/payments/{(await api.pay()).json()['id']}/cancel"
    assert (await api.post(path, key="c")).status_code == 201
    api.texts[SHOP] = new.text
    assert (await api.post(path, key="c")).status_code == 200
    await keys.revoke(new.key.key_id, now)
    assert (await api.get("/v1/payments")).status_code == 401


async def test_the_last_use_of_a_key_is_kept_and_its_secret_is_not(api: Api) -> None:
    await api.get("/v1/payments")
    used = {each.name: each.last_used_at for each in await api.assembly.api_keys.all()}
    assert used[SHOP] is not None
    assert used[OTHER] is None
    secret = api.texts[SHOP].split("_", 2)[2]  # It may contain the character itself.
    files = api.assembly.settings.home.glob("finality.db*")
    assert secret.encode() not in b"".join(file.read_bytes() for file in files)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"[]", 422),
        (b"\xff\xfe", 400),
        (b'{"partner": "a", "partner": "b"}', 400),
        (b'{"instructed_amount": {"minor": NaN}}', 400),
        (b'{"instructed_amount": {"minor": -Infinity}}', 400),
        (b'{"end_to_end_id": "\\ud800"}', 400),
        (b'{"end_to_end_id": "\\u0000"}', 400),
        (b'{"a": ' * 17 + b"1" + b"}" * 17, 400),
        (b"[" * 30_000 + b"]" * 30_000, 400),
        (b'{"instructed_amount": {"minor": ' + b"9" * 5000 + b"}}", 400),
        (b'{"end_to_end_id": "' + b"x" * 70_000 + b'"}', 413),
    ],
)
async def test_a_body_with_no_or_two_meanings_is_refused(
    api: Api, body: bytes, status: int
) -> None:
    answer = await api.post("/v1/payments", content=body, key="k")
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-should-retry"] == "false"
    assert recorded(api) == 0


async def test_a_key_that_appears_twice_is_found_at_every_depth() -> None:
    for text in (b'{"a": 1, "a": 1}', b'[{"b": {"a": 1, "\\u0061": 2}}]'):
        with pytest.raises(NotStrict, match="appears twice"):
            parsed(text)
    assert parsed(b'{"a": [1, true, null, "x"]}') == {"a": [1, True, None, "x"]}


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "text/plain"},
        {"content_type": "application/json; charset=utf-16"},
        {"content_type": "application/xml"},
        {"content_encoding": "gzip"},
    ],
)
async def test_another_content_type_is_refused(api: Api, headers: dict[str, str]) -> None:
    body = json.dumps(transfer()).encode()
    answer = await api.post("/v1/payments", content=body, key="k", **headers)
    assert answer.status_code == 415
    assert recorded(api) == 0


async def test_a_body_that_is_announced_or_arrives_too_long_is_not_read_to_its_end(
    api: Api,
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 1024

    request = api.http.build_request(
        "POST",
        "/v1/payments",
        content=endless(),
        headers={"authorization": f"Bearer {api.texts[SHOP]}", "content-type": "application/json"},
    )
    answer = await api.http.send(request)
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert sent <= 66


async def test_a_body_that_is_too_slow_is_given_up(api: Api) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(10)

    request = api.http.build_request(
        "POST",
        "/v1/payments",
        content=slow(),
        headers={"authorization": f"Bearer {api.texts[SHOP]}", "content-type": "application/json"},
    )
    answer = await asyncio.wait_for(api.http.send(request), 8)
    assert answer.status_code == 408
    assert answer.headers["x-should-retry"] == "true"


@pytest.mark.parametrize("key", [None, "", "x" * 256, "kéy", "a\tb"])
async def test_a_post_needs_an_idempotency_key(api: Api, key: str | None) -> None:
    given = [] if key is None else [(b"idempotency-key", key.encode())]
    bearer = f"Bearer {api.texts[SHOP]}".encode()
    request = api.http.build_request(
        "POST",
        "/v1/payments",
        json=transfer(),
        headers=[(b"authorization", bearer), *given],
    )
    answer = await api.http.send(request)
    assert answer.status_code == 400, answer.text
    assert answer.json()["type"] == "urn:finality:problem:idempotency-key"
    assert recorded(api) == 0


async def test_a_header_that_is_given_twice_is_refused(api: Api) -> None:
    bearer = (b"authorization", f"Bearer {api.texts[SHOP]}".encode())
    once = [bearer, (b"idempotency-key", b"a"), (b"content-type", b"application/json")]
    for twice in ((b"idempotency-key", b"b"), bearer, (b"content-type", b"text/plain")):
        request = api.http.build_request(
            "POST",
            "/v1/payments",
            json=transfer(),
            headers=[*once, twice],
        )
        assert (await api.http.send(request)).status_code == 400
    assert recorded(api) == 0


async def test_an_unknown_version_or_address_is_a_problem(api: Api) -> None:
    assert (await api.get("/v1/payments", finality_version="2020-01-01")).status_code == 400
    for method, path, status in (
        ("GET", "/v1/none", 404), ("DELETE", "/v1/payments", 405), ("GET", "/none", 404),
        ("GET", "/v1/payments/%00", 400), ("GET", "/v1/payments?key=%00", 400),
    ):  # fmt: skip
        answer = await api.ask(method, path)
        assert answer.status_code == status, (method, path)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_wrong_method_is_told_which_ones_there_are(api: Api) -> None:
    for path, methods in (
        ("/v1/payments", "GET, POST"),
        ("/v1/payments/pay_1", "GET"),
        ("/v1/collections/pay_1/captures", "GET, POST"),
        ("/v1/payments/pay_1/cancel", "POST"),
        ("/v1/accounts/refresh", "POST"),
        ("/v1/accounts/acc_1", "GET"),
    ):
        answer = await api.ask("DELETE", path)
        assert (answer.status_code, answer.headers["allow"]) == (405, methods), path


async def asked(guard: Guard, api: Api, count: int, who: str = SHOP) -> list[httpx.Response]:
    """So many requests of one key, all at once."""
    transport = httpx.ASGITransport(guard)
    headers = {"authorization": f"Bearer {api.texts[who]}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
        asking = (http.get("/v1/payments", headers=headers) for _ in range(count))
        return await asyncio.gather(*asking)


def guarded(app: ASGIApp, api: Api, limits: Limits) -> Guard:
    return Guard(app, keys=api.assembly.api_keys, clock=api.assembly.clock, limits=limits)


async def test_a_key_that_asks_too_often_waits(api: Api) -> None:
    guard = guarded(Response(status_code=204), api, Limits(burst=3, per_second=0.001))
    answers = await asked(guard, api, 5)
    assert sorted(each.status_code for each in answers) == [204, 204, 204, 429, 429]
    refused = next(each for each in answers if each.status_code == 429)
    assert refused.headers["retry-after"] == "1"
    assert [each.status_code for each in await asked(guard, api, 1, OTHER)] == [204]


async def test_a_key_has_so_many_requests_under_way_and_no_more(api: Api) -> None:
    waiting, going_on = 0, asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal waiting
        waiting += 1
        await going_on.wait()
        await Response(status_code=204)(scope, receive, send)

    guard = guarded(slow, api, Limits(under_way=2))
    first = asyncio.create_task(asked(guard, api, 2))
    while waiting < 2:
        await asyncio.sleep(0)
    assert [each.status_code for each in await asked(guard, api, 1)] == [429]
    going_on.set()
    assert [each.status_code for each in await first] == [204, 204]
    assert [each.status_code for each in await asked(guard, api, 1)] == [204]


async def test_with_the_database_away_nothing_is_stored_and_the_same_request_is_safe(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> Any:
        raise StoreAway("the database is away: canary-host refused")

    with monkeypatch.context() as patched:
        patched.setattr(type(api.assembly.database), "write", away)
        answer = await api.pay()
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.headers["x-should-retry"] == "true"
        assert "canary" not in answer.text
    assert recorded(api) == 0
    with monkeypatch.context() as patched:
        patched.setattr(type(api.assembly.database), "read", away)
        assert (await api.pay()).status_code == 503
        assert (await api.get("/ready", who="")).status_code == 503
        assert (await api.get("/health", who="")).status_code == 204
    assert (await api.pay()).status_code == 202
    assert (await api.get("/ready", who="")).status_code == 204
    assert recorded(api) == 1


async def test_if_the_database_goes_away_after_the_commit_the_repeat_finds_the_payment(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = type(api.assembly.database)
    write = database.write

    async def cut_off(self: Any, transaction: Any) -> Any:
        await write(self, transaction)
        raise StoreAway("the connection broke during the commit")

    with monkeypatch.context() as patched:
        patched.setattr(database, "write", cut_off)
        assert (await api.pay()).status_code == 503
    assert recorded(api) == 1
    again = await api.pay()
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert recorded(api) == 1


async def test_a_mistake_of_ours_tells_nothing_and_is_safe_to_repeat(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_: Any, **__: Any) -> Any:
        raise RuntimeError(f"canary {CREDITOR_IBAN}")

    monkeypatch.setattr(type(api.assembly.payments), "accept_many", breaks)
    answer = await api.pay()
    assert answer.status_code == 500
    assert answer.headers["x-should-retry"] == "true"
    assert "canary" not in answer.text


async def test_no_log_line_has_a_secret_or_an_account(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        payment = (await api.pay()).json()
        await api.pay(minor=-1)
        await api.get(f"/v1/payments/{payment['id']}?end_to_end_id=INVOICE-1250")
        await api.get(f"/v1/payments/{DEBTOR_IBAN}")
    ours = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("finality"))
    assert "POST /v1/payments 202 shop" in ours
    for hidden in (DEBTOR_IBAN, CREDITOR_IBAN, CREDITOR_NAME, api.texts[SHOP].rpartition("_")[2]):
        assert hidden not in ours
