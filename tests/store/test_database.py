"""Transactions: whole or not at all, one after the other where they touch the same."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import make_url
from sqlmodel import Session, select

from store.database import Database
from store.faults import StoreAway
from store.payments import row
from store.tables.lifecycles import LifecycleRow
from tests.polling import until
from tests.postgresql import PostgreSQL
from tests.store.books import PAYMENT, Store, opened


class Halfway:
    """A transaction that waits in its middle, so that another can come."""

    def __init__(self, change: Callable[[Session], None]) -> None:
        self._change = change
        self._entered, self._go_on = threading.Event(), threading.Event()

    def __call__(self, session: Session) -> None:
        self._change(session)
        session.flush()
        self._entered.set()
        assert self._go_on.wait(10)

    async def entered(self) -> None:
        assert await asyncio.to_thread(self._entered.wait, 10)

    def go_on(self) -> None:
        self._go_on.set()


def _reads(number: int) -> Callable[[Session], None]:
    def change(session: Session) -> None:
        row(session, PAYMENT).reads = number

    return change


def _one_more(session: Session) -> None:
    row(session, PAYMENT).reads += 1


async def test_a_writer_waits_for_another_process_and_sees_what_it_committed(store: Store) -> None:
    await store.accept()
    first, other = Halfway(_reads(7)), store.beside()
    slow = asyncio.create_task(other.database.write(first))
    await first.entered()
    waits = asyncio.create_task(store.database.write(_one_more))
    done, _ = await asyncio.wait([waits], timeout=0.3)
    assert not done
    first.go_on()
    await asyncio.gather(slow, waits)
    assert store.rows(row_reads) == 8
    other.close()


def row_reads(session: Session) -> int:
    """How often the payment was read, as this session sees it."""
    return row(session, PAYMENT).reads


async def test_readers_do_not_wait_for_a_writer_and_see_nothing_of_it(store: Store) -> None:
    await store.accept()
    first, other = Halfway(_reads(7)), store.beside()
    slow = asyncio.create_task(other.database.write(first))
    await first.entered()
    assert (await store.payments.view(PAYMENT)).reads == 0
    first.go_on()
    await slow
    assert (await store.payments.view(PAYMENT)).reads == 7
    other.close()


async def test_a_writer_does_not_wait_for_readers_who_go_on_seeing_one_state(store: Store) -> None:
    await store.accept()
    seen: list[int] = []

    def look_twice(session: Session) -> None:
        seen.append(row(session, PAYMENT).reads)
        entered.set()
        assert go_on.wait(10)
        session.expire_all()
        seen.append(row(session, PAYMENT).reads)

    entered, go_on = threading.Event(), threading.Event()
    reader = asyncio.create_task(store.database.read(look_twice))
    assert await asyncio.to_thread(entered.wait, 10)
    await store.database.write(_one_more)
    go_on.set()
    await reader
    assert seen == [0, 0]


async def test_a_reader_cannot_write(store: Store) -> None:
    await store.accept()

    def writes(session: Session) -> None:
        session.get_one(LifecycleRow, PAYMENT).reads = 9
        session.flush()

    with pytest.raises(StoreAway, match=r"readonly|read-only"):
        await store.database.read(writes)
    assert store.rows(row_reads) == 0


async def test_what_raises_leaves_nothing_behind(store: Store) -> None:
    await store.accept()

    def half(session: Session) -> None:
        session.get_one(LifecycleRow, PAYMENT).state = "final"
        session.flush()
        raise RuntimeError("broke off")

    with pytest.raises(RuntimeError):
        await store.database.write(half)
    assert store.rows(lambda s: s.exec(select(LifecycleRow.state)).all()) == ["created"]


async def test_a_cancelled_caller_does_not_undo_a_transaction_under_way(store: Store) -> None:
    await store.accept()
    slow = Halfway(_reads(7))
    caller = asyncio.create_task(store.database.write(slow))
    await slow.entered()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    slow.go_on()
    until(lambda: store.rows(row_reads) == 7, "what the cancelled caller wrote")


async def test_a_text_with_a_nul_is_kept_readable(store: Store) -> None:
    """A partner may put one into any word, and its word has to be recorded all the same."""
    await store.accept()

    def says(session: Session) -> None:
        row(session, PAYMENT).waiting_for = "a\0b"

    await store.database.write(says)
    kept = store.rows(lambda s: row(s, PAYMENT).waiting_for)
    assert kept in ("a\0b", "a\ufffdb")


def test_every_connection_to_sqlite_is_durable_and_checks_references(tmp_path: Path) -> None:
    database = opened(tmp_path / "new.db")

    def pragmas(session: Session) -> list[object]:
        connection = session.connection()
        return [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    full = 2
    assert database.write_now(pragmas) == ["wal", full, 1]
    database.close()


def test_sessions_on_postgresql_are_ours_whatever_the_servers_defaults(
    postgresql: PostgreSQL,
) -> None:
    url = postgresql.empty_database()
    name = make_url(url).database
    for setting in (
        "synchronous_commit = off",
        "default_transaction_isolation = 'serializable'",
        "timezone = 'Asia/Tokyo'",
    ):
        postgresql.run(f"ALTER DATABASE {name} SET {setting}")
    database = Database(url)

    def settings(session: Session) -> list[object]:
        return [
            session.connection().exec_driver_sql(f"SHOW {setting}").scalar_one()
            for setting in ("synchronous_commit", "transaction_isolation", "timezone")
        ]

    assert database.write_now(settings) == ["on", "read committed", "UTC"]
    assert database.read_now(settings) == ["on", "repeatable read", "UTC"]
    database.close()
    postgresql.drop(url)
