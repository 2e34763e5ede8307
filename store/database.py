"""The database: transactions that run off the event loop, and again after losing a conflict.

An async driver was refused: SQLite has one writer, and such a driver leaves a transaction half open
when a task is cancelled at the wrong moment (docs/decisions/0005).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar, cast

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from store.engines import engines
from store.faults import Fault, StoreAway, fault_of, words_of

T = TypeVar("T")

#: How often a transaction is run at most, if it loses a conflict each time.
_RUNS: Final = 6
_PAUSE_SECONDS: Final = 0.02
#: How many transactions are committed together at most. Other processes wait meanwhile.
_TOGETHER_MAX: Final = 16
#: How long the writer's lock is left free for other processes between two turns of this one, at
#: least, and as a share of the turn before.
_OTHERS_SECONDS: Final = 0.001
_OTHERS_SHARE: Final = 0.15
#: SQLite's waiters look at least this often, and the turn may itself have waited for the lock.
_OTHERS_SECONDS_MAX: Final = 0.1
_WRITES: Final = "writes"
_COMPARES: Final = "compares clocks"


class Database:
    """Runs transactions, which are plain functions of a session.

    A transaction locks a row before it changes it, so what it read cannot change before it
    commits. On SQLite every transaction of `write` begins with the one write lock (BEGIN
    IMMEDIATE), and those of one process that wait for it are committed together. On PostgreSQL
    several run at once and lock rows. Cancelling the caller does not
    cancel its transaction. No transaction can span a network call: the functions are synchronous
    and get nothing but the session.

    A function may be run more than once, in a new session each time: if the database rolled it
    back in favour of another transaction, or if the connection broke before the commit was sent.
    After the commit was sent, nothing is run again here. StoreAway then means that the outcome is
    not known.
    """

    def __init__(self, url: str, *, compares_clocks: bool = False) -> None:
        """Prepare the engines. No connection is made yet.

        Args:
            url: of SQLite or PostgreSQL.
            compares_clocks: whether our moments are compared with the database's own clock. False
                where a test owns the clock.

        Raises:
            BadDatabaseUrl: the URL names no database that we can use.
        """
        self._engines = engines(url)
        self.compares_clocks = compares_clocks
        self._writers = ThreadPoolExecutor(self._engines.writers, thread_name_prefix="store-write")
        self._waiting: deque[_Waiting] = deque()
        self._readers = ThreadPoolExecutor(self._engines.readers, thread_name_prefix="store-read")

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engines.write.dialect.name

    @property
    def has_clock(self) -> bool:
        """Whether the database has a clock of its own, with which ours is compared."""
        return self.compares_clocks and self.kind == "postgresql"

    @property
    def place(self) -> str:
        """Host and database name, or the file; without the password."""
        url = self._engines.write.url
        if url.host is None:
            return str(url.database)
        return f"{'this machine' if url.host.startswith('/') else url.host}/{url.database}"

    async def write(self, transaction: Callable[[Session], T]) -> T:
        """Run the function and commit. If it raises, everything is rolled back.

        Raises:
            StoreAway: the database is away or too busy.
        """
        loop = asyncio.get_running_loop()
        if self._engines.writers > 1:
            written = loop.run_in_executor(self._writers, self.write_now, transaction)
        else:
            one = _Waiting(transaction)
            self._waiting.append(one)
            self._writers.submit(self._write_waiting)
            written = asyncio.wrap_future(one.written)
        # Shielded: a queued transaction must run even if its caller is cancelled meanwhile.
        return cast(T, await asyncio.shield(written))

    async def read(self, query: Callable[[Session], T]) -> T:
        """Run the function on one consistent state. Nothing is written or locked.

        Raises:
            StoreAway: the database is away or too busy.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self.read_now, query)

    async def answers(self) -> None:
        """Return if the database answers a query.

        Raises:
            StoreAway: the database is away.
        """
        await self.read(lambda session: session.connection().execute(select(1)).one())

    def write_now(self, transaction: Callable[[Session], T]) -> T:
        """As `write`, in this thread: for start-up, and for commands without an event loop."""
        return self._run(self._engines.write, writes=True).result(transaction)

    def read_now(self, query: Callable[[Session], T]) -> T:
        """As `read`, in this thread."""
        return self._run(self._engines.read, writes=False).result(query)

    def _write_waiting(self) -> None:
        """Run the transactions that wait for SQLite's one writer, and commit them together.

        A commit waits for the disk, and costs more than most transactions. Each caller is answered
        after the commit.
        """
        some = [self._waiting.popleft() for _ in range(min(len(self._waiting), _TOGETHER_MAX))]
        if not some:
            return
        began = time.monotonic()
        alone = len(some) == 1
        if alone or not self._run(self._engines.write, writes=True).together(some):
            for one in some:
                one.run(self.write_now)
        if self._waiting:
            # Other processes look for the lock only now and then, and would never find it free.
            share = (time.monotonic() - began) * _OTHERS_SHARE
            time.sleep(min(max(share, _OTHERS_SECONDS), _OTHERS_SECONDS_MAX))

    def migrate(self, transaction: Callable[[Session], T]) -> T:
        """As `write_now`, for schema changes: on PostgreSQL they may take as long as they take."""
        return self._run(self._engines.migrate, writes=True).result(transaction)

    def _run(self, engine: Engine, *, writes: bool) -> _Run:
        return _Run(engine, {_WRITES: writes, _COMPARES: self.compares_clocks})

    def close(self) -> None:
        """Wait for transactions under way, then close all connections."""
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._engines.dispose()


def is_writing(session: Session) -> bool:
    """Whether this session writes, so that the rows it reads may be locked."""
    return bool(session.info.get(_WRITES))


def compares_clocks(session: Session) -> bool:
    """Whether moments given to this session must agree with the database's own clock."""
    return bool(session.info.get(_COMPARES))


class _Waiting:
    """A transaction that waits for the writer, and its result."""

    def __init__(self, function: Callable[[Session], Any]) -> None:
        self.function = function
        self.written: Future[Any] = Future()

    def run(self, write: Callable[[Callable[[Session], Any]], Any]) -> None:
        """Let `write` run it, and answer its caller."""
        try:
            result = write(self.function)
        except BaseException as error:
            self.written.set_exception(error)
        else:
            self.written.set_result(result)


class _Run:
    """One transaction, run until it is committed or cannot be."""

    def __init__(self, engine: Engine, info: dict[str, bool]) -> None:
        self._engine = engine
        self._info = info
        self._writes = info[_WRITES]
        self._commits = False

    def result(self, function: Callable[[Session], T]) -> T:
        """The function's result, after the commit.

        Raises:
            StoreAway: the database is away or too busy.
        """
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
                # Random jitter, so that two transactions that collided do not collide again.
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

    def together(self, many: Sequence[_Waiting]) -> bool:
        """Run these, each in a savepoint of its own, commit once, and answer their callers.

        A function that raises is rolled back to its savepoint, and the others go on.

        Returns:
            False if the database failed before the commit. Then nothing was written and nobody
            answered, and each has to be run alone.
        """
        self._commits = False
        try:
            with self._engine.begin() as connection:
                answers = [self._answer(connection, one) for one in many]
                self._commits = True
        except (SQLAlchemyError, OSError) as error:
            if not self._commits:
                return False
            away = StoreAway(f"the database is away: {words_of(error)}")
            answers = [partial(one.written.set_exception, away) for one in many]
        for answer in answers:
            answer()
        return True

    def _answer(self, connection: Connection, one: _Waiting) -> Callable[[], None]:
        """Run one of many, and return the answer that its caller gets after the commit."""
        with Session(
            connection,
            expire_on_commit=False,
            info=dict(self._info),
            join_transaction_mode="create_savepoint",
        ) as session:
            try:
                result = one.function(session)
                session.commit()
            except (SQLAlchemyError, OSError):
                raise
            except BaseException as error:
                session.rollback()
                return partial(one.written.set_exception, error)
            return partial(one.written.set_result, result)

    def _is_worth_another(self, fault: Fault, number: int) -> bool:
        match fault:
            case Fault.OVERTAKEN | Fault.TAKEN:
                return number < _RUNS and self._engine.dialect.name != "sqlite"
            case Fault.LOST:
                # The first connection may come from the pool, and be older than a restart of the
                # server. The second one is new.
                return number == 1 and not self._commits
            case _:
                return False
