"""A waiting run hears of commands and lifted halts that nobody told it of, on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType

from domain.lifecycle.command import Outcome
from domain.payments.order import Times
from domain.payments.report import PaymentState
from local.temporal_server import DevServer
from store.halts import Halts
from tests.clock import SteppedClock
from tests.fakes import order, profile
from tests.performing import performing
from tests.polling import eventually
from tests.words import READY
from tests.world import World, world
from worker import upkeep


@pytest.fixture
async def at_work(server: DevServer, tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path / "home", server.address, of=profile(cancels=True)) as made:
        await made.work()
        yield made


async def _asleep(made: World, payment_id: str) -> None:
    """Until its run waits for a timer."""

    async def seen() -> bool:
        events = (await (await made.handle(payment_id)).fetch_history()).events
        return events[-1].event_type == EventType.EVENT_TYPE_TIMER_STARTED

    await eventually(seen, f"{payment_id} asleep")


async def _relay(made: World) -> None:
    """As the schedule does, a minute later."""
    clock = SteppedClock(made.assembly.clock.now() + timedelta(minutes=1))
    rounds = upkeep(made.assembly, await made.assembly.client(), clock)
    await performing(made.assembly.clock).run(rounds.relay)
    await performing(made.assembly.clock).run(rounds.sweep)


async def test_cancelled_before_its_day_by_somebody_who_told_nobody_it_ends(
    at_work: World,
) -> None:
    now = at_work.assembly.clock.now()
    times = Times(submit_from=now + timedelta(days=3), submit_before=now + timedelta(days=4))
    payment_id = (await at_work.pay(of=order(now, times=times))).payment_id
    await _asleep(at_work, payment_id)
    commanded = await at_work.assembly.commands.cancel(
        payment_id, command_id="c1", by="shop", why="", now=at_work.assembly.clock.now()
    )
    assert commanded.command.outcome is Outcome.DONE
    await _relay(at_work)
    assert await (await at_work.handle(payment_id)).result() == "cancelled: Cancelled"
    assert at_work.partner.count("submit") == 0


async def test_once_a_halt_is_lifted_what_it_held_back_is_sent(at_work: World) -> None:
    clock, halts = at_work.assembly.clock, Halts(at_work.assembly.database)
    number = await halts.halt(by="alice", why="looks wrong", now=clock.now())
    payment_id = (await at_work.pay()).payment_id
    await _asleep(at_work, payment_id)
    assert at_work.partner.count("submit") == 0
    await halts.lift(number, by="alice", now=clock.now())
    await _relay(at_work)
    await at_work.until(payment_id, PaymentState.SETTLED)
    assert at_work.partner.count("submit") == 1


async def test_a_cancel_from_where_no_server_answers_takes_the_payment_back_all_the_same(
    at_work: World, tmp_path: Path
) -> None:
    at_work.partner.says(READY)
    payment_id = (await at_work.pay()).payment_id
    await at_work.until(payment_id, PaymentState.ACCEPTED)
    async with world(tmp_path / "home", "127.0.0.1:1", partner=at_work.partner) as elsewhere:
        receipt = await elsewhere.assembly.orchestrator.cancel(
            payment_id, "c1", by="shop", tenant="shop"
        )
    assert (receipt.is_notified, receipt.command.outcome) == (False, Outcome.ASKED)
    await _relay(at_work)
    await at_work.until(payment_id, PaymentState.CANCELLED)
    assert at_work.partner.count("cancel") == 1
    answer = await at_work.assembly.orchestrator.answer_of(payment_id, "c1", tenant="shop")
    assert answer.display.headline == "Cancelled"
