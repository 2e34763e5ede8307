"""The database: transactions off the event loop, run again where another came first."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from store.engines import engines
from store.faults import Fault, StoreAway, fault_of, words_of

T = TypeVar("T")

#: How often a transaction is run where others come first, before we say that it is too busy.
_RUNS: Final = 6
_PAUSE_SECONDS: Final = 0.02
_WRITES: Final = "writes"
_COMPARES: Final = "compares clocks"


class Database:
    """Transactions as plain functions of a session.

    Whoever changes a row locks it first, so what it read cannot change before it commits: on
    SQLite every transaction of `write` begins with the one write lock (BEGIN IMMEDIATE) and
    waits its turn; on PostgreSQL some run at once and lock rows. A caller that is cancelled does
    not cancel its transaction. No transaction may span a network call: the functions are
    synchronous and get nothing but the session.

    A function may be run more than once, in a new session each time: where the database rolled
    it back in favour of another, or the connection broke before its commit was asked for. Once
    that was asked, nothing is run again here: StoreAway says that the outcome is not known.
    """

    def __init__(self, url: str, *, compares_clocks: bool = False) -> None:
        """Raises BadDatabaseUrl. The database is not reached for yet.

        Args:
            compares_clocks: whether our moments are real ones, which the database's own clock
                may contradict. Not so where a test owns the clock.
        """
        self._engines = engines(url)
        self.compares_clocks = compares_clocks
        self._writers = ThreadPoolExecutor(self._engines.writers, thread_name_prefix="store-write")
        self._readers = ThreadPoolExecutor(self._engines.readers, thread_name_prefix="store-read")

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engines.write.dialect.name

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        url = self._engines.write.url
        return f"{url.host or 'this machine'}/{url.database}" if url.username else f"{url.database}"

    async def write(self, transaction: Callable[[Session], T]) -> T:
        """Run and commit; rolled back and raised whole if the function raises.

        Raises:
            StoreAway: the database is away or too busy.
        """
        loop = asyncio.get_running_loop()
        # Shielded: a queued transaction has to run even if its caller is cancelled meanwhile.
        return await asyncio.shield(
            loop.run_in_executor(self._writers, self.write_now, transaction)
        )

    async def read(self, query: Callable[[Session], T]) -> T:
        """Run on one consistent state; nothing is written or locked.

        Raises:
            StoreAway: the database is away or too busy.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self.read_now, query)

    def write_now(self, transaction: Callable[[Session], T]) -> T:
        """As `write`, in this thread: for start-up and commands without a loop."""
        return self._run(self._engines.write, writes=True).result(transaction)

    def read_now(self, query: Callable[[Session], T]) -> T:
        """As `read`, in this thread."""
        return self._run(self._engines.read, writes=False).result(query)

    def migrate(self, transaction: Callable[[Session], T]) -> T:
        """As `write_now`, for changes of the schema: they take as long as they take."""
        return self._run(self._engines.migrate, writes=True).result(transaction)

    def _run(self, engine: Engine, *, writes: bool) -> _Run:
        return _Run(engine, {_WRITES: writes, _COMPARES: self.compares_clocks})

    def close(self) -> None:
        """Wait for transactions under way, then let go of the database."""
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._engines.dispose()


def is_writing(session: Session) -> bool:
    """Whether rows that are read in this session may be locked: for `with_for_update`."""
    return bool(session.info.get(_WRITES))


def compares_clocks(session: Session) -> bool:
    """Whether moments given to this session are to agree with the database's own clock."""
    return bool(session.info.get(_COMPARES))


class _Run:
    """One transaction until it is committed, or it is clear that it cannot be."""

    def __init__(self, engine: Engine, info: dict[str, bool]) -> None:
        self._engine = engine
        self._info = info
        self._writes = info[_WRITES]
        self._commits = False

    def result(self, function: Callable[[Session], T]) -> T:
        """Raises what the function raises, or StoreAway."""
        for number in range(1, _RUNS + 1):
            try:
                return self._once(function)
            except (SQLAlchemyError, OSError) as error:
                fault = fault_of(error)
                if not self._is_worth_another(fault, number):
                    if fault in (Fault.OURS, Fault.TAKEN):
                        raise
                    raise StoreAway(f"the database is away: {words_of(error)}") from error
            if fault is not Fault.LOST:
                # Who met once would meet again, were they not to wait differently long.
                time.sleep(random.uniform(0, _PAUSE_SECONDS * number))
        raise AssertionError("the last run returns or raises")

    def _once(self, function: Callable[[Session], T]) -> T:
        self._commits = False
        with Session(self._engine, expire_on_commit=False, info=dict(self._info)) as session:
            result = function(session)
            if self._writes:
                session.flush()
                self._commits = True
                session.commit()
            return result

    def _is_worth_another(self, fault: Fault, number: int) -> bool:
        match fault:
            case Fault.OVERTAKEN | Fault.TAKEN:
                return number < _RUNS and self._engine.dialect.name != "sqlite"
            case Fault.LOST:
                # One that lay in the pool while the server was started anew; not a second one.
                return number == 1 and not self._commits
            case _:
                return False
