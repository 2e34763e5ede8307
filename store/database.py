"""The database: one writer a process, off the event loop; readers beside it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Engine, event, text
from sqlmodel import Session, create_engine

T = TypeVar("T")

#: How long a writer waits for another process's transaction before it gives up.
_BUSY_TIMEOUT_SECONDS = 20


class Database:
    """Transactions as plain functions of a session.

    `write` runs them one after the other in one thread; on SQLite each takes the write lock at
    its beginning (BEGIN IMMEDIATE), so what it read cannot change before it commits. A caller
    that is cancelled does not cancel its transaction. No transaction may span a network call:
    the functions are synchronous and get nothing but the session.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="store-read")
        self._write_engine = _engine(url, "BEGIN IMMEDIATE")
        self._read_engine = _engine(url, "BEGIN")
        self._closed = threading.Event()

    async def write(self, transaction: Callable[[Session], T]) -> T:
        """Run and commit; rolled back and raised whole if the function raises."""
        loop = asyncio.get_running_loop()
        # Shielded: a queued transaction too must run, whoever loses patience meanwhile.
        return await asyncio.shield(loop.run_in_executor(self._writer, self.write_now, transaction))

    async def read(self, query: Callable[[Session], T]) -> T:
        """Run on one consistent state; nothing is written."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self.read_now, query)

    def write_now(self, transaction: Callable[[Session], T]) -> T:
        """As `write`, in this thread: for start-up and commands without a loop."""
        with Session(self._write_engine, expire_on_commit=False) as session, session.begin():
            return transaction(session)

    def read_now(self, query: Callable[[Session], T]) -> T:
        with Session(self._read_engine) as session:
            return query(session)

    @property
    def engine(self) -> Engine:
        """For migrations only."""
        return self._write_engine

    def close(self) -> None:
        """Wait for transactions under way, then let go of the database."""
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._write_engine.dispose()
        self._read_engine.dispose()


def _engine(url: str, begin: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, hide_parameters=True)
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": _BUSY_TIMEOUT_SECONDS}
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # We say BEGIN ourselves, see below.
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_SECONDS * 1000}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.execute(text(begin))

    return engine
