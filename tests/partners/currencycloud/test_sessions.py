"""Logins: shared, one at a time, and none after a refused one."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta

import httpx
import pytest

from domain.lifecycle.answers import NotReady
from tests.clock import SteppedClock
from tests.partners.currencycloud.scripted import (
    ACCOUNT,
    ASKED,
    NOW,
    PAYMENT_ID,
    TOKEN,
    Answer,
    FakeLoginBook,
    Scripted,
    error,
    partner,
)

LOGIN = "POST /v2/authenticate/api"
REFUSED = (401, error("invalid_supplied_credentials", top="auth_failed"))


async def ready(answer: Answer, book: FakeLoginBook) -> tuple[NotReady | None, Scripted]:
    script = Scripted().on(LOGIN, answer)
    return await partner(script, book).ready(), script


async def test_a_token_that_is_there_needs_no_login() -> None:
    not_ready, script = await ready(REFUSED, FakeLoginBook())
    assert not_ready is None
    assert script.sent == []


async def test_a_login_brings_the_token_for_all() -> None:
    book = FakeLoginBook(held=None)
    not_ready, script = await ready((200, {"auth_token": TOKEN}), book)
    assert not_ready is None
    assert script.sent[0].form == {
        "login_id": ACCOUNT.login_id,
        "api_key": ACCOUNT.api_key.get_secret_value(),
    }
    assert script.sent[0].token is None
    assert (book.held, book.calls) == (TOKEN, ["claim", "succeeded"])


async def test_many_at_once_log_in_once() -> None:
    script = Scripted().on(LOGIN, (200, {"auth_token": TOKEN}))
    adapter = partner(script, FakeLoginBook(held=None))
    assert await asyncio.gather(*(adapter.ready() for _ in range(20))) == [None] * 20
    assert script.routes == [LOGIN]


async def test_a_token_that_came_between_look_and_claim_is_taken() -> None:
    class Overtaken(FakeLoginBook):
        async def claim(self, login: str, credentials_hash: str) -> NotReady | None:
            self.held = TOKEN
            return await super().claim(login, credentials_hash)

    book = Overtaken(held=None)
    not_ready, script = await ready(REFUSED, book)
    assert not_ready is None
    assert script.sent == []
    assert book.calls == ["claim", "succeeded"], "the lease is given back"


@pytest.mark.parametrize(
    "answer",
    [
        REFUSED,
        (401, ""),
        (400, error("api_key_length_is_invalid", top="auth_invalid_user_login_details")),
        (403, error("permission_denied")),
    ],
    ids=str,
)
async def test_a_refused_login_is_the_last_until_a_person_looks(answer: Answer) -> None:
    script = Scripted().on(LOGIN, answer)
    book = FakeLoginBook(held=None)
    adapter = partner(script, book)
    first = await adapter.ready()
    assert isinstance(first, NotReady)
    assert first.needs_person
    assert ACCOUNT.api_key.get_secret_value() not in first.why
    for _ in range(5):
        assert isinstance(await adapter.ready(), NotReady)
    assert script.routes == [LOGIN]
    assert book.calls[:2] == ["claim", "failed"]


@pytest.mark.parametrize(
    "answer",
    [
        (200, "<html></html>"),
        (200, {"auth_token": "two words"}),
        (200, {"auth_token": 7}),
        (403, "<html>blocked</html>"),
        (404, "<html></html>"),
        (500, error("internal_server_error")),
        (503, "<html></html>"),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("refused"),
    ],
    ids=str,
)
async def test_a_login_without_a_verdict_is_unclear(answer: Answer) -> None:
    book = FakeLoginBook(held=None)
    not_ready, _ = await ready(answer, book)
    assert isinstance(not_ready, NotReady)
    assert not not_ready.needs_person
    assert book.calls == ["claim", "unclear"]


async def test_too_many_logins_wait_a_minute() -> None:
    not_ready, _ = await ready((429, error("too_many_requests")), FakeLoginBook(held=None))
    assert isinstance(not_ready, NotReady)
    assert not_ready.until == NOW + timedelta(seconds=60)


async def test_a_lease_elsewhere_is_respected() -> None:
    elsewhere = NotReady("another process is logging in", NOW + timedelta(seconds=1))
    not_ready, script = await ready(REFUSED, FakeLoginBook(held=None, refuses=elsewhere))
    assert not_ready == elsewhere
    assert script.sent == []


async def test_the_book_knows_the_credentials_by_their_hash() -> None:
    seen: set[str] = set()

    class Noting(FakeLoginBook):
        async def claim(self, login: str, credentials_hash: str) -> NotReady | None:
            seen.add(credentials_hash)
            return await super().claim(login, credentials_hash)

    for login in ("demo@finality.test", "other@finality.test"):
        account = ACCOUNT.model_copy(update={"login_id": login})
        script = Scripted().on(LOGIN, (200, {"auth_token": TOKEN}))
        await partner(script, Noting(held=None), account).ready()
    assert len(seen) == 2
    assert all(len(each) == hashlib.sha256().digest_size * 2 for each in seen)


async def test_one_login_at_two_environments_is_two_in_the_book() -> None:
    """Else each would throw away the other's token, and one's refusal would stop the other."""
    known: list[str] = []

    class Noting(FakeLoginBook):
        async def claim(self, login: str, credentials_hash: str) -> NotReady | None:
            known.append(login)
            return await super().claim(login, credentials_hash)

    for address in ("https://demo.cc.test", "https://cc.test"):
        script = Scripted().on(LOGIN, (200, {"auth_token": TOKEN}))
        account = ACCOUNT.model_copy(update={"base_url": address})
        await partner(script, Noting(held=None), account).ready()
    assert len(set(known)) == 2
    assert all(ACCOUNT.login_id in login for login in known)


async def test_a_token_is_looked_up_once_for_the_calls_of_some_seconds() -> None:
    clock, book = SteppedClock(NOW), FakeLoginBook()
    adapter = partner(Scripted(), book, clock=clock)
    for _ in range(3):
        assert await adapter.ready() is None
    assert book.looks == 1
    clock.step(timedelta(seconds=6))
    assert await adapter.ready() is None
    assert book.looks == 2
    clock.step(-timedelta(days=1))
    assert await adapter.ready() is None
    assert book.looks == 3, "a clock set back prolongs nothing"


async def test_a_refused_token_is_not_remembered() -> None:
    refused = (401, error("invalid_supplied_credentials", top="auth_failed"))
    script = Scripted().on(f"GET /v2/payments/{PAYMENT_ID}", refused)
    script.on(LOGIN, (200, {"auth_token": "another"}))
    book = FakeLoginBook()
    adapter = partner(script, book)
    await adapter.read(ASKED)
    assert book.held is None
    assert await adapter.ready() is None
    assert book.calls == ["drop", "claim", "succeeded"]
