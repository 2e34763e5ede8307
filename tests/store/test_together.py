"""Transactions that wait for SQLite's one writer: committed together, each whole or not at all."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from store.faults import StoreAway
from store.payments import row
from store.tables.lifecycles import StateRow
from tests.clock import SteppedClock
from tests.store.books import PAYMENT, Store
from tests.store.test_database import Halfway, row_reads


@pytest.fixture
def store(tmp_path: Path, clock: SteppedClock) -> Iterator[Store]:
    made = Store(tmp_path / "finality.db", clock)
    yield made
    made.close()


def _one_more(session: Session) -> int:
    found = row(session, PAYMENT)
    found.reads += 1
    return found.reads


def _looks(session: Session) -> None:
    row(session, PAYMENT)


def _of_no_payment(session: Session) -> None:
    session.add(
        StateRow(
            resource_id="pay_nobody",
            state="created",
            certainty="not_sent",
            entered_at=row(session, PAYMENT).created_at,
        )
    )


async def _queued(store: Store, *functions: Callable[[Session], Any]) -> list[Any]:
    """The results, or errors, of transactions that all waited for the same one."""
    first = Halfway(_looks)
    blocking = asyncio.create_task(store.database.write(first))
    await first.entered()
    waiting = [asyncio.create_task(store.database.write(one)) for one in functions]
    await asyncio.sleep(0)
    first.go_on()
    await blocking
    return await asyncio.gather(*waiting, return_exceptions=True)


def _commits(store: Store) -> list[object]:
    seen: list[object] = []
    event.listen(store.database._engines.write, "commit", seen.append)
    return seen


async def test_those_that_wait_are_committed_together(store: Store) -> None:
    await store.accept()
    commits = _commits(store)
    assert await _queued(store, *[_one_more] * 9) == list(range(1, 10))
    assert len(commits) == 2  # The one that all waited for, and theirs.
    assert store.rows(row_reads) == 9


async def test_one_that_raises_leaves_nothing_and_the_others_are_committed(store: Store) -> None:
    await store.accept()

    def breaks_off(session: Session) -> None:
        _one_more(session)
        session.flush()
        raise RuntimeError("broke off")

    first, broken, last = await _queued(store, _one_more, breaks_off, _one_more)
    assert (first, last) == (1, 2)
    assert isinstance(broken, RuntimeError)
    assert store.rows(row_reads) == 2


async def test_one_that_the_database_refuses_does_not_take_the_others_with_it(
    store: Store,
) -> None:
    await store.accept()
    first, refused, last = await _queued(store, _one_more, _of_no_payment, _one_more)
    assert (first, last) == (1, 2)
    assert isinstance(refused, IntegrityError)
    assert store.rows(row_reads) == 2


async def test_nobody_is_answered_before_the_commit(store: Store) -> None:
    await store.accept()
    seen: list[int] = []

    async def write_and_look() -> None:
        reads = await store.database.write(_one_more)
        seen.append(store.rows(row_reads) - reads)

    first = Halfway(_looks)
    blocking = asyncio.create_task(store.database.write(first))
    await first.entered()
    waiting = [asyncio.create_task(write_and_look()) for _ in range(9)]
    await asyncio.sleep(0)
    first.go_on()
    await asyncio.gather(blocking, *waiting)
    assert len(seen) == 9
    assert min(seen) >= 0


async def test_a_commit_that_fails_is_an_unknown_outcome_to_all(store: Store) -> None:
    await store.accept()

    first = Halfway(_looks)
    blocking = asyncio.create_task(store.database.write(first))
    await first.entered()
    waiting = [asyncio.create_task(store.database.write(_one_more)) for _ in range(3)]
    await asyncio.sleep(0)
    commits: list[object] = []

    def second_fails(connection: object) -> None:
        commits.append(connection)
        if len(commits) == 2:
            raise OSError("the disk is gone")

    event.listen(store.database._engines.write, "commit", second_fails)
    first.go_on()
    await blocking
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in outcomes] == [StoreAway] * 3
    assert store.rows(row_reads) == 0


async def test_between_two_turns_another_process_finds_the_lock_free(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's waiters look for the lock now and then; one that is never free starves them."""
    await store.accept()
    paused: list[float] = []

    def look(seconds: float) -> None:
        other = sqlite3.connect(tmp_path / "finality.db", timeout=0, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.close()
        paused.append(seconds)

    monkeypatch.setattr("store.database.time.sleep", look)
    assert await _queued(store, *[_one_more] * 40) == list(range(1, 41))
    assert len(paused) >= 3  # After the one that all waited for, and between their three turns.
    assert min(paused) > 0
