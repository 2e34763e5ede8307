"""What partners, strangers and accidents deliver: what they hear, and what follows from it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domain.lifecycle.answers import Answered
from domain.payments.report import PaymentState, Source
from inbound.endpoint import BODY_BYTES_MAX
from store.faults import StoreAway
from store.inbox import MATCHED_WITHIN, Inbox
from store.unmatched import Reference
from tests.clock import SteppedClock
from tests.fakes import ACCOUNT, BANK
from tests.inbound.conftest import (
    BODY_WITHIN,
    DATED,
    PATH,
    SECRET,
    SIGNATURE,
    Door,
    dated,
    notification,
    signed,
)
from tests.polling import eventually
from tests.store.books import PAYMENT, accepted, exchange, report

TENANT = "shop"


async def _told(door: Door) -> list[tuple[str, str]]:
    """Whom the runner was told of, as soon as it was."""

    async def seen() -> list[tuple[str, str]]:
        return door.runner.told

    told: list[tuple[str, str]] = await eventually(seen, "the run is told")
    return told


async def test_a_delivery_is_kept_and_its_payment_told(door: Door) -> None:
    await door.sent()
    assert await door.deliver(notification()) == 200
    (row,) = door.rows()
    assert (row.resource_id, row.read_at) == (PAYMENT, None)
    assert await _told(door) == [(TENANT, PAYMENT)]


async def test_a_delivery_says_nothing_of_the_money_before_it_is_read(door: Door) -> None:
    """Whoever has the secret could say anything: only what the partner answers counts."""
    await door.sent()
    before = (await door.store.payments.view(PAYMENT)).payment
    assert await door.deliver(notification()) == 200
    assert (await door.store.payments.view(PAYMENT)).payment == before


async def test_the_partner_hears_at_once_however_slow_temporal_is(door: Door) -> None:
    await door.sent()
    door.runner.gate = asyncio.Event()
    assert await door.deliver(notification()) == 200
    assert len(door.rows()) == 1
    assert door.runner.told == []
    door.runner.gate.set()
    assert await _told(door) == [(TENANT, PAYMENT)]


async def test_while_temporal_is_away_it_is_kept_all_the_same(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    await door.sent()
    door.runner.away = True
    assert await door.deliver(notification()) == 200
    assert (await door.store.payments.view(PAYMENT)).has_news

    async def said() -> bool:
        return f"{PAYMENT} is notified later by the relay" in caplog.text

    await eventually(said, "the log says who tells it")
    assert "Exception" not in caplog.text


async def test_a_doubled_delivery_is_welcome_and_changes_nothing(door: Door) -> None:
    await door.sent()
    body = notification()
    answers = await asyncio.gather(*(door.deliver(body) for _ in range(5)))
    assert set(answers) == {200}
    assert len(door.rows()) == 1
    assert await _told(door) == [(TENANT, PAYMENT)]


async def test_one_replayed_after_it_was_read_wakes_nobody(door: Door, clock: SteppedClock) -> None:
    await door.sent()
    body = notification()
    await door.deliver(body)
    await _told(door)
    read = Answered(report(clock.now(), PaymentState.PROCESSING, source=Source.READ),
                exchange(clock.now()))  # fmt: skip
    await door.store.read(read, inbox_through=(await door.store.reading()).inbox_through)
    clock.step(timedelta(days=30))
    assert await door.deliver(body) == 200
    assert not (await door.store.payments.view(PAYMENT)).has_news
    assert door.runner.told == [(TENANT, PAYMENT)]


async def test_reordered_deliveries_cause_reads_like_any_other(door: Door) -> None:
    await door.sent()
    late, early = notification(status="completed"), notification(status="ready_to_send")
    assert await door.deliver(late) == await door.deliver(early) == 200
    assert [row.resource_id for row in door.rows()] == [PAYMENT, PAYMENT]
    assert (await door.store.reading()).inbox_through == 2


@pytest.mark.parametrize("secret", ["a secret of somebody else", ""])
async def test_a_forged_delivery_has_no_effect_and_is_counted(
    door: Door, caplog: pytest.LogCaptureFixture, secret: str
) -> None:
    await door.sent()
    body = notification(beneficiary="DE89370400440532013000")
    with caplog.at_level(logging.INFO):
        assert await door.deliver(body, signed(body, secret)) == 401
        assert await door.deliver(body, {}) == 401
    assert door.rows() == []
    assert door.runner.told == []
    assert "(2 since the start)" in caplog.text
    for canary in ("DE8937", SECRET, signed(body, secret)[SIGNATURE], "ref-1"):
        assert canary not in caplog.text


async def test_a_forged_delivery_of_nobody_asks_no_question(
    door: Door, clock: SteppedClock
) -> None:
    body = notification("nobodys")
    assert await door.deliver(body, signed(body, "not the secret")) == 401
    clock.step(MATCHED_WITHIN)
    assert await door.store.inbox.unmatched(clock.now(), limit=9) == []
    assert await door.deliver(body) == 200
    clock.step(MATCHED_WITHIN)
    asked = await door.store.inbox.unmatched(clock.now(), limit=9)
    assert asked == [Reference(BANK, ACCOUNT, "nobodys")]


async def test_what_is_logged_of_a_good_one_holds_neither_secret_nor_body(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    body = notification(beneficiary="DE89370400440532013000")
    with caplog.at_level(logging.DEBUG, "finality"):
        await door.deliver(body)
    assert "payment_notification" in caplog.text
    for canary in ("DE8937", SECRET, signed(body)[SIGNATURE]):
        assert canary not in caplog.text


async def test_a_stale_delivery_has_no_effect(door: Door, clock: SteppedClock) -> None:
    path, body = f"/webhooks/{BANK}/{DATED}", notification()
    old = dated(body, clock.now().timestamp() - 301)
    assert await door.deliver(body, old, path) == 401
    assert door.rows() == []
    assert await door.deliver(body, dated(body, clock.now().timestamp()), path) == 200


async def test_the_secret_of_one_account_opens_no_other_payments(door: Door) -> None:
    """The same words, proven by another account of ours, are another event and nobody's."""
    await door.sent()
    body, path = notification(), f"/webhooks/{BANK}/{DATED}"
    assert await door.deliver(body, dated(body, door.store.clock.now().timestamp()), path) == 200
    assert [row.resource_id for row in door.rows()] == [None]
    assert not (await door.store.payments.view(PAYMENT)).has_news
    assert door.runner.told == []


async def test_one_that_comes_before_the_reply_is_matched_when_that_is_recorded(
    door: Door,
) -> None:
    await door.store.accept()
    await door.store.begin()
    assert await door.deliver(notification()) == 200
    assert [row.resource_id for row in door.rows()] == [None]
    view = await door.store.sent(accepted(door.store.clock.now()))
    assert view.has_news


@pytest.mark.parametrize("path", [f"/webhooks/{BANK}/nobody", "/webhooks/nobody/main"])
async def test_where_nobody_listens_nothing_is_taken(door: Door, path: str) -> None:
    assert await door.deliver(notification(), path=path) == 404
    assert door.rows() == []


async def test_a_path_cannot_write_lines_into_the_log(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    await door.deliver(b"", path="/webhooks/x%0AINFO%20all%20is%20well/y")
    assert all("\n" not in record.getMessage() for record in caplog.records)
    assert "all is well" in caplog.text


async def test_kinds_nobody_waits_for_are_welcome_and_not_kept(door: Door) -> None:
    assert await door.deliver(notification(message_type="conversion")) == 200
    assert door.rows() == []


async def test_what_is_theirs_and_not_to_be_understood_is_refused(door: Door) -> None:
    assert await door.deliver(b"{}") == 401
    assert door.rows() == []


async def test_while_the_database_is_away_the_partner_is_asked_to_come_again(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    await door.sent()
    body = notification()

    async def away(*_: object, **__: object) -> None:
        raise StoreAway("locked")

    with monkeypatch.context() as patched:
        patched.setattr(Inbox, "put", away)
        assert await door.deliver(body) == 503
    assert door.runner.told == []
    assert await door.deliver(body) == 200
    assert await _told(door) == [(TENANT, PAYMENT)]


async def test_a_body_at_the_limit_is_read_and_a_longer_one_is_not(door: Door) -> None:
    longest = notification()
    longest += b" " * (BODY_BYTES_MAX - len(longest))
    assert await door.deliver(longest) == 200
    assert await door.deliver(longest + b" ") == 413
    assert len(door.rows()) == 1


async def test_a_body_of_unannounced_length_is_cut_at_the_limit(door: Door) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(BODY_BYTES_MAX // 4096 + 2):
            yield b" " * 4096

    answer = await door.http.post(PATH, content=endless())
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"


async def test_a_body_announced_too_long_is_not_even_awaited(door: Door) -> None:
    reader, writer = await asyncio.open_connection(*door.address)
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: {BODY_BYTES_MAX + 1}\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(20):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 413")
    writer.close()


async def test_a_body_that_drips_is_given_up_on(door: Door) -> None:
    reader, writer = await asyncio.open_connection(*door.address)
    writer.write(f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{".encode())
    started = asyncio.get_running_loop().time()
    async with asyncio.timeout(20):
        answer = await reader.read()  # To its end: the connection is closed.
    assert answer.startswith(b"HTTP/1.1 408")
    assert asyncio.get_running_loop().time() - started >= BODY_WITHIN.total_seconds()
    writer.close()
    assert door.rows() == []


async def test_a_body_cut_off_is_nothing(door: Door) -> None:
    _, writer = await asyncio.open_connection(*door.address)
    body = notification()
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\n{SIGNATURE}: {signed(body)[SIGNATURE]}\r\n"
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body[:-1])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await door.http.get("/health")).status_code == 204
    assert door.rows() == []


async def test_a_length_that_is_none_is_refused(door: Door) -> None:
    reader, writer = await asyncio.open_connection(*door.address)
    writer.write(f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: many\r\n\r\n".encode())
    async with asyncio.timeout(20):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 4")
    writer.close()


async def test_only_deliveries_are_taken(door: Door) -> None:
    assert (await door.http.get(PATH)).status_code == 405
    assert (await door.http.post("/")).status_code == 404
