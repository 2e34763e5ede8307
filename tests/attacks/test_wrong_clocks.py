"""A process whose clock is wrong does nothing, and what such a clock dated before is dated anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from activities.clocks import Clocks
from activities.messages import ResourceRef
from activities.upkeep import Upkeep
from domain.clock import APART_MAX, ClocksApart
from domain.lifecycle.answers import Absent, NotReady, Read
from domain.lifecycle.next_step import Owed
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import AttemptResult, LookupResult, Move
from domain.payments.answers import Subject
from domain.payments.due import due
from domain.payments.order import Times
from domain.payments.report import PaymentState
from store.clocks import StoreClocks
from store.database import Database
from store.logins import LEASE, Logins
from store.payments import Payments
from store.tables.lifecycles import AttemptRow, LifecycleRow, LookupRow
from store.tables.people import TaskRow
from tests.activities.steps import Steps, in_its_run, steps_of
from tests.activities.test_upkeep import FakeRunner, runner, upkeep
from tests.attacks.test_clocks import HOUR, SECOND
from tests.clock import START, SteppedClock
from tests.fakes import FakePartner, order, profile
from tests.performing import performing
from tests.store.books import INSTRUCTION, KEYRING, PAYMENT, PAYMENTS, Store, exchange
from tests.words import Word

__all__ = ["runner", "upkeep"]

FIFTEEN_DAYS = timedelta(days=15)
RETURNED = Word("failed", PaymentState.RETURNED, returned_minor=12_345)


def _payment(store: Store) -> LifecycleRow:
    return store.rows(lambda session: session.get_one(LifecycleRow, PAYMENT))


def _attempts(store: Store) -> list[AttemptRow]:
    return list(store.rows(lambda session: session.exec(select(AttemptRow)).all()))


def _open_tasks(store: Store) -> list[str]:
    rows = store.rows(lambda session: session.exec(select(TaskRow)).all())
    return [row.question for row in rows if row.closed_at is None]


@pytest.mark.parametrize(
    ("ahead", "says"),
    [(FIFTEEN_DAYS, "15 days ahead of"), (-HOUR, "1 hour behind"), (31 * SECOND, "31 seconds")],
)
async def test_a_step_by_a_wrong_clock_sends_and_asks_nothing_and_a_person_is_asked(
    store: Store, clock: SteppedClock, ahead: timedelta, says: str
) -> None:
    steps = await steps_of(store)
    steps.server = SteppedClock(START)
    clock.step(ahead)
    for step in (steps.instruct, steps.read):
        with pytest.raises(ClocksApart, match=says):
            await step()
    assert steps.partner.calls == []
    assert _attempts(store) == []
    row = _payment(store)
    assert row.updated_at == START
    assert row.not_before is not None
    assert row.not_before <= START + timedelta(minutes=1)
    of_the_clock, of_the_payment = sorted(_open_tasks(store), key=lambda one: "set it" in one)
    assert says in of_the_clock
    assert says in of_the_payment
    assert says in (row.waiting_for or "")


async def test_a_load_by_a_wrong_clock_gives_no_payment_up(
    store: Store, clock: SteppedClock
) -> None:
    """A load compares no clocks. So what is due is decided by Temporal's time, not by ours."""
    times = Times(submit_before=START + HOUR, execute_by=START + 2 * HOUR)
    await store.accept(of=order(START, times=times))
    clock.step(FIFTEEN_DAYS)
    ref = ResourceRef(tenant="shop", resource_id=PAYMENT, at=START)
    known = await in_its_run().run(store.payment_store().load, ref)
    assert known.due.owed is Owed.INSTRUCT
    late = ref.model_copy(update={"at": START + 2 * HOUR})
    assert (await in_its_run().run(store.payment_store().load, late)).due.owed is Owed.GIVE_UP


async def test_a_clock_within_the_tolerance_works_and_one_that_is_mended_goes_on(
    store: Store, clock: SteppedClock
) -> None:
    steps = await steps_of(store)
    steps.server = SteppedClock(START)
    clock.step(FIFTEEN_DAYS)
    with pytest.raises(ClocksApart):
        await steps.instruct()
    assert store.clocks.apart.is_set()
    clock.step(APART_MAX - FIFTEEN_DAYS)
    assert (await steps.instructed()).payment.certainty is Certainty.SENT
    assert not store.clocks.apart.is_set()
    assert _open_tasks(store) == []


async def test_a_round_of_upkeep_by_a_wrong_clock_asks_no_partner_what_it_holds(
    store: Store, clock: SteppedClock, upkeep: Upkeep
) -> None:
    """A list asked for from the future on would pass over what is created until then."""
    upkeep._clocks = store.clocks
    clock.step(FIFTEEN_DAYS)
    with pytest.raises(ClocksApart):
        await performing(SteppedClock(START)).run(upkeep.compare_with_partners)


async def test_what_each_process_found_is_kept_for_people(
    store: Store, clock: SteppedClock
) -> None:
    steps = await steps_of(store)
    steps.server = SteppedClock(START)
    clock.step(-HOUR)
    with pytest.raises(ClocksApart):
        await steps.read()
    [found] = await StoreClocks(store.database).compared()
    assert (found.process, found.read_at) == ("this worker", START)
    assert found.differences == (-HOUR,)


class Jumps(FakePartner):
    """The machine's clock jumps while a question is on its way."""

    by: timedelta = FIFTEEN_DAYS

    async def read(self, subject: Subject) -> Read:
        assert isinstance(self.clock, SteppedClock)
        self.clock.step(self.by)
        return await super().read(subject)


async def test_a_clock_that_jumps_during_a_read_makes_nothing_final(
    store: Store, clock: SteppedClock
) -> None:
    steps = await _settled(store)
    clocks = Clocks(clock, StoreClocks(store.database), elapsed=lambda: 0.0)
    steps.activities._clocks = clocks
    jumps = Jumps(profile(), clock, book=steps.partner.book)
    steps.activities._partners = dict.fromkeys(steps.activities._partners, jumps)
    assert (await steps.was_read()).payment.state is PaymentState.SETTLED
    asked_at = _payment(store).last_asked_at
    assert asked_at is not None
    assert asked_at <= START + APART_MAX


async def _settled(store: Store) -> Steps:
    steps = await steps_of(store)
    await steps.instruct()
    assert (await steps.was_read()).payment.state is PaymentState.SETTLED
    return steps


# What an earlier release let such a clock write


async def _read_ahead(store: Store, clock: SteppedClock, ahead: timedelta) -> Steps:
    """Settled, read once more by a clock that was ahead, and that clock is mended."""
    steps = await _settled(store)
    clock.step(ahead)
    assert (await steps.was_read()).payment.state is PaymentState.FINAL
    clock.step(-ahead)
    return steps


async def test_a_payment_made_final_by_a_clock_ahead_is_watched_again(
    store: Store, clock: SteppedClock, upkeep: Upkeep, runner: FakeRunner
) -> None:
    steps = await _read_ahead(store, clock, FIFTEEN_DAYS)
    await performing(clock).run(upkeep.sweep)
    assert runner.started == [PAYMENT]
    view = await store.payments.view(PAYMENT)
    assert view.payment.state is PaymentState.SETTLED
    assert any("by a clock that was ahead" in f.text for f in view.payment.findings)
    assert due(view, clock.now()).owed is Owed.READ, "a real return would be heard"
    steps.partner.says(RETURNED)
    assert (await steps.was_read()).payment.state is PaymentState.RETURNED
    runner.started.clear()
    await performing(clock).run(upkeep.sweep)
    assert runner.started == [], "mended once"


async def test_a_question_dated_in_the_future_makes_nobody_deaf_and_no_loop(
    store: Store, clock: SteppedClock
) -> None:
    steps = await _settled(store)
    clock.step(FIFTEEN_DAYS / 2)
    await steps.was_read()
    clock.step(-FIFTEEN_DAYS / 2)
    assert due(await store.payments.view(PAYMENT), clock.now()).owed is Owed.READ
    view = await steps.was_read()
    assert view.last_asked_at == clock.now()
    assert due(view, clock.now()).owed is Owed.WAIT


async def test_an_attempt_dated_in_the_future_ends_in_its_own_time(
    store: Store, clock: SteppedClock
) -> None:
    steps = await steps_of(store)
    clock.step(timedelta(minutes=50))
    assert (await store.begin()).move is Move.SEND  # And the worker dies.
    clock.step(-timedelta(minutes=50))
    owed = due(await store.payments.view(PAYMENT), clock.now())
    assert owed.owed is Owed.INSTRUCT, "else it would wait for 50 minutes"
    view = await steps.instructed()
    [attempt] = view.instructions[0].book.attempts
    assert attempt.result is AttemptResult.OPEN
    assert clock.now() < attempt.ends_by <= clock.now() + timedelta(seconds=3)
    assert due(view, clock.now()).owed is Owed.WAIT, "its writer may still be at work"
    clock.step(timedelta(minutes=1))
    for _ in range(5):
        view = await steps.instructed()
        clock.step(SECOND)
    assert view.payment.certainty is Certainty.SENT
    assert len(steps.partner.effects) == 1


async def test_an_empty_answer_dated_in_the_future_proves_nothing(
    store: Store, clock: SteppedClock
) -> None:
    steps = await steps_of(store)
    assert (await store.begin()).move is Move.SEND  # And the worker dies.
    clock.step(HOUR / 2)
    assert (await store.begin()).move is Move.LOOK_UP
    await store.looked_up(Absent(clock.now(), exchange(clock.now())))
    clock.step(-HOUR / 2 + 10 * SECOND)
    assert due(await store.payments.view(PAYMENT), clock.now()).owed is Owed.INSTRUCT
    await steps.instruct()
    lookups = store.rows(lambda session: session.exec(select(LookupRow)).all())
    assert {row.result for row in lookups} <= {LookupResult.CANNOT_TELL, LookupResult.ABSENT}
    assert all(row.asked_at <= clock.now() for row in lookups)
    assert [row.result for row in lookups].count(LookupResult.CANNOT_TELL) == 1


async def test_checks_passed_in_the_future_do_not_hold(store: Store, clock: SteppedClock) -> None:
    await store.accept()
    clock.step(HOUR / 2)
    await store.check()
    clock.step(-HOUR / 2)
    draft = await store.book.draft(INSTRUCTION, clock.now())
    assert draft.move is Move.CHECK


async def test_a_login_leased_by_a_clock_ahead_blocks_nobody(
    store: Store, clock: SteppedClock
) -> None:
    logins = Logins(store.database, store.keyring, clock, "bank")
    clock.step(FIFTEEN_DAYS)
    assert await logins.claim("we", "hash") is None
    clock.step(-FIFTEEN_DAYS)
    assert await logins.claim("we", "hash") is None, "whoever leased it is long dead"
    assert isinstance(await logins.claim("we", "hash"), NotReady), "a lease of today holds"
    clock.step(LEASE)
    assert await logins.claim("we", "hash") is None
    clock.step(FIFTEEN_DAYS)
    await logins.unclear("we", "hash", may_have_counted=True)
    clock.step(-FIFTEEN_DAYS)
    assert await logins.claim("we", "hash") is None, "a back-off until then would last 15 days"


# The database's own clock


async def _accept(database: Database, at: datetime) -> None:
    await Payments(database, KEYRING, PAYMENTS).accept(
        order(at), key="k", fingerprint="f", payment_id=PAYMENT, profile=profile(), now=at
    )


async def test_an_order_is_not_taken_by_a_clock_that_differs_from_the_database(
    real: Database,
) -> None:
    now = datetime.now(UTC)
    if real.kind == "sqlite":  # Only what others recorded contradicts us there.
        await StoreClocks(real).keep(
            "a worker", now, ahead_of_temporal=timedelta(0), ahead_of_database=None
        )
        with pytest.raises(ClocksApart, match="1 hour behind what the store has recorded"):
            await _accept(real, now - HOUR)
    else:
        for wrong in (FIFTEEN_DAYS, -HOUR):
            with pytest.raises(ClocksApart, match="the database's clock"):
                await _accept(real, now + wrong)
    await _accept(real, now)


async def test_no_moment_after_the_database_s_own_is_stored(real: Database) -> None:
    if real.kind == "sqlite":
        return  # It has no clock.
    await _accept(real, datetime.now(UTC) + 20 * SECOND)
    row = real.read_now(lambda session: session.get_one(LifecycleRow, PAYMENT))
    assert row.created_at <= datetime.now(UTC)


async def test_a_clock_that_was_apart_says_nothing_of_what_time_it_is(real: Database) -> None:
    clocks, now = StoreClocks(real), datetime.now(UTC)
    await clocks.keep("a", now + HOUR, ahead_of_temporal=-HOUR, ahead_of_database=None)
    assert await clocks.latest() is None
    await clocks.keep("b", now, ahead_of_temporal=timedelta(0), ahead_of_database=None)
    assert await clocks.latest() == now


async def test_a_step_compares_its_clock_with_the_database_too(real: Database) -> None:
    """Temporal and our machine agree, and PostgreSQL is on a machine whose clock is wrong."""
    wrong = SteppedClock(datetime.now(UTC) - HOUR)
    clocks = Clocks(wrong, StoreClocks(real))
    if real.kind == "sqlite":
        await clocks.compare(wrong.now())
        return
    with pytest.raises(ClocksApart, match="1 hour behind the database's clock"):
        await clocks.compare(wrong.now())


async def test_a_step_that_stood_still_before_it_began_is_late_and_its_clock_is_right(
    store: Store, clock: SteppedClock
) -> None:
    since_start = clock.now()

    def elapsed() -> float:
        return (clock.now() - since_start).total_seconds()

    clocks = Clocks(clock, StoreClocks(store.database), elapsed=elapsed)
    await clocks.compare(clock.now())
    begun = clock.now()
    clock.step(HOUR)
    assert (await clocks.compare(begun)).now() == clock.now()
