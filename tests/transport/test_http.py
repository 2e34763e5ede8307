"""Against real sockets: whether a byte left, and what the other side saw of it."""

from __future__ import annotations

import asyncio
import asyncio.trsock
import gzip
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT
from tests.transport.servers import HEAD, Behaviour, Connection, SteppingClock, serving
from transport.exchange import Lost, NeverLeft, Outcome, Request, Response
from transport.http import Transport

PAY = Request("POST", "/v2/payments/create", body=b"amount=1.00", content_type="x/y", once=True)
READ = Request("GET", "/v2/payments/1", query=(("with_deleted", "true"),))


async def ask(port: int, request: Request = PAY, *, write: float = 5, ends: float = 10) -> Outcome:
    clock = SteppingClock()
    transport = Transport(f"http://127.0.0.1:{port}", clock=clock)
    try:
        return await transport.exchange(request, clock.deadline(write, ends))
    finally:
        await transport.close()


async def answering(connection: Connection) -> None:
    await connection.request()
    await connection.answer(HEAD + b"content-length: 2\r\n\r\n{}")
    await connection.until_gone()


async def test_a_whole_answer_of_any_status_is_a_response() -> None:
    async def refusing(connection: Connection) -> None:
        await connection.request()
        await connection.answer(b"HTTP/1.1 503 Away\r\nX-A: B\r\ncontent-length: 3\r\n\r\nabc")

    async with serving(refusing) as server:
        answer = await ask(server.port)
    assert isinstance(answer, Response)
    assert (answer.status, answer.text, answer.headers["x-a"]) == (503, "abc", "B")
    assert server.connections[0].seen.startswith(b"POST /v2/payments/create HTTP/1.1\r\n")
    assert server.connections[0].seen.endswith(b"\r\n\r\namount=1.00")


async def test_a_refused_connection_has_taken_no_byte() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        answer = await ask(unused.getsockname()[1])
    assert isinstance(answer, NeverLeft)


async def test_a_name_that_nobody_knows_has_taken_no_byte() -> None:
    clock = SteppingClock()
    transport = Transport("https://nobody.invalid", clock=clock)
    assert isinstance(await transport.exchange(PAY, clock.deadline()), NeverLeft)
    await transport.close()


async def test_a_connection_that_is_never_accepted_has_taken_no_byte() -> None:
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        answer = await ask(deaf.getsockname()[1], write=0.2, ends=0.4)
    assert isinstance(answer, NeverLeft)


async def _reset_at_once(connection: Connection) -> None:
    connection.reset()


async def _close_without_a_word(connection: Connection) -> None:
    await connection.request()


async def _reset_after_reading(connection: Connection) -> None:
    await connection.request()
    connection.reset()


async def _headers_only(connection: Connection) -> None:
    await connection.request()
    await connection.answer(HEAD + b"content-length: 20\r\n\r\n")


async def _half_a_body(connection: Connection) -> None:
    await connection.request()
    await connection.answer(HEAD + b"content-length: 20\r\n\r\n" + b'{"id":"1"')


async def _half_a_chunk(connection: Connection) -> None:
    await connection.request()
    await connection.answer(HEAD + b"transfer-encoding: chunked\r\n\r\n9\r\n{}")


async def _broken_chunking(connection: Connection) -> None:
    await connection.request()
    await connection.answer(HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")


async def _no_http(connection: Connection) -> None:
    await connection.request()
    await connection.answer(b"220 mail.example ESMTP\r\n")


async def _bad_gzip(connection: Connection) -> None:
    await connection.request()
    await connection.answer(HEAD + b"content-encoding: gzip\r\ncontent-length: 9\r\n\r\nnot zips!")


@pytest.mark.parametrize(
    "behaviour",
    [
        _reset_at_once,
        _close_without_a_word,
        _reset_after_reading,
        _headers_only,
        _half_a_body,
        _half_a_chunk,
        _broken_chunking,
        _no_http,
        _bad_gzip,
    ],
)
@pytest.mark.parametrize("request_", [PAY, READ], ids=["pay", "read"])
async def test_what_breaks_after_the_first_byte_is_lost(
    behaviour: Behaviour, request_: Request
) -> None:
    async with serving(behaviour) as server:
        answer = await ask(server.port, request_)
        await server.all_ended()
    assert isinstance(answer, Lost), answer
    assert len(server.connections) == 1, "nothing is ever sent twice"
    if behaviour is not _reset_at_once:
        assert server.bytes_seen > 0


async def test_silence_is_lost_and_its_connection_is_reset() -> None:
    async def silent(connection: Connection) -> None:
        await connection.request()
        await connection.until_gone()

    async with serving(silent) as server:
        answer = await ask(server.port, ends=0.2)
        await server.all_ended()
    assert isinstance(answer, Lost)
    assert server.connections[0].was_reset


async def test_a_dripping_answer_is_given_up_in_time() -> None:
    async def dripping(connection: Connection) -> None:
        await connection.request()
        await connection.answer(HEAD + b"content-length: 1000\r\n\r\n")
        while True:
            await connection.answer(b"x")
            await asyncio.sleep(0.01)

    began = time.monotonic()
    async with serving(dripping) as server:
        answer = await ask(server.port, ends=0.3)
        await server.all_ended()
    assert isinstance(answer, Lost)
    assert time.monotonic() - began < 3


async def test_after_its_time_no_connection_is_even_made() -> None:
    async with serving(answering) as server:
        answer = await ask(server.port, write=-1)
    assert isinstance(answer, NeverLeft)
    assert not server.connections


async def test_time_that_runs_out_while_connecting_keeps_every_byte_back() -> None:
    async with serving(answering) as server:
        clock = SteppingClock()
        clock.jump_at = 3  # After the start and the first look: at the last moment.
        transport = Transport(f"http://127.0.0.1:{server.port}", clock=clock)
        answer = await transport.exchange(PAY, clock.deadline())
        await transport.close()
        await server.all_ended()
    assert isinstance(answer, NeverLeft)
    assert len(server.connections) == 1
    assert server.bytes_seen == 0


async def test_a_machine_that_slept_while_connecting_keeps_every_byte_back() -> None:
    """The wall clock was set back meanwhile; only the time since boot tells."""
    moments = iter([100.0, 100.0])
    async with serving(answering) as server:
        clock = SteppingClock()
        transport = Transport(
            f"http://127.0.0.1:{server.port}",
            clock=clock,
            boottime=lambda: next(moments, 4000.0),
        )
        answer = await transport.exchange(PAY, clock.deadline())
        await transport.close()
        await server.all_ended()
    assert isinstance(answer, NeverLeft)
    assert server.bytes_seen == 0


async def test_time_that_runs_out_between_headers_and_body_keeps_the_body_back() -> None:
    async with serving(answering) as server:
        clock = SteppingClock()
        clock.jump_at = 4
        transport = Transport(f"http://127.0.0.1:{server.port}", clock=clock)
        answer = await transport.exchange(PAY, clock.deadline())
        await transport.close()
        await server.all_ended()
    assert isinstance(answer, Lost)
    assert b"amount" not in server.connections[0].seen


async def test_a_cancelled_call_resets_its_connection_and_stays_cancelled() -> None:
    reading = asyncio.Event()

    async def silent(connection: Connection) -> None:
        await connection.request()
        reading.set()
        await connection.until_gone()

    async with serving(silent) as server:
        call = asyncio.create_task(ask(server.port))
        await reading.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await server.all_ended()
    assert server.connections[0].was_reset


async def test_a_finished_exchange_is_closed_politely() -> None:
    async with serving(answering) as server:
        assert isinstance(await ask(server.port), Response)
        await server.all_ended()
    assert not server.connections[0].was_reset


async def test_the_kernel_gives_up_when_nobody_waits_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: dict[int, Any] = {}
    original: Callable[..., None] = asyncio.trsock.TransportSocket.setsockopt

    def noting(self: Any, level: int, option: int, value: Any) -> None:
        if level == socket.IPPROTO_TCP:
            kept[option] = value
        original(self, level, option, value)

    monkeypatch.setattr(asyncio.trsock.TransportSocket, "setsockopt", noting)
    async with serving(answering) as server:
        await ask(server.port, write=5, ends=10)
    assert 9_000 < kept[socket.TCP_USER_TIMEOUT] <= 10_000


async def test_a_money_write_never_meets_a_kept_connection() -> None:
    async def keeping(connection: Connection) -> None:
        while True:
            connection.seen.clear()
            await connection.request()
            if not connection.seen:
                return
            await connection.answer(HEAD + b"content-length: 2\r\n\r\n{}")

    async with serving(keeping) as server:
        clock = SteppingClock()
        transport = Transport(f"http://127.0.0.1:{server.port}", clock=clock)
        for request in (READ, READ, PAY, READ, PAY):
            assert isinstance(await transport.exchange(request, clock.deadline()), Response)
        await transport.close()
    assert len(server.connections) == 3, "one kept for the reads, one for each write"


async def test_an_answer_in_gzip_is_unpacked() -> None:
    packed = gzip.compress(b'{"status":"completed"}')

    async def zipping(connection: Connection) -> None:
        await connection.request()
        head = HEAD + f"content-encoding: gzip\r\ncontent-length: {len(packed)}\r\n\r\n".encode()
        await connection.answer(head + packed)

    async with serving(zipping) as server:
        answer = await ask(server.port, READ)
    assert isinstance(answer, Response)
    assert answer.text == '{"status":"completed"}'


async def test_an_endless_answer_is_lost() -> None:
    async def endless(connection: Connection) -> None:
        await connection.request()
        await connection.answer(HEAD + b"\r\n")
        while True:
            await connection.answer(b"x" * 65536)

    async with serving(endless) as server:
        answer = await ask(server.port, READ)
    assert isinstance(answer, Lost)
    assert "larger" in answer.why


async def test_a_redirect_is_not_followed() -> None:
    async def elsewhere(connection: Connection) -> None:
        await connection.request()
        head = b"HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n"
        await connection.answer(head)

    async with serving(elsewhere) as server:
        answer = await ask(server.port)
    assert isinstance(answer, Response)
    assert answer.status == 302
    assert len(server.connections) == 1


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (httpx.ConnectError("refused"), NeverLeft),
        (httpx.ConnectTimeout("slow"), NeverLeft),
        (httpx.PoolTimeout("full"), NeverLeft),
        (httpx.ReadTimeout("slow"), Lost),
        (httpx.WriteError("broken"), Lost),
        (httpx.RemoteProtocolError("cut"), Lost),
    ],
)
async def test_in_place_of_the_network_only_its_word_proves_that_nothing_left(
    error: httpx.HTTPError, outcome: type[Outcome]
) -> None:
    def failing(_: httpx.Request) -> httpx.Response:
        raise error

    clock = SteppingClock()
    transport = Transport("https://x.test", clock=clock, instead=httpx.MockTransport(failing))
    assert isinstance(await transport.exchange(PAY, clock.deadline()), outcome)
    await transport.close()


async def test_a_killed_process_takes_its_unsent_bytes_with_it() -> None:
    async def silent(connection: Connection) -> None:
        await connection.request()
        process.kill()
        await connection.until_gone()

    async with serving(silent) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PAY_AND_WAIT, str(server.port), cwd=ROOT
        )
        await server.all_ended()
        await process.wait()
    assert server.connections[0].was_reset


_PAY_AND_WAIT = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from domain.lifecycle.answers import Deadline
from transport.exchange import Request
from transport.http import Transport

class Clock:
    def now(self):
        return datetime.now(UTC)

end = Clock().now() + timedelta(seconds=30)
transport = Transport(f"http://127.0.0.1:{sys.argv[1]}", clock=Clock())
asyncio.run(transport.exchange(Request("POST", "/pay", body=b"x", once=True), Deadline(end, end)))
"""
