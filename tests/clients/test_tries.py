"""The client: what is sent again, with which key, and what the caller is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from finality_client import (
    ApiError,
    CannotClaim,
    CursorLost,
    FinalityError,
    Invalid,
    KeyReused,
    NoAnswer,
    NotAllowed,
    NotFound,
    PossibleDuplicate,
    Retries,
    SeveralFiles,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnreadableAnswer,
)
from tests.clients.conftest import KEY, ORDER, Called, answer, problem


def pays(client: Any) -> Any:
    return client.payments.create(ORDER)


async def test_a_key_is_made_once_and_the_bytes_are_the_same_on_every_try(call: Called) -> None:
    call.answers(
        httpx.ReadTimeout("slow"), answer(503, {}, x_should_retry="true"), answer(replayed="x")
    )
    made = await call(pays)
    assert made.id == "pay_1"
    assert len(set(call.keys)) == 1
    assert call.keys[0]
    assert len({each.content for each in call.sent}) == 1
    assert len(call.slept) == 2
    call.answers(answer())
    await call(pays)
    assert len(set(call.keys)) == 2


async def test_the_callers_own_key_is_used_and_a_replay_is_told(call: Called) -> None:
    call.answers(answer(200, idempotent_replayed="true"), answer(201, idempotent_replayed="false"))
    for replayed in (True, False):
        made = await call(lambda client: client.payments.create(ORDER, key="invoice-1"))
        assert made.replayed is replayed
    assert call.keys == ["invoice-1", "invoice-1"]


@pytest.mark.parametrize("key", ["", "x" * 256, "kéy", "a\nb", " a"])
async def test_a_key_that_no_header_keeps_is_refused_before_anything_is_sent(
    call: Called, key: str
) -> None:
    with pytest.raises(ValueError, match="key"):
        await call(lambda client: client.payments.create(ORDER, key=key))
    assert call.sent == []


@pytest.mark.parametrize(
    ("error", "doubt"),
    [
        (httpx.ConnectError("refused"), False),
        (httpx.ConnectTimeout("slow"), False),
        (httpx.PoolTimeout("busy"), False),
        (httpx.ReadTimeout("slow"), True),
        (httpx.WriteError("broken"), True),
        (httpx.RemoteProtocolError("cut"), True),
    ],
)
async def test_without_an_answer_the_error_says_whether_it_may_be_recorded_and_under_which_key(
    call: Called, error: httpx.RequestError, doubt: bool
) -> None:
    call.answers(*[error] * 5)
    with pytest.raises(NoAnswer) as raised:
        await call(pays)
    assert raised.value.may_be_recorded is doubt
    assert raised.value.key == call.keys[0]
    assert (str(call.keys[0]) in str(raised.value)) is doubt
    assert len(call.sent) == 5


async def test_an_earlier_try_that_may_have_arrived_is_not_forgotten(call: Called) -> None:
    call.answers(httpx.ReadTimeout("slow"), *[httpx.ConnectError("refused")] * 4)
    with pytest.raises(NoAnswer) as raised:
        await call(pays)
    assert raised.value.may_be_recorded
    call.answers(httpx.ReadTimeout("slow"), problem(401, "unauthenticated"))
    with pytest.raises(Unauthenticated) as refused:
        await call(pays)
    assert refused.value.may_be_recorded
    assert str(refused.value.key) in str(refused.value)


@pytest.mark.parametrize(
    ("status", "word", "again"),
    [
        (500, "true", True), (409, "true", True), (503, "false", False), (500, "FALSE", False),
        (502, None, True), (504, None, True), (429, None, True), (408, None, True),
        (400, None, False), (409, None, False), (501, None, False), (307, None, False),
    ],
)  # fmt: skip
async def test_x_should_retry_is_obeyed_and_without_it_the_status_decides(
    call: Called, status: int, word: str | None, again: bool
) -> None:
    given = {} if word is None else {"x_should_retry": word}
    call.answers(answer(status, {}, **given), answer())
    if again:
        assert (await call(pays)).id == "pay_1"
    else:
        with pytest.raises(ApiError):
            await call(pays)
    assert len(call.sent) == 1 + again


async def test_retry_after_is_obeyed_in_both_forms_and_a_long_one_is_raised(call: Called) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    call.answers(answer(429, {}, retry_after="7"), answer(503, {}, retry_after=later), answer())
    await call(pays)
    assert call.slept[0] == 7
    assert 35 < call.slept[1] <= 40
    call.answers(answer(429, {}, retry_after="3600"))
    with pytest.raises(TooManyRequests) as raised:
        await call(pays)
    assert raised.value.retry_after == 3600
    call.answers(answer(429, {}, retry_after="soon"), answer())
    assert (await call(pays)).id == "pay_1"


async def test_without_retries_there_is_one_try(call: Called) -> None:
    call.options["retries"] = Retries(tries_max=1)
    call.answers(answer(503, {}))
    with pytest.raises(Unavailable) as raised:
        await call(pays)
    assert (len(call.sent), call.slept) == (1, [])
    assert raised.value.may_be_recorded
    with pytest.raises(ValueError, match="tries_max"):
        Retries(tries_max=0)


async def test_pauses_grow_up_to_their_limit(call: Called) -> None:
    call.options["retries"] = Retries(tries_max=8, pause_seconds=1, pause_max=4)
    call.answers(*[httpx.ConnectError("refused")] * 7, answer())
    await call(pays)
    whole = [1, 2, 4, 4, 4, 4, 4]
    assert all(most / 2 <= slept <= most for slept, most in zip(call.slept, whole, strict=True))


@pytest.mark.parametrize("content", [b"<html>proxy</html>", b"[]", b'{"id": "pay_1"}', b""])
async def test_a_success_that_is_not_ours_is_never_taken_for_one(
    call: Called, content: bytes
) -> None:
    call.answers(httpx.Response(200, content=content))
    with pytest.raises(UnreadableAnswer) as raised:
        await call(pays)
    assert raised.value.may_be_recorded
    assert raised.value.key == call.keys[0]


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (401, "unauthenticated", Unauthenticated),
        (403, "not-allowed", NotAllowed),
        (404, "not-found", NotFound),
        (409, "key-reused", KeyReused),
        (409, "possible-duplicate", PossibleDuplicate),
        (409, "cannot-claim", CannotClaim),
        (409, "several-files", SeveralFiles),
        (410, "cursor-lost", CursorLost),
        (422, "invalid", Invalid),
        (422, "file-refused", Invalid),
        (418, "of-tomorrow", ApiError),
        (422, "of-tomorrow", Invalid),
    ],
)
async def test_each_problem_is_an_error_of_its_own(
    call: Called, status: int, kind: str, error: type[ApiError]
) -> None:
    call.answers(problem(status, kind, detail="Because.", new_field=1))
    with pytest.raises(FinalityError) as raised:
        await call(pays)
    found = raised.value
    assert type(found) is error
    assert isinstance(found, ApiError)
    assert (found.status, found.kind, found.detail) == (status, kind, "Because.")
    assert not found.may_be_recorded
    assert found.body["new_field"] == 1
    assert "Because." in str(found)


async def test_an_error_has_the_fields_that_are_wrong_and_what_to_do(call: Called) -> None:
    errors = [{"pointer": "/creditor_account/iban", "detail": "wrong", "code": "AC03"}, "odd"]
    call.answers(problem(422, "invalid", errors=errors))
    with pytest.raises(Invalid) as invalid:
        await call(pays)
    first, second = invalid.value.errors
    assert (first.pointer, first.code) == ("/creditor_account/iban", "AC03")
    assert second.detail == "odd"
    earlier = [{"id": "pay_0", "state": "of-tomorrow"}]
    more = {"acknowledge": {"acknowledge_duplicate_of": ["pay_0"]}, "earlier": earlier}
    call.answers(
        problem(409, "possible-duplicate", **more),
        problem(409, "possible-duplicate", needs_operator=True, **more),
    )
    for needs_operator in (False, True):
        with pytest.raises(PossibleDuplicate) as duplicate:
            await call(pays)
        assert duplicate.value.earlier == earlier
        assert duplicate.value.needs_operator is needs_operator
        assert bool(duplicate.value.acknowledge) is not needs_operator


@pytest.mark.parametrize("content", [b"<html>", b"[1]", b'{"errors": 3, "type": 7}', b"\xff"])
async def test_an_error_that_is_no_problem_of_ours_is_told_by_its_status(
    call: Called, content: bytes
) -> None:
    call.answers(httpx.Response(404, content=content))
    with pytest.raises(NotFound) as raised:
        await call(lambda client: client.payments.get("pay_1"))
    assert (raised.value.kind, raised.value.errors, raised.value.key) == ("", [], None)


async def test_no_error_and_no_repr_shows_the_api_key(call: Called) -> None:
    call.answers(problem(401, "unauthenticated"))
    with pytest.raises(Unauthenticated) as raised:
        await call(pays)
    assert KEY not in repr(raised.value)
    assert call.sent[0].headers["authorization"] == f"Bearer {KEY}"
    with pytest.raises(ValueError, match="api_key") as wrong:
        call.kind("https://pay.example", "sk_live_secret")
    assert "sk_live" not in str(wrong.value)


@pytest.mark.parametrize(
    "address", ["http://pay.example", "ftp://x", "pay.example", "https://u:p@x", "https://x?a=1"]
)
def test_an_address_that_would_not_protect_the_key_is_refused(call: Called, address: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        call.kind(address, KEY)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8237", "http://localhost", "http://[::1]:1"])
async def test_on_this_machine_and_where_it_is_allowed_http_is_used(
    call: Called, address: str
) -> None:
    call.kind(address, KEY)
    call.kind("http://api:8237", KEY, allow_http=True)
