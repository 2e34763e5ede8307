"""Webhooks are posted to the address that was judged, with limits, whatever the receiver does."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.clock import SteppedClock
from tests.transport.pki import Authority
from tests.transport.servers import Behaviour, Connection, Server, serving
from transport.posting import Answered, Posting, Unreached
from transport.targets import Resolver

HERE = (ip_network("127.0.0.0/8"),)
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Names:
    """A resolver whose answers a test sets, one after the other; the last one repeats."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = [list(each) for each in answers]
        self.asked = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def posting(
    *,
    names: Names | Resolver | None = None,
    verify: ssl.SSLContext | None = None,
    seconds: float = 5,
) -> Posting:
    return Posting(
        allowed=HERE,
        resolve=names or Names(["127.0.0.1"]),
        clock=SteppedClock(NOW),
        verify=verify,
        answer_seconds=seconds,
    )


def answering(head: str, body: bytes = b"") -> Behaviour:
    async def answer(connection: Connection) -> None:
        await connection.request()
        length = f"content-length: {len(body)}\r\n"
        await connection.answer(f"HTTP/1.1 {head}\r\n{length}\r\n".encode() + body)

    return answer


async def post(made: Posting, url: str) -> Answered | Unreached:
    async with made.line(url) as line:
        return await line.post({"webhook-id": "evt_1"}, b"{}")


@pytest.mark.parametrize("status", [200, 201, 204, 299, 301, 302, 307, 400, 404, 410, 500, 503])
async def test_the_status_decides_and_no_redirect_is_followed(status: int) -> None:
    target: list[Server] = []

    async def redirect(connection: Connection) -> None:
        await answering(f"{status} X\r\nlocation: http://127.0.0.1:{target[0].port}/stolen", b"{}")(
            connection
        )

    async with serving(answering("200 OK")) as elsewhere, serving(redirect) as server:
        target.append(elsewhere)
        answer = await post(posting(), f"http://shop.example:{server.port}/hook?a=b")
        assert isinstance(answer, Answered)
        assert (answer.status, answer.is_success) == (status, 200 <= status < 300)
        assert elsewhere.connections == []
        [seen] = server.connections
    head, _, body = bytes(seen.seen).partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /hook?a=b http/1.1"
    assert f"host: shop.example:{server.port}" in lines
    assert "webhook-id: evt_1" in lines
    assert body == b"{}"
    assert not [each for each in lines if each.startswith(("authorization", "cookie"))]


async def test_a_huge_answer_is_left_unread_and_its_status_counts() -> None:
    sent = 0

    async def huge(connection: Connection) -> None:
        nonlocal sent
        await connection.request()
        await connection.answer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(4000):
            await connection.answer(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            sent += 0x10000

    async with serving(huge) as server:
        answer = await post(posting(), f"http://127.0.0.1:{server.port}/")
        assert answer == Answered(200, None)
        await server.all_ended()
    assert sent < 50 * 2**20, "it did not stop to read"


async def test_headers_without_end_are_a_failure() -> None:
    async def endless(connection: Connection) -> None:
        await connection.request()
        await connection.answer(b"HTTP/1.1 200 OK\r\n")
        for number in range(5000):
            await connection.answer(f"x-{number}: {'y' * 1000}\r\n".encode())

    async with serving(endless) as server:
        answer = await post(posting(), f"http://127.0.0.1:{server.port}/")
    assert isinstance(answer, Unreached)


@pytest.mark.parametrize("drips", [False, True])
async def test_a_slow_receiver_is_given_up_in_time(drips: bool) -> None:
    async def slow(connection: Connection) -> None:
        await connection.request()
        while drips:
            await connection.answer(b"HTTP/1.1 200 OK\r\nx"[: 1 + len(connection.seen) % 2])
            await asyncio.sleep(0.05)
        await connection.until_gone()

    async with serving(slow) as server:
        began = time.monotonic()
        answer = await post(posting(seconds=0.5), f"http://127.0.0.1:{server.port}/")
        assert time.monotonic() - began < 5
    assert isinstance(answer, Unreached)


async def test_a_body_that_drips_does_not_hold_up_the_answer() -> None:
    async def drip(connection: Connection) -> None:
        await connection.request()
        await connection.answer(b"HTTP/1.1 204 OK\r\ncontent-length: 1000\r\n\r\n")
        await connection.until_gone()

    async with serving(drip) as server:
        began = time.monotonic()
        answer = await post(posting(), f"http://127.0.0.1:{server.port}/")
        assert time.monotonic() - began < 4
    assert answer == Answered(204, None)


async def test_the_connection_goes_to_the_judged_address_and_not_to_a_second_answer() -> None:
    """A name that changes to another address between check and connection: DNS rebinding."""
    async with serving(answering("200 OK")) as server:
        names = Names(["127.0.0.1"], ["10.0.0.1"])
        made = posting(names=names)
        async with made.line(f"http://rebound.example:{server.port}/") as line:
            for _ in range(3):
                assert await line.post({}, b"{}") == Answered(200, None)
            assert names.asked == 1
        changed = await post(made, f"http://rebound.example:{server.port}/")
        assert isinstance(changed, Unreached)
        assert "plain http" in changed.why
        secure = await post(
            posting(names=Names(["10.0.0.1"])), f"https://rebound.example:{server.port}/"
        )
        assert isinstance(secure, Unreached)
        assert "private" in secure.why
        assert "10.0" not in secure.why
        assert len(server.connections) <= 3


async def test_the_certificate_is_checked_for_the_name(tmp_path: Path) -> None:
    ours, foreign = Authority(tmp_path, "ours"), Authority(tmp_path, "foreign")
    trusting = ssl.create_default_context(cafile=str(ours.file))
    issued = {
        "right": ours.issue("right", is_server=True, host="shop.example"),
        "other name": ours.issue("other", is_server=True, host="other.example"),
        "expired": ours.issue(
            "old", is_server=True, host="shop.example", since=timedelta(days=-3),
            until=timedelta(days=-1),
        ),
        "unknown authority": foreign.issue("foreign", is_server=True, host="shop.example"),
    }  # fmt: skip
    answers = {}
    for name, certificate in issued.items():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        async with serving(answering("200 OK"), context) as server:
            made = posting(verify=trusting)
            answers[name] = await post(made, f"https://shop.example:{server.port}/")
            assert name == "right" or server.bytes_seen == 0
    assert answers.pop("right") == Answered(200, None)
    for answer in answers.values():
        assert isinstance(answer, Unreached)
        assert answer.why.startswith("its certificate is not trusted")


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("120", timedelta(seconds=120)),
        ("0", timedelta(0)),
        (format_datetime(NOW + timedelta(hours=1), usegmt=True), timedelta(hours=1)),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), timedelta(0)),
        ("Mon, 02 Mar 2026 13:00:00 -0000", timedelta(hours=1)),
        ("-1", None),
        ("9" * 400, None),
        ("1.5", None),
        ("soon", None),
        ("Mon, 99 Mar 99999999 13:00:00 GMT", None),
    ],
)
async def test_retry_after_is_seconds_or_a_date(header: str, pause: timedelta | None) -> None:
    async with serving(answering(f"503 X\r\nretry-after: {header}")) as server:
        answer = await post(posting(), f"http://127.0.0.1:{server.port}/")
    assert answer == Answered(503, pause)


async def test_a_broken_receiver_is_a_value_and_no_exception() -> None:
    async def resets(connection: Connection) -> None:
        await connection.request()
        connection.reset()

    async def garbage(connection: Connection) -> None:
        await connection.request()
        await connection.answer(b"SSH-2.0-OpenSSH\r\n\r\n")

    for behaviour in (resets, garbage):
        async with serving(behaviour) as server:
            url = f"http://127.0.0.1:{server.port}/"
            assert isinstance(await post(posting(), url), Unreached)
    assert isinstance(await post(posting(), url), Unreached), "nobody listens any more"
    assert isinstance(await post(posting(names=Names([])), url), Unreached)

    async def fails(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    broken = Posting(allowed=HERE, resolve=fails, clock=SteppedClock(NOW))
    assert await post(broken, url) == Unreached("its name cannot be resolved")
