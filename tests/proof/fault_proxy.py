"""A network that breaks on request, between a real worker and a real bank.

One listener for each plan, so that whose exchange it is needs no guess. Its faults have the names
of the simulation's (`Kind`), and mean the same there.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tests.proof.simulation.plan import Fault, Kind

#: What it can do. Certificates nobody vouches for are met in `tests/transport/test_tls.py`.
PROXIED: Final = (
    Kind.REFUSE,
    Kind.RESET_BEFORE,
    Kind.CUT_REQUEST,
    Kind.ERROR_BEFORE,
    Kind.REFUSED,
    Kind.SWALLOW_REPLY,
    Kind.STALL,
    Kind.DRIP,
    Kind.DUPLICATE_UPSTREAM,
    Kind.RESET_AFTER,
    Kind.CUT_REPLY,
    Kind.ERROR_AFTER,
    Kind.TOO_MANY_BEFORE,
    Kind.TOO_MANY_AFTER,
)
#: Longer than whoever asked waits for an answer.
_FOR_EVER_SECONDS: Final = 30.0
_DRIP_SECONDS: Final = 0.5
_TOO_MANY: Final = b'{"error": "too many requests"}'
_HTML: Final = b"<html>bad gateway</html>"


@dataclass
class Heard:
    """One request or answer as it came."""

    head: bytes
    body: bytes

    @property
    def bytes(self) -> bytes:
        return self.head + self.body

    @property
    def is_order(self) -> bool:
        first = self.head.split(b"\r\n", 1)[0]
        return first.startswith(b"POST ") and first.split(b" ")[1].endswith(b"/orders")


@dataclass
class FaultProxy:
    """Stands before the bank for one plan.

    Attributes:
        faults: of the plan, those at `order` or `exchange`.
        holds_seconds: how long a stalled request is held before it goes on.
    """

    upstream: tuple[str, int]
    faults: Iterable[Fault]
    holds_seconds: float
    port: int = 0
    fired: Counter[tuple[str, str]] = field(default_factory=Counter)
    _passed: Counter[str] = field(default_factory=Counter)
    _socket: socket.socket = field(default_factory=socket.socket)
    _server: asyncio.Server | None = None

    @property
    def refuses(self) -> bool:
        """Whether nobody listens before `listen` is called."""
        return any(fault.kind is Kind.REFUSE for fault in self.faults)

    async def start(self) -> None:
        """Take a free port."""
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        if not self.refuses:
            await self.listen()

    async def listen(self) -> None:
        """Refuse no longer. Who was refused before is not seen from here."""
        for fault in self.faults:
            if fault.kind is Kind.REFUSE:
                self.fired[fault.kind, fault.point] += 1
                self._passed[fault.point] += 1
        self._server = await asyncio.start_server(self._serve, sock=self._socket)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self._socket.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                request = await _heard(reader)
                if not await self._exchange(request, writer):
                    break
        with contextlib.suppress(OSError):
            writer.close()

    async def _exchange(self, request: Heard, writer: asyncio.StreamWriter) -> bool:
        """Pass it on, or what is due instead; False where the connection is over."""
        match self._due("order" if request.is_order else "exchange"):
            case Kind.RESET_BEFORE | Kind.CUT_REQUEST:
                return _reset(writer)
            case Kind.ERROR_BEFORE:
                return await _say(writer, 502, _HTML)
            case Kind.TOO_MANY_BEFORE:
                return await _say(writer, 429, _TOO_MANY)
            case Kind.TOO_MANY_AFTER:
                await self._ask(request)
                return await _say(writer, 429, _TOO_MANY)
            case Kind.REFUSED if request.is_order:
                return await _say(writer, 400, b'{"error": "we do not pay that"}')
            case Kind.STALL:
                await asyncio.sleep(self.holds_seconds)
                await self._ask(request)
                await asyncio.sleep(_FOR_EVER_SECONDS)
                return _reset(writer)
            case Kind.SWALLOW_REPLY:
                await self._ask(request)
                await asyncio.sleep(_FOR_EVER_SECONDS)
                return _reset(writer)
            case Kind.RESET_AFTER:
                await self._ask(request)
                return _reset(writer)
            case Kind.CUT_REPLY:
                answer = await self._ask(request)
                writer.write(answer.bytes[: len(answer.head) + len(answer.body) // 2])
                await writer.drain()
                return _reset(writer)
            case Kind.ERROR_AFTER:
                await self._ask(request)
                return await _say(writer, 500, b'{"error": "internal"}')
            case Kind.DUPLICATE_UPSTREAM:
                answer = await self._ask(request)
                await self._ask(request)
            case Kind.DRIP:
                answer = await self._ask(request)
                await asyncio.sleep(_DRIP_SECONDS)
            case _:
                answer = await self._ask(request)
        writer.write(answer.bytes)
        await writer.drain()
        return True

    def _due(self, point: str) -> Kind | None:
        self._passed[point] += 1
        for fault in self.faults:
            if fault.point == point and fault.nth == self._passed[point]:
                self.fired[fault.kind, point] += 1
                return fault.kind
        return None

    async def _ask(self, request: Heard) -> Heard:
        """The bank's whole answer, on a connection of its own."""
        reader, writer = await asyncio.open_connection(*self.upstream)
        try:
            writer.write(request.bytes)
            await writer.drain()
            return await _heard(reader)
        finally:
            writer.close()


async def _heard(reader: asyncio.StreamReader) -> Heard:
    """A whole message, by its length.

    Raises:
        IncompleteReadError: the other side is gone.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [
        int(line.split(b":", 1)[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    return Heard(head, await reader.readexactly(lengths[0] if lengths else 0))


async def _say(writer: asyncio.StreamWriter, status: int, body: bytes) -> bool:
    kind = "application/json" if _is_json(body) else "text/html"
    head = f"HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    return True


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _reset(writer: asyncio.StreamWriter) -> bool:
    """So that the other side cannot take it for an end in order."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False
