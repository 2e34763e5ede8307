"""Runs whose history became long: they go on as new ones, whoever waits for them meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import delete

from activities.messages import Step, StepRequest
from activities.partner_steps import PartnerSteps
from domain.lifecycle.next_step import Owed
from domain.payments.due import due
from domain.payments.report import PaymentState
from local.temporal_server import DevServer
from starter.running import Running
from store.tables.lifecycles import AttemptRow
from tests.fakes import profile
from tests.polling import eventually
from tests.servers import dev_server
from tests.words import COMPLETED, DELETED, READY
from tests.world import World, world

PATIENCE = timedelta(seconds=25)
OFTEN = profile(
    cancels=True,
    read_pause=timedelta(milliseconds=200),
    read_pause_max=timedelta(milliseconds=300),
)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[DevServer]:
    """A server that suggests a new run after forty events."""
    started = await dev_server(tmp_path / "temporal.log", suggests_new_run_after=40)
    yield started
    started.kill()


@pytest.fixture
async def at_work(server: DevServer, tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path / "home", server.address, of=OFTEN) as made:
        made.partner.says(READY)
        await made.work()
        yield made


async def _accepted(made: World) -> str:
    payment_id = (await made.pay()).payment_id
    await made.until(payment_id, PaymentState.ACCEPTED)
    return payment_id


async def _read_is_due(made: World, payment_id: str) -> None:
    """So that the next run begins with it: a run that waits first answers whoever asks."""

    async def is_due() -> bool:
        view = await made.assembly.payments.view(payment_id)
        return due(view, made.assembly.clock.now()).owed is Owed.READ

    await eventually(is_due, f"a read of {payment_id} due")


async def _goes_on(made: World, payment_id: str, after: str) -> str:
    """The id of a later run than that one."""
    handle = await made.handle(payment_id)

    async def another() -> str | None:
        run_id = (await handle.describe()).run_id
        return run_id if run_id != after else None

    return await eventually(another, f"a run of {payment_id} after {after}")


async def test_a_caller_who_waits_does_not_keep_a_run_from_going_on_as_new(at_work: World) -> None:
    """It begins with a read, and each read breaks off: nothing else would answer the caller."""
    payment_id = await _accepted(at_work)
    handle = await at_work.handle(payment_id)
    await handle.terminate("in the UI")
    await _read_is_due(at_work, payment_id)
    at_work.partner.reads_break_off = True
    running = Running(await at_work.assembly.client())
    asked = asyncio.create_task(running.first_news("shop", payment_id, patience=PATIENCE))
    await at_work.ensure_running(payment_id)
    stuck = (await handle.describe()).run_id
    later = await _goes_on(at_work, payment_id, stuck)
    known = await asked
    assert known is not None
    assert known.state == PaymentState.ACCEPTED

    at_work.partner.reads_break_off = False
    at_work.partner.says(DELETED)
    await (await at_work.handle(payment_id)).cancel()
    await at_work.until(payment_id, PaymentState.CANCELLED)
    assert later != stuck


async def test_a_run_that_goes_on_as_new_settles_and_answers_callers(at_work: World) -> None:
    payment_id = await _accepted(at_work)
    handle = await at_work.handle(payment_id)
    first = (await handle.describe()).run_id
    running = Running(await at_work.assembly.client())

    async def asks_all_the_time() -> None:
        while True:
            assert await running.first_news("shop", payment_id, patience=PATIENCE) is not None

    asking = asyncio.create_task(asks_all_the_time())
    second = await _goes_on(at_work, payment_id, first)
    await _goes_on(at_work, payment_id, second)
    assert not asking.done(), "every caller was answered"
    asking.cancel()
    at_work.partner.says(COMPLETED)
    await at_work.until(payment_id, PaymentState.SETTLED)
    assert len(at_work.partner.effects) == 1


async def test_a_new_run_still_knows_how_many_attempts_the_one_before_it_saw(
    at_work: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[int] = []
    read = PartnerSteps._read

    async def reads(self: PartnerSteps, request: StepRequest, *rest: Any) -> Step:
        known.append(request.attempts)
        return await read(self, request, *rest)

    monkeypatch.setattr(PartnerSteps, "_read", reads)
    payment_id = await _accepted(at_work)
    first = (await (await at_work.handle(payment_id)).describe()).run_id
    # The database loses the attempt, as an older copy would have.
    at_work.assembly.database.write_now(lambda session: session.exec(delete(AttemptRow)))
    await _goes_on(at_work, payment_id, first)
    known.clear()

    async def has_read() -> bool:
        return bool(known)

    await eventually(has_read, "a read by the new run")
    assert set(known) == {1}
