"""A receiver with none of our logic, behind the server that ours has: it inserts, and answers.

It verifies nothing, seals nothing, knows no repeats, and matches no payment.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from process import run, stop_on_signals
from serving import served


class Kept:
    """What was delivered, on disk before it is answered."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._writer = ThreadPoolExecutor(1, initializer=self._open)
        self._connection: sqlite3.Connection | None = None

    async def put(self, body: bytes) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writer, self._put, body)

    def _open(self) -> None:
        made = sqlite3.connect(self._file, isolation_level=None)
        # As durable as the product's: what is committed survives a power cut.
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("PRAGMA synchronous=FULL")
        made.execute("CREATE TABLE kept (number INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        self._connection = made

    def _put(self, body: bytes) -> None:
        assert self._connection is not None, "the thread has opened it"
        self._connection.execute("INSERT INTO kept (body) VALUES (?)", (body,))


async def receive(port: int, file: Path) -> int:
    """Until it is told to stop."""
    stop, kept = stop_on_signals(), Kept(file)

    async def deliver(request: Request) -> Response:
        await kept.put(await request.body())
        return Response(status_code=200)

    async def health(_: Request) -> Response:
        return Response(status_code=204)

    application = Starlette(
        routes=[
            Route("/webhooks/{partner}/{account}", deliver, methods=["POST"]),
            Route("/health", health, methods=["GET"]),
        ]
    )
    async with served(application, host="127.0.0.1", port=port):
        await stop.wait()
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("file", type=Path)
    given = parser.parse_args()
    run(receive(given.port, given.file))
