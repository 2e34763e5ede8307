"""A worker that starts with a wrong clock waits, and people are asked to set it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

import worker
from local.temporal_server import DevServer
from store.clocks import StoreClocks
from store.database import Database
from store.tables.people import TaskRow
from tests.clock import SteppedClock
from tests.polling import eventually
from tests.world import world

HOUR = timedelta(hours=1)
RIGHT = timedelta(0)


@pytest.mark.parametrize("ahead", [15 * 24 * HOUR, -2 * HOUR])
async def test_a_worker_that_starts_with_a_wrong_clock_asks_a_person_and_goes_on_once_it_is_set(
    server: DevServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: timedelta
) -> None:
    monkeypatch.setattr(worker, "_CLOCKS_PAUSE_SECONDS", 0.05)
    clock = SteppedClock(datetime.now(UTC) + ahead)
    async with world(tmp_path / "home", server.address, clock=clock) as made:
        client = await made.assembly.client()
        waits = asyncio.create_task(worker._clocks_agree(made.assembly, client, asyncio.Event()))

        async def asked() -> bool:
            return made.tasks() == {"clock": True}

        await eventually(asked, "a task about the clock", seconds=20)
        assert not waits.done()
        clock.step(-ahead)
        assert await waits
        assert made.tasks() == {"clock": False}


async def _found(
    real: Database, process: str, ahead: timedelta, *, database: timedelta | None = None
) -> list[TaskRow]:
    """What is open once a process has found its clock so far ahead."""
    await StoreClocks(real).keep(
        process, datetime.now(UTC), ahead_of_temporal=ahead, ahead_of_database=database
    )
    rows = real.read_now(lambda session: session.exec(select(TaskRow)).all())
    return [row for row in rows if row.closed_at is None]


async def test_there_is_one_task_for_each_machine_whose_clock_is_wrong(real: Database) -> None:
    [first] = await _found(real, "a/1", HOUR)
    assert "The clock of a/1 is 1 hour ahead of Temporal's clock" in first.question
    assert len(await _found(real, "a/2", 2 * HOUR)) == 1
    assert len(await _found(real, "b/1", HOUR)) == 2
    assert len(await _found(real, "c/1", RIGHT)) == 2
    [left] = await _found(real, "b/2", RIGHT)
    assert left.task_id == first.task_id
    assert await _found(real, "a/3", RIGHT, database=RIGHT) == []


async def test_a_clock_that_is_wrong_again_is_asked_about_again(real: Database) -> None:
    [first] = await _found(real, "a/1", HOUR)
    await _found(real, "a/1", RIGHT)
    [again] = await _found(real, "a/1", -HOUR)
    assert (again.task_id, again.opened_at > first.opened_at) == (first.task_id, True)
    assert "1 hour behind" in again.question


async def test_the_other_clock_is_named_where_only_that_differs(real: Database) -> None:
    [task] = await _found(real, "a/1", RIGHT, database=-HOUR)
    assert "1 hour behind the database's clock. This" in task.question
