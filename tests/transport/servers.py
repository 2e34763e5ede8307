"""Servers that treat a connection as badly as a test wants, and count what reached them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from domain.lifecycle.answers import Deadline

Behaviour = Callable[["Connection"], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@dataclass
class Connection:
    """One accepted connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: bytearray = field(default_factory=bytearray)
    was_reset: bool = False

    async def request(self) -> None:
        """Read one whole request."""
        while not _is_whole(bytes(self.seen)):
            chunk = await self.reader.read(65536)
            if not chunk:
                return
            self.seen += chunk

    async def answer(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    async def until_gone(self) -> None:
        """Read until the client closes; notes whether it did so by reset."""
        try:
            while chunk := await self.reader.read(65536):
                self.seen += chunk
        except ConnectionResetError:
            self.was_reset = True

    def reset(self) -> None:
        self.writer.transport.abort()


@dataclass
class Server:
    """What came to it, connection by connection."""

    port: int = 0
    connections: list[Connection] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def bytes_seen(self) -> int:
        return sum(len(each.seen) for each in self.connections)

    async def all_ended(self) -> None:
        """Wait until the behaviour of a connection has come to its end."""
        async with asyncio.timeout(20):
            await self.ended.wait()


@asynccontextmanager
async def serving(
    behaviour: Behaviour, context: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """A server on a free port of this machine."""
    server = Server()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        server.connections.append(connection)
        try:
            await behaviour(connection)
        except (ConnectionError, ssl.SSLError):
            connection.was_reset = True
        finally:
            server.ended.set()
            writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for connection in server.connections:
            connection.writer.transport.abort()
        await asyncio.sleep(0)


class SteppingClock:
    """The wall clock of a test: stands still, and jumps where it is told to."""

    def __init__(self) -> None:
        self.start = datetime(2026, 11, 23, 10, tzinfo=UTC)
        self.asked = 0
        self.jump_at: int | None = None

    def now(self) -> datetime:
        self.asked += 1
        late = self.jump_at is not None and self.asked >= self.jump_at
        return self.start + timedelta(hours=1 if late else 0)

    def deadline(self, write: float = 5, ends: float = 10) -> Deadline:
        seconds = timedelta(seconds=1)
        return Deadline(self.start + write * seconds, self.start + ends * seconds)


def _is_whole(raw: bytes) -> bool:
    head, separator, body = raw.partition(b"\r\n\r\n")
    if not separator:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return True
