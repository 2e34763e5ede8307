"""One call, and what its outcome proves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import httpx
import pytest

from domain.lifecycle.answers import Exchange, InDoubt, NotSent, WireRequest
from partners.kit.calls import Calls, Reply, together
from partners.kit.content import form
from tests.clock import START, SteppedClock
from tests.partners.kit.bank import DEADLINE, Answer, Bank, says

PAY = WireRequest("POST", "/pay", b'{"n":1}', "application/json", key="key-1")


class Key:
    """A key that never changes; None: there is none."""

    def __init__(self, key: str | None = "s3cret") -> None:
        self._key = key
        self.refusals: list[Mapping[str, str]] = []

    async def headers(self) -> Mapping[str, str] | None:
        return None if self._key is None else {"authorization": f"Bearer {self._key}"}

    async def refused(self, headers: Mapping[str, str]) -> None:
        self.refusals.append(headers)


def calls(bank: Bank, key: Key | None = None, pauses: dict[int, timedelta] | None = None) -> Calls:
    clock = SteppedClock()
    return Calls(bank.transport(clock), key or Key(), clock, pauses or {})


async def paid(answer: Answer) -> Reply:
    return await calls(Bank().on("POST /pay", answer)).instruct(PAY, DEADLINE)


async def test_an_instruction_is_these_bytes_with_its_headers_and_our_credentials() -> None:
    bank = Bank().on("POST /pay", says(201, {"id": "p"}, x_request="r"))
    reply = await calls(bank).instruct(PAY, DEADLINE, {"idempotency-key": PAY.key})
    (came,) = bank.came
    assert came.content == PAY.body
    assert came.headers["content-type"] == PAY.content_type
    assert came.headers["idempotency-key"] == "key-1"
    assert came.headers["authorization"] == "Bearer s3cret"
    assert came.headers["connection"] == "close", "a kept connection may be dead"
    assert (reply.status, reply.body, reply.is_success) == (201, '{"id": "p"}', True)
    assert reply.headers["x-request"] == "r"
    assert reply.asked_at == START
    assert "s3cret" not in str(reply)


async def test_without_credentials_nothing_leaves() -> None:
    bank = Bank()
    reply = await calls(bank, Key(None)).instruct(PAY, DEADLINE)
    assert bank.came == []
    assert isinstance(reply.no_verdict(), NotSent)
    assert not reply.is_in_doubt
    assert reply.retry_at is not None


@pytest.mark.parametrize(
    ("answer", "is_in_doubt"),
    [
        (httpx.ConnectError("refused"), False),
        (httpx.ReadTimeout("slow"), True),
        (httpx.RemoteProtocolError("cut"), True),
        (says(500), True),
        (says(503), True),
        (says(400), False),
        (says(200), False),
    ],
    ids=str,
)
async def test_what_may_have_been_executed_is_in_doubt(answer: Answer, is_in_doubt: bool) -> None:
    reply = await paid(answer)
    assert reply.is_in_doubt is is_in_doubt
    if is_in_doubt:
        verdict = reply.no_verdict()
        assert isinstance(verdict, InDoubt)
        assert verdict.server_error is (reply.status is not None)


async def test_a_refused_call_is_told_and_not_repeated() -> None:
    bank, key = Bank().on("GET /x", says(401), says(200)), Key()
    reply = await calls(bank, key).get("/x")
    assert reply.status == 401
    assert len(bank.came) == 1
    assert key.refusals == [{"authorization": "Bearer s3cret"}]


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (200, None, None),
        (400, None, None),
        (429, None, 60),
        (429, "7", 7),
        (503, "120", 120),
        (503, "Mon, 02 Mar 2026 12:00:30 GMT", 30),
        (503, "Mon, 02 Mar 2026 11:59:59 GMT", None),
        (503, "86401", None),
        (503, "soon", None),
        (503, "-1", None),
        (503, "Mon, 02 Mar 9999999999 12:00:30 GMT", None),
        (429, "nonsense", 60),
        (403, None, 300),
        (409, None, 3),
    ],
)
async def test_when_to_ask_again(status: int, retry_after: str | None, seconds: int | None) -> None:
    headers = {} if retry_after is None else {"retry_after": retry_after}
    bank = Bank().on("GET /x", says(status, **headers))
    reply = await calls(bank, pauses={409: timedelta(seconds=3)}).get("/x")
    assert reply.retry_at == (None if seconds is None else START + timedelta(seconds=seconds))


async def test_questions_are_asked_over_kept_connections_and_objects_made_over_new_ones() -> None:
    bank = Bank().on("POST /ask", says(200)).on("POST /make", says(200)).on("GET /x", says(200))
    mine = calls(bank)
    await mine.get("/x", {"a": "1 2"})
    await mine.ask("/ask", form({"b": "2"}))
    await mine.make("/make", form({"c": "3"}))
    got, question, made = bank.came
    assert got.url.query == b"a=1+2"
    assert (question.content, made.content) == (b"b=2", b"c=3")
    assert "close" not in question.headers.get("connection", "")
    assert made.headers["connection"] == "close"


def test_the_exchanges_of_one_step_are_one_piece_of_evidence() -> None:
    first = Exchange("GET", "/a", 200, "", "one", START)
    second = Exchange("POST", "/b", 404, "asked", "two", START)
    assert together() is None
    assert together(None, first, None) == first
    joined = together(first, None, second)
    assert joined is not None
    assert (joined.path, joined.status) == ("/a /b", 404)
    assert (joined.request, joined.response) == ("asked", "one\ntwo")
