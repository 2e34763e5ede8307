"""Transactions: one writer at a time, whole or not at all."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest
from sqlmodel import Session, select

from store.tables import PaymentRow
from tests.store.books import PAYMENT, Store


async def test_a_writer_waits_for_another_process_to_commit(store: Store) -> None:
    other = sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    waits = asyncio.create_task(store.accept())
    # The other's lock is seen by a third who does not wait.
    impatient = sqlite3.connect(store.path, isolation_level=None, timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        impatient.execute("BEGIN IMMEDIATE")
    for _ in range(100):
        await asyncio.sleep(0)
    assert not waits.done()
    other.execute("COMMIT")
    assert (await waits).is_new
    other.close()
    impatient.close()


async def test_readers_do_not_wait_for_a_writer(store: Store) -> None:
    await store.accept()
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE payments SET state = 'final'")
    assert (await store.payments.record(PAYMENT)).payment.state == "created"
    other.execute("ROLLBACK")
    other.close()


async def test_what_raises_leaves_nothing_behind(store: Store) -> None:
    await store.accept()

    def half(session: Session) -> None:
        session.get_one(PaymentRow, PAYMENT).state = "final"
        session.flush()
        raise RuntimeError("broke off")

    with pytest.raises(RuntimeError):
        await store.database.write(half)
    assert store.rows(lambda s: s.exec(select(PaymentRow.state)).all()) == ["created"]


async def test_a_cancelled_caller_does_not_undo_a_transaction_under_way(store: Store) -> None:
    await store.accept()
    entered, go_on = threading.Event(), threading.Event()

    def slow(session: Session) -> None:
        session.get_one(PaymentRow, PAYMENT).waiting_for = "the transaction's end"
        entered.set()
        assert go_on.wait(10)

    caller = asyncio.create_task(store.database.write(slow))
    assert await asyncio.to_thread(entered.wait, 10)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    await store.database.write(lambda session: None)  # The writer is through with it.
    assert store.rows(lambda s: s.exec(select(PaymentRow.waiting_for)).all()) == [
        "the transaction's end"
    ]


def test_every_connection_is_durable_and_checks_references(store: Store) -> None:
    def pragmas(session: Session) -> list[object]:
        connection = session.connection()
        return [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    full = 2
    assert store.rows(pragmas) == ["wal", full, 1]
