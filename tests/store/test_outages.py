"""The database is gone for a while, and comes back: nothing that was heard is lost."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from sqlmodel import Session, select

import store.engines
from domain.lifecycle.heard import Heard
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import AttemptResult
from domain.payments.report import PaymentState
from domain.payments.view import PaymentView
from store.faults import StoreAway
from store.tables.lifecycles import AttemptRow, LifecycleRow
from tests.activities.steps import Steps, steps_of
from tests.clock import SteppedClock
from tests.polling import eventually
from tests.postgresql import PostgreSQL
from tests.store.books import PAYMENT, Store

#: Another program that keeps SQLite's only write lock until it is told to let go.
_KEEPS_THE_LOCK = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1], isolation_level=None)
other.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


class Outage(Protocol):
    """Something that takes a database away."""

    @property
    def where(self) -> Path | str: ...

    def begin(self) -> None: ...

    def end(self) -> None: ...


class Locked:
    """SQLite, kept by another process for longer than a writer waits."""

    def __init__(self, where: Path) -> None:
        self.where = where
        self._other: subprocess.Popen[str] | None = None

    def begin(self) -> None:
        command = [sys.executable, "-c", _KEEPS_THE_LOCK, str(self.where)]
        pipe = subprocess.PIPE
        self._other = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        assert self._other.stdout is not None
        assert self._other.stdout.readline() == "locked\n"

    def end(self) -> None:
        if self._other is not None:
            self._other.communicate()
            self._other = None


class Stopped:
    """PostgreSQL, stopped as if its machine had lost power."""

    def __init__(self, server: PostgreSQL) -> None:
        self.where = server.database()
        self._server = server
        self._is_stopped = False

    def begin(self) -> None:
        self._server.stop(signal.SIGQUIT)
        self._is_stopped = True

    def end(self) -> None:
        if self._is_stopped:
            self._server.start()
            self._is_stopped = False


@pytest.fixture(scope="module")
def stoppable() -> Iterator[PostgreSQL]:
    """A server that nobody else needs."""
    server = PostgreSQL()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def outage(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Outage]:
    if request.param == "sqlite":
        monkeypatch.setattr(store.engines, "_BUSY_SECONDS", 1)
        locked = Locked(tmp_path / "finality.db")
        yield locked
        locked.end()
        return
    stopped = Stopped(request.getfixturevalue("stoppable"))
    yield stopped
    stopped.end()


@pytest.fixture
def book(outage: Outage, clock: SteppedClock) -> Iterator[Store]:
    """A store on what is taken away."""
    made = Store(outage.where, clock)
    yield made
    made.close()


class Watched:
    """The book's `record`, which notes that the store was away."""

    def __init__(self, book: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.away = 0
        self._record = book.book.record
        monkeypatch.setattr(book.book, "record", self)

    async def __call__(self, heard: Heard) -> PaymentView:
        try:
            view: PaymentView = await self._record(heard)
            return view
        except StoreAway:
            self.away += 1
            raise


async def _sent_meanwhile(steps: Steps, outage: Outage) -> asyncio.Task[PaymentView]:
    """A step whose partner has executed the payment when the database goes away."""
    steps.partner.gate = asyncio.Event()
    step = asyncio.create_task(steps.instructed())

    async def executed() -> bool:
        return bool(steps.partner.effects)

    await eventually(executed, "the partner has executed it")
    await asyncio.to_thread(outage.begin)
    steps.partner.gate.set()
    return step


async def test_a_reply_is_recorded_when_the_database_is_back(
    outage: Outage, book: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, watched = await steps_of(book), Watched(book, monkeypatch)
    step = await _sent_meanwhile(steps, outage)

    async def was_away() -> bool:
        return watched.away >= 2

    await eventually(was_away, "the store was away")
    assert not step.done()
    await asyncio.to_thread(outage.end)
    view = await step
    assert (view.payment.state, view.payment.certainty) == (
        PaymentState.ACCEPTED,
        Certainty.SENT,
    )
    (attempt,) = book.rows(lambda s: s.exec(select(AttemptRow)).all())
    assert attempt.result == AttemptResult.ANSWERED
    assert len(steps.partner.sent) == 1


async def test_an_order_is_refused_while_it_is_away_and_taken_once_after(
    outage: Outage, book: Store
) -> None:
    await asyncio.to_thread(outage.begin)
    with pytest.raises(StoreAway):
        await book.accept()
    await asyncio.to_thread(outage.end)
    assert (await book.accept()).is_new
    assert not (await book.accept()).is_new
    assert len(book.rows(lambda s: s.exec(select(LifecycleRow)).all())) == 1


async def test_a_transaction_that_the_server_leaves_in_its_middle_leaves_nothing(
    stoppable: PostgreSQL, clock: SteppedClock
) -> None:
    outage = Stopped(stoppable)
    book = Store(outage.where, clock)
    await book.accept()

    def left_alone(session: Session) -> None:
        session.get_one(LifecycleRow, PAYMENT, with_for_update=True).reads = 7
        session.flush()
        outage.begin()
        session.connection().exec_driver_sql("SELECT 1")

    with pytest.raises(StoreAway):
        await book.database.write(left_alone)
    outage.end()
    assert (await book.payments.view(PAYMENT)).reads == 0
    book.close()
