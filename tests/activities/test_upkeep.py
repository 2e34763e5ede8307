"""Upkeep starts what should run and leaves the rest alone."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

import pytest
from sqlmodel import select
from temporalio.testing import ActivityEnvironment

from activities.upkeep import Upkeep
from activities.witness import Witness
from domain.ids import instruction_id
from domain.lifecycle.answers import Answered
from domain.lifecycle.notifying import NotNotified
from domain.lifecycle.profile import IdempotencyKind, InstructionKind, LookupKind
from domain.lifecycle.questions import TASK_DUE_WITHIN
from domain.payments.report import PaymentState, Source
from starter.away import TemporalAway
from store.clocks import StoreClocks
from store.keyring import Keyring
from store.notifications import Notifications
from store.payments import Escalated, Payments
from store.tables.lifecycles import LifecycleRow
from store.tasks import Tasks
from tests.clock import AgreedClocks, SteppedClock
from tests.fakes import ACCOUNT, BANK, profile
from tests.rounds import no_feeds, no_round
from tests.store.books import (
    PAYMENT,
    PAYMENTS,
    Store,
    accepted,
    exchange,
    in_doubt,
    refused,
    report,
)


class FakeRunner:
    """Notes what it was asked to start."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.away_after: int | None = None
        self.refused: set[str] = set()
        self.at_once = 0
        self.most_at_once = 0

    async def ensure_running(self, tenant: str, payment_id: str, kind: str = "payment") -> None:
        if self.away_after is not None and len(self.started) >= self.away_after:
            raise TemporalAway("gone")
        if payment_id in self.refused:
            raise NotNotified("it has 10,000 signals")
        self.started.append(payment_id)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest.fixture
def upkeep(store: Store, runner: FakeRunner, clock: SteppedClock) -> Upkeep:
    return Upkeep(
        payments=store.payments,
        inbox=store.inbox,
        notifications=Notifications(store.database),
        tasks=Tasks(store.database),
        rounds=store.rounds,
        witness=Witness(listers={}, strangers=store.strangers, clock=clock),
        back_fill=no_feeds(store.database, store.inbox, clock),
        runner=runner,
        clock=clock,
        clocks=AgreedClocks(clock, StoreClocks(store.database)),
        future=store.future,
        last_round=no_round,
    )


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


async def test_the_relay_starts_all_that_there_is_many_at_once(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("activities.upkeep._BATCH", 10)
    monkeypatch.setattr("activities.upkeep._AT_ONCE", 4)
    ids = await _accept(store, 25)
    clock.step(timedelta(minutes=1))
    assert await ActivityEnvironment().run(upkeep.relay) == 25
    assert sorted(runner.started) == sorted(ids)
    assert runner.most_at_once == 4


async def test_a_round_that_is_out_of_time_ends_and_the_next_one_goes_on(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("activities.upkeep._BATCH", 2)
    await _accept(store, 3)
    clock.step(timedelta(minutes=1))
    with monkeypatch.context() as hurried:
        hurried.setattr("activities.upkeep._Left.__bool__", lambda _: len(runner.started) < 2)
        assert await ActivityEnvironment().run(upkeep.relay) == 2
    assert await ActivityEnvironment().run(upkeep.relay) == 1


async def test_every_page_and_every_payment_is_a_heartbeat(
    store: Store, upkeep: Upkeep, clock: SteppedClock
) -> None:
    """Else a long round is given up by the server and begun again, for ever."""
    await _accept(store, 3)
    clock.step(timedelta(minutes=1))
    for step in (upkeep.relay, upkeep.sweep):
        beats: list[int] = []
        environment = ActivityEnvironment()
        environment.on_heartbeat = lambda *_, beats=beats: beats.append(1)
        await environment.run(step)
        assert len(beats) >= 6


async def test_a_run_that_cannot_be_told_keeps_no_other_waiting(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """A server refuses the ten thousandth signal of one run, and would each time."""
    ids = await _accept(store, 3)
    runner.refused = {ids[0]}
    clock.step(timedelta(minutes=1))
    await ActivityEnvironment().run(upkeep.relay)
    assert runner.started == ids[1:]
    assert f"{ids[0]}: its run cannot be notified" in caplog.text
    assert await ActivityEnvironment().run(upkeep.relay) == 0


async def test_a_payment_whose_run_was_terminated_is_found_when_its_step_is_late(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Nobody asks the server what runs: what is late is told, whatever the reason."""
    monkeypatch.setattr("activities.upkeep._BATCH", 2)
    ids = await _accept(store, 5)
    await store.payments.started(ids, clock.now())
    await store.begin("pay_4/pay/1")
    await store.sent(refused(store.clock.now(), instruction="pay_4/pay/1"), payment_id="pay_4")
    assert await ActivityEnvironment().run(upkeep.sweep) == 0
    clock.step(timedelta(minutes=1))
    assert await ActivityEnvironment().run(upkeep.sweep) == 4
    assert sorted(runner.started) == ids[:4]
    assert await ActivityEnvironment().run(upkeep.sweep) == 0


async def test_what_is_late_is_told_for_ever_also_after_a_long_absence_of_upkeep(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock
) -> None:
    await _accept(store, 1)
    clock.step(timedelta(days=3))
    assert await ActivityEnvironment().run(upkeep.sweep) == 1
    clock.step(timedelta(hours=6))
    assert await ActivityEnvironment().run(upkeep.sweep) == 1


async def test_a_payment_that_cannot_be_opened_keeps_no_other_waiting(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock
) -> None:
    ids = await _accept(store, 2)
    keyless = Keyring({"another": b"x" * 32}, "another")
    upkeep._payments = Payments(store.database, keyless, PAYMENTS)
    clock.step(timedelta(minutes=1))
    assert await ActivityEnvironment().run(upkeep.sweep) == 2
    assert await ActivityEnvironment().run(upkeep.sweep) == 0, "told, and again at a later age"
    clock.step(timedelta(minutes=9))
    assert await ActivityEnvironment().run(upkeep.sweep) == 2
    assert sorted(runner.started) == sorted([*ids, *ids])


async def test_everything_open_has_a_moment_at_which_it_is_told(store: Store) -> None:
    """No run is listed anywhere: a payment without such a moment would be lost with its run."""
    await _accept(store, 2)
    await store.begin("pay_1/pay/1")
    await store.sent(in_doubt(), payment_id="pay_1")
    rows = store.rows(lambda session: session.exec(select(LifecycleRow)).all())
    assert all(row.notify_at is not None and row.notify_at > store.clock.now() for row in rows)


async def _at_the_partner(store: Store, payment_id: str) -> None:
    """Accepted under the reference `at-` and its id, and its run noted as started."""
    instruction = instruction_id(payment_id, InstructionKind.PAY)
    await store.begin(instruction)
    told = accepted(store.clock.now(), reference=f"at-{payment_id}", instruction=instruction)
    await store.sent(told, payment_id=payment_id)
    await store.payments.started([payment_id], store.clock.now())


async def _deliver(store: Store, payment_id: str, event: str = "e1") -> None:
    await store.inbox.put(
        partner=BANK,
        partner_account=ACCOUNT,
        event_key=f"{event} of {payment_id}",
        partner_reference=f"at-{payment_id}",
        body=b"{}",
        now=store.clock.now(),
    )


async def _end(store: Store, payment_id: str) -> None:
    """Its end: refused, after it was accepted by word of the partner."""
    instruction = instruction_id(payment_id, InstructionKind.PAY)
    now = store.clock.now()
    rejected = report(now, PaymentState.REJECTED, reference=f"at-{payment_id}",
                      source=Source.READ, instruction=instruction)  # fmt: skip
    await store.read(Answered(rejected, exchange(now)), payment_id=payment_id)
    assert payment_id not in store.open()


async def test_the_relay_tells_a_payment_of_its_news_once(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock
) -> None:
    (payment_id,) = await _accept(store, 1)
    await _at_the_partner(store, payment_id)
    await _deliver(store, payment_id)
    assert await ActivityEnvironment().run(upkeep.relay) == 0, "too young: somebody tells it now"
    clock.step(timedelta(seconds=10))
    assert await ActivityEnvironment().run(upkeep.relay) == 1
    assert await ActivityEnvironment().run(upkeep.relay) == 0
    assert runner.started == [payment_id]
    await _deliver(store, payment_id, "e2")
    clock.step(timedelta(seconds=10))
    assert await ActivityEnvironment().run(upkeep.relay) == 1


async def test_the_relay_tells_again_what_it_could_not_tell(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock
) -> None:
    (payment_id,) = await _accept(store, 1)
    await _at_the_partner(store, payment_id)
    await _deliver(store, payment_id)
    clock.step(timedelta(seconds=10))
    runner.away_after = 0
    with pytest.raises(TemporalAway):
        await ActivityEnvironment().run(upkeep.relay)
    runner.away_after = None
    assert await ActivityEnvironment().run(upkeep.relay) == 1


async def test_news_starts_a_payment_at_its_end(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock
) -> None:
    (payment_id,) = await _accept(store, 1)
    await _at_the_partner(store, payment_id)
    await _end(store, payment_id)
    await _deliver(store, payment_id)
    clock.step(timedelta(seconds=10))
    assert await ActivityEnvironment().run(upkeep.relay) == 1
    assert runner.started == [payment_id]


async def test_news_that_came_before_the_reference_is_told_once_it_is_known(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock
) -> None:
    (payment_id,) = await _accept(store, 1)
    await store.payments.started([payment_id], clock.now())
    await _deliver(store, payment_id)
    clock.step(timedelta(seconds=10))
    assert await ActivityEnvironment().run(upkeep.relay) == 0
    await _at_the_partner(store, payment_id)
    assert await ActivityEnvironment().run(upkeep.relay) == 1


async def test_a_run_that_was_told_and_ended_before_it_read_is_told_again(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """It was terminated between: nobody else would tell the payment, which is at its end."""
    monkeypatch.setattr("activities.upkeep._BATCH", 1)
    ids = await _accept(store, 2)
    for payment_id in ids:
        await _at_the_partner(store, payment_id)
        await _deliver(store, payment_id)
    clock.step(timedelta(seconds=10))
    assert await ActivityEnvironment().run(upkeep.relay) == 2
    for payment_id in ids:
        await _end(store, payment_id)
    assert store.open() == []
    assert await ActivityEnvironment().run(upkeep.relay) == 0
    clock.step(timedelta(minutes=1))
    assert await ActivityEnvironment().run(upkeep.relay) == 2
    assert runner.started == [*ids, *ids]


async def test_the_sweep_names_overdue_questions_once(
    store: Store, upkeep: Upkeep, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    (payment_id,) = await _accept(store, 1)
    await _at_the_partner(store, payment_id)
    instruction = instruction_id(payment_id, InstructionKind.PAY)
    strange = report(clock.now(), None, reference=f"at-{payment_id}", source=Source.READ,
                     instruction=instruction)  # fmt: skip
    await store.read(Answered(strange, exchange(clock.now())), payment_id=payment_id)
    with caplog.at_level(logging.WARNING, "finality.upkeep"):
        clock.step(TASK_DUE_WITHIN)
        await ActivityEnvironment().run(upkeep.sweep)
        assert not caplog.records, "due now, and not over it"
        clock.step(timedelta(seconds=1))
        await ActivityEnvironment().run(upkeep.sweep)
        await ActivityEnvironment().run(upkeep.sweep)
    (said,) = [entry.getMessage() for entry in caplog.records]
    assert f"unmapped of {payment_id} (payments-operations, since" in said


async def test_a_run_that_is_late_with_a_step_is_told_of_it_now_and_then(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock
) -> None:
    """Its store was changed by somebody who was taken for dead: the run may wait for a day."""
    await _accept(store, 1)
    notified_at = []
    began = clock.now()
    for _ in range(3 * 60 * 3):
        clock.step(timedelta(seconds=20))
        runner.started.clear()
        await ActivityEnvironment().run(upkeep.sweep)
        if runner.started:
            notified_at.append(round((clock.now() - began).total_seconds() / 60))
    assert notified_at == [1, 10, 60], "not in every round"


async def test_a_run_that_waits_for_its_moment_is_left_alone(
    store: Store, upkeep: Upkeep, runner: FakeRunner, clock: SteppedClock
) -> None:
    (payment_id,) = await _accept(store, 1)
    await _at_the_partner(store, payment_id)
    await _end(store, payment_id)
    clock.step(timedelta(minutes=1, seconds=30))
    await ActivityEnvironment().run(upkeep.sweep)
    assert runner.started == []


async def test_where_the_time_runs_out_in_doubt_people_are_asked_at_once(
    store: Store, upkeep: Upkeep, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run only waits on: nothing that it does then would open the question."""

    async def no_rung_yet(self: Payments, now: datetime, *, limit: int) -> Escalated:
        return Escalated(0, [])

    monkeypatch.setattr(Payments, "escalate", no_rung_yet)
    await store.accept(as_of=profile(IdempotencyKind.REPLAY_STATE, LookupKind.NONE))
    await store.begin()
    await store.sent(in_doubt())
    view = await store.payments.view(PAYMENT)
    tasks = Tasks(store.database)
    assert await tasks.open(limit=9) == []
    while clock.now() < view.submit_before + timedelta(minutes=3):
        clock.step(timedelta(seconds=20))
        await ActivityEnvironment().run(upkeep.sweep)
    assert [task.kind for task in await tasks.open(limit=9)] == ["parked"]


async def test_it_beats_while_a_partner_is_slow_to_list(
    upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed server forgets who has the step: only missed beats give it to somebody else."""
    monkeypatch.setattr("activities.upkeep._BEAT_SECONDS", 0.001)
    answered, beats = asyncio.Event(), 0

    def beat(*_: object) -> None:
        nonlocal beats
        beats += 1
        if beats > 3:
            answered.set()

    async def compare_all() -> None:
        await answered.wait()

    monkeypatch.setattr(upkeep._witness, "compare_all", compare_all)
    environment = ActivityEnvironment()
    environment.on_heartbeat = beat
    await environment.run(upkeep.compare_with_partners)
    assert beats > 3


class Filled:
    """Has found events about these."""

    def __init__(self, *news: tuple[str, str]) -> None:
        self._news = list(news)

    async def catch_up(self) -> list[tuple[str, str]]:
        return self._news


async def test_payments_about_which_a_partner_lists_events_are_notified_at_once(
    store: Store, upkeep: Upkeep, runner: FakeRunner
) -> None:
    [payment_id] = await _accept(store, 1)
    upkeep._back_fill = Filled(("shop", payment_id))  # type: ignore[assignment]
    await ActivityEnvironment().run(upkeep.compare_with_partners)
    assert runner.started == [payment_id]
