"""Upkeep starts what should run and leaves the rest alone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.upkeep import Upkeep
from starter.running import TemporalAway
from tests.fakes import SteppedClock
from tests.store.books import Store, refused


class FakeRunner:
    """Notes what it was asked to start; `alive` is what the server lists as running."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.alive: set[str] = set()
        self.away_after: int | None = None

    async def ensure_running(self, tenant: str, payment_id: str) -> None:
        if self.away_after is not None and len(self.started) >= self.away_after:
            raise TemporalAway("gone")
        self.started.append(payment_id)

    async def running(self) -> Collection[str]:
        return self.alive


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest.fixture
def upkeep(store: Store, runner: FakeRunner, clock: SteppedClock) -> Upkeep:
    return Upkeep(payments=store.payments, runner=runner, clock=clock)


async def _accept(store: Store, count: int) -> list[str]:
    ids = [f"pay_{n}" for n in range(count)]
    for payment_id in ids:
        await store.accept(payment_id, payment_id=payment_id)
    return ids


async def test_the_relay_starts_what_was_recorded_and_not_started(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock
) -> None:
    ids = await _accept(store, 3)
    await store.payments.started(ids[:1], clock.now())
    assert await ActivityEnvironment().run(upkeep.relay) == 0, "too young: somebody starts it now"
    clock.step(timedelta(minutes=1))
    assert await ActivityEnvironment().run(upkeep.relay) == 2
    assert runner.started == ids[1:]
    assert await ActivityEnvironment().run(upkeep.relay) == 0


async def test_a_relay_that_breaks_off_starts_the_rest_next_time(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock
) -> None:
    ids = await _accept(store, 3)
    clock.step(timedelta(minutes=1))
    runner.away_after = 2
    with pytest.raises(TemporalAway):
        await ActivityEnvironment().run(upkeep.relay)
    runner.away_after = None
    await ActivityEnvironment().run(upkeep.relay)
    assert set(runner.started) == set(ids)


async def test_the_sweep_starts_what_is_open_and_runs_no_more(
    store: Store, upkeep: Upkeep, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.upkeep._BATCH", 2)
    ids = await _accept(store, 5)
    await store.begin("pay_4/pay/1")
    await store.sent(refused(store.clock.now(), instruction="pay_4/pay/1"), payment_id="pay_4")
    runner.alive = {ids[1]}
    assert await ActivityEnvironment().run(upkeep.sweep) == 3
    assert runner.started == [ids[0], ids[2], ids[3]]
