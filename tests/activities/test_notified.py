"""The relay tells runs of commands and lifted halts that whoever recorded them did not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.upkeep import Upkeep
from starter.away import TemporalAway
from store.halts import Halts
from tests.activities.test_upkeep import FakeRunner, runner, upkeep
from tests.clock import SteppedClock
from tests.fakes import order, profile
from tests.store.books import PAYMENT, Store, accepted

__all__ = ["runner", "upkeep"]

SECONDS = timedelta(seconds=10)


async def _held_by_the_partner(store: Store) -> None:
    """Accepted, its run noted as started."""
    await store.accept(as_of=profile(cancels=True))
    await store.begin()
    await store.sent(accepted(store.clock.now()))
    await store.payments.started([PAYMENT], store.clock.now())


async def _cancel(store: Store, command_id: str = "c1") -> None:
    await store.commands.cancel(
        PAYMENT, command_id=command_id, by="shop", why="", now=store.clock.now()
    )


async def test_a_command_nobody_told_of_is_told_once_though_the_run_is_alive(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock
) -> None:
    await _held_by_the_partner(store)
    await _cancel(store)
    assert await ActivityEnvironment().run(upkeep.relay) == 0, "too young: somebody tells it now"
    clock.step(SECONDS)
    assert await ActivityEnvironment().run(upkeep.relay) == 1
    assert await ActivityEnvironment().run(upkeep.relay) == 0
    assert runner.started == [PAYMENT]
    await _cancel(store, "c2")
    clock.step(SECONDS)
    assert await ActivityEnvironment().run(upkeep.relay) == 1


async def test_it_is_told_again_where_temporal_was_away(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock
) -> None:
    await _held_by_the_partner(store)
    await _cancel(store)
    clock.step(SECONDS)
    runner.away_after = 0
    with pytest.raises(TemporalAway):
        await ActivityEnvironment().run(upkeep.relay)
    runner.away_after = None
    assert await ActivityEnvironment().run(upkeep.relay) == 1


async def test_a_payment_that_a_command_ended_is_told_too(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock
) -> None:
    """Else its run would wait on for a day on which nothing is sent any more."""
    await store.accept()
    await store.payments.started([PAYMENT], clock.now())
    await _cancel(store)
    assert store.open() == []
    clock.step(SECONDS)
    assert await ActivityEnvironment().run(upkeep.relay) == 1
    assert runner.started == [PAYMENT]


async def test_the_sweep_runs_what_has_a_command_and_no_run_any_more(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock
) -> None:
    await _held_by_the_partner(store)
    await _cancel(store)
    clock.step(SECONDS)
    await ActivityEnvironment().run(upkeep.relay)
    assert await ActivityEnvironment().run(upkeep.sweep) == 0
    clock.step(timedelta(minutes=1))
    assert await ActivityEnvironment().run(upkeep.sweep) == 1, "told, and terminated before it read"
    assert runner.started == [PAYMENT, PAYMENT]


async def test_what_a_lifted_halt_held_back_is_told_once(
    store: Store,
    upkeep: Upkeep,
    runner: FakeRunner,
    clock: SteppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("activities.upkeep._BATCH", 2)
    ids = [f"pay_{number}" for number in range(5)]
    for payment_id in ids:
        await store.accept(payment_id, payment_id=payment_id)
    await store.accept("else", payment_id="pay_else", of=order(tenant="else"))
    await store.payments.started([*ids, "pay_else"], clock.now())
    halts = Halts(store.database)
    number = await halts.halt(by="alice", why="", now=clock.now(), tenant="shop")
    assert await ActivityEnvironment().run(upkeep.relay) == 0
    await halts.lift(number, by="alice", now=clock.now())
    await ActivityEnvironment().run(upkeep.relay)
    runner.away_after = 3
    with pytest.raises(TemporalAway):
        await ActivityEnvironment().run(upkeep.sweep)
    runner.away_after = None
    await ActivityEnvironment().run(upkeep.sweep)
    assert await ActivityEnvironment().run(upkeep.sweep) == 0
    assert set(runner.started) == set(ids)
