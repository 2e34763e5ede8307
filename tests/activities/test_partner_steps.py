"""One step with a partner: what it asks, what it sends, what it records, whatever happens."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from temporalio.testing import ActivityEnvironment

from activities.partner_steps import PartnerSteps, Step, StepRequest
from activities.payment_store import PaymentRef, PaymentStore
from domain.answers import NotReady, Unprepared, Untold
from domain.heard import Heard
from domain.payment import Certainty
from domain.profile import Idempotency, IdempotencyKind, InstructionKind, LookupKind, Profile
from domain.report import PaymentState
from domain.sending import AttemptResult, Closed, LookupResult
from domain.view import PaymentView
from tests.fakes import (
    ACCOUNT,
    BANK,
    COMPLETED,
    REJECTED,
    FakePartner,
    OnFind,
    OnSend,
    SteppedClock,
    profile,
)
from tests.local.polling import until
from tests.store.books import INSTRUCTION, PAYMENT, Store, accepted, report

MINUTE = timedelta(minutes=1)
REQUEST = StepRequest(payment_id=PAYMENT, instruction_id=INSTRUCTION)


class Steps:
    """The partner's activities, run as a worker would run them."""

    def __init__(self, store: Store, partner: FakePartner) -> None:
        self.store = store
        self.partner = partner
        self.environment = ActivityEnvironment()
        self.environment.info = dataclasses.replace(
            self.environment.info,
            started_time=store.clock.now(),
            start_to_close_timeout=timedelta(minutes=3),
        )
        self.activities = PartnerSteps(
            partners={(BANK, ACCOUNT): partner},
            book=store.book,
            payments=store.payments,
            inbox=store.inbox,
            clock=store.clock,
            store_away=(OperationalError,),
        )

    async def instruct(self) -> Step:
        step: Step = await self.environment.run(self.activities.instruct, REQUEST)
        return step

    async def read(self) -> Step:
        step: Step = await self.environment.run(self.activities.read, REQUEST)
        return step

    async def instructed(self) -> PaymentView:
        """Instruct, with the store at hand."""
        view = (await self.instruct()).view
        assert view is not None
        return view

    async def was_read(self) -> PaymentView:
        view = (await self.read()).view
        assert view is not None
        return view


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def store(tmp_path: Path, clock: SteppedClock) -> Iterator[Store]:
    made = Store(tmp_path / "finality.db", clock)
    yield made
    made.close()


async def _steps(store: Store, of: Profile | None = None) -> Steps:
    """A recorded order, and a partner of that profile."""
    behaviour = of or profile()
    await store.accept(as_of=behaviour)
    return Steps(store, FakePartner(behaviour, store.clock))


async def test_the_first_step_prepares_and_sends(store: Store) -> None:
    steps = await _steps(store)
    view = await steps.instructed()
    assert steps.partner.calls == ["ready", "prepare", "submit"]
    assert view.payment.state is PaymentState.ACCEPTED
    assert view.payment.certainty is Certainty.SENT
    assert len(steps.partner.effects) == 1


async def test_a_step_run_again_sends_nothing(store: Store) -> None:
    steps = await _steps(store)
    first = await steps.instructed()
    for _ in range(3):
        assert (await steps.instructed()).payment == first.payment
    assert steps.partner.count("submit") == 1


async def test_two_workers_with_one_step_send_once(store: Store) -> None:
    steps = await _steps(store)
    other = Steps(store.beside(), steps.partner)
    await asyncio.gather(steps.instruct(), other.instruct(), steps.instruct(), other.instruct())
    assert steps.partner.count("submit") == 1
    assert len(steps.partner.effects) == 1
    other.store.close()


async def test_a_lost_reply_is_found_by_asking(store: Store, clock: SteppedClock) -> None:
    steps = await _steps(store)
    steps.partner.on_send.append(OnSend.LOST_AFTER)
    view = await steps.instructed()
    assert view.payment.certainty is Certainty.UNKNOWN
    clock.step(MINUTE)
    view = await steps.instructed()
    assert steps.partner.calls[-2:] == ["ready", "find"]
    assert view.payment.certainty is Certainty.SENT
    assert len(steps.partner.effects) == 1


async def test_a_lost_reply_is_sent_again_only_where_the_key_is_honoured(
    store: Store, clock: SteppedClock
) -> None:
    steps = await _steps(store, profile(IdempotencyKind.REPLAY_RESPONSE))
    steps.partner.on_send.append(OnSend.FAILS_AFTER)
    await steps.instruct()
    clock.step(MINUTE)
    view = await steps.instructed()
    assert view.payment.certainty is Certainty.SENT
    assert [request.body for request in steps.partner.sent] == [steps.partner.sent[0].body] * 2
    assert len(steps.partner.effects) == 1
    assert steps.partner.count("prepare") == 1


async def test_what_never_arrived_is_sent_again_after_two_empty_answers(
    store: Store, clock: SteppedClock
) -> None:
    steps = await _steps(store)
    steps.partner.on_send.append(OnSend.LOST_BEFORE)
    await steps.instruct()
    for _ in range(2):
        clock.step(MINUTE)
        view = await steps.instructed()
        assert view.payment.certainty is Certainty.UNKNOWN
    clock.step(MINUTE)
    view = await steps.instructed()
    assert steps.partner.calls == ["ready", "prepare", "submit", *["ready", "find"] * 2,
                                   "ready", "submit"]  # fmt: skip
    assert view.payment.certainty is Certainty.SENT
    assert len(steps.partner.effects) == 1


async def test_one_wrongly_empty_answer_sends_nothing(store: Store, clock: SteppedClock) -> None:
    steps = await _steps(store)
    steps.partner.on_send.append(OnSend.LOST_AFTER)
    steps.partner.on_find.append(OnFind.EMPTY)
    await steps.instruct()
    clock.step(MINUTE)
    await steps.instruct()
    clock.step(MINUTE)
    view = await steps.instructed()
    assert view.payment.certainty is Certainty.SENT
    assert steps.partner.count("submit") == 1


@pytest.mark.parametrize("befalls", [OnFind.ANOTHERS, OnFind.CANNOT_TELL])
async def test_a_lookup_that_shows_another_or_nothing_whole_proves_nothing(
    store: Store, clock: SteppedClock, befalls: OnFind
) -> None:
    steps = await _steps(store)
    await store.accept("other", payment_id="pay_0")
    await store.begin("pay_0/pay/1")
    await store.sent(
        accepted(clock.now(), reference=steps.partner.foreign_reference), payment_id="pay_0"
    )
    steps.partner.on_send.append(OnSend.LOST_AFTER)
    steps.partner.on_find.extend([befalls] * 3)
    await steps.instruct()
    for _ in range(3):
        clock.step(MINUTE)
        view = await steps.instructed()
        assert view.instructions[0].book.lookups[-1].result is LookupResult.CANNOT_TELL
        assert view.payment.certainty is Certainty.UNKNOWN
    clock.step(MINUTE)
    view = await steps.instructed()
    assert view.payment.certainty is Certainty.SENT
    assert steps.partner.count("submit") == 1


async def test_an_attempt_under_way_elsewhere_is_left_alone(store: Store) -> None:
    steps = await _steps(store)
    await store.begin()
    view = await steps.instructed()
    assert steps.partner.calls == []
    assert view.payment.state is PaymentState.SUBMITTING


async def test_in_doubt_without_any_way_to_tell_is_parked(
    store: Store, clock: SteppedClock
) -> None:
    steps = await _steps(store, profile(IdempotencyKind.NONE, LookupKind.NONE))
    steps.partner.on_send.append(OnSend.LOST_AFTER)
    await steps.instruct()
    clock.step(MINUTE)
    calls = list(steps.partner.calls)
    view = await steps.instructed()
    assert steps.partner.calls == calls, "a parked payment was touched"
    assert view.payment.certainty is Certainty.UNKNOWN


async def test_an_order_that_ran_out_unsent_expires(store: Store, clock: SteppedClock) -> None:
    steps = await _steps(store)
    clock.step(timedelta(hours=1))
    view = await steps.instructed()
    assert view.payment.state is PaymentState.EXPIRED
    assert steps.partner.calls == []


async def test_a_partner_that_is_not_ready_is_told_nothing(
    store: Store, clock: SteppedClock
) -> None:
    steps = await _steps(store)
    steps.partner.not_ready = NotReady("logging in elsewhere", clock.now() + MINUTE)
    view = await steps.instructed()
    assert steps.partner.calls == ["ready"]
    assert (view.not_before, view.waiting_for) == (clock.now() + MINUTE, "logging in elsewhere")
    assert view.payment.state is PaymentState.CREATED
    steps.partner.not_ready = None
    clock.step(MINUTE)
    assert (await steps.instructed()).not_before is None


async def test_a_refused_preparation_rejects_the_payment(
    store: Store, clock: SteppedClock
) -> None:
    steps = await _steps(store)
    no = report(clock.now(), PaymentState.REJECTED, reference=None, reason="account closed")
    steps.partner.unprepared = Unprepared("the creditor's account is closed", refused=no)
    view = await steps.instructed()
    assert view.payment.state is PaymentState.REJECTED
    assert view.payment.certainty is Certainty.NOT_SENT
    assert view.instructions[0].book.closed is Closed.REFUSED
    assert steps.partner.sent == []


async def test_a_postponed_preparation_is_tried_again_later(
    store: Store, clock: SteppedClock
) -> None:
    steps = await _steps(store)
    at = clock.now() + 5 * MINUTE
    steps.partner.unprepared = Unprepared("busy", retry_at=at)
    view = await steps.instructed()
    assert (view.not_before, view.waiting_for) == (at, "busy")
    steps.partner.unprepared = None
    clock.step(5 * MINUTE)
    assert (await steps.instructed()).payment.state is PaymentState.ACCEPTED


async def test_a_burnt_key_is_replaced_with_a_request_of_its_own(
    store: Store, clock: SteppedClock
) -> None:
    made = profile(IdempotencyKind.REPLAY_RESPONSE)
    caches = Idempotency(kind=IdempotencyKind.REPLAY_RESPONSE, caches_errors=True)
    pay = made.operation(InstructionKind.PAY).model_copy(update={"idempotency": caches})
    steps = await _steps(store, made.model_copy(update={"operations": {InstructionKind.PAY: pay}}))
    steps.partner.on_send.append(OnSend.FAILS_BEFORE)
    await steps.instruct()
    for _ in range(3):
        clock.step(MINUTE)
        view = await steps.instructed()
    assert view.payment.certainty is Certainty.SENT
    first, second = steps.partner.sent
    assert first.key != second.key
    assert second.body.startswith(second.key.encode())
    assert len(steps.partner.effects) == 1


async def test_a_refused_send_ends_it(store: Store) -> None:
    steps = await _steps(store)
    steps.partner.on_send.append(OnSend.REFUSED)
    view = await steps.instructed()
    assert view.payment.state is PaymentState.REJECTED
    assert view.payment.reason == REJECTED.reason


async def test_a_read_records_what_the_partner_says(store: Store, clock: SteppedClock) -> None:
    steps = await _steps(store)
    await steps.instruct()
    clock.step(MINUTE)
    view = await steps.was_read()
    assert view.payment.state is PaymentState.SETTLED
    assert view.payment.partner_status == COMPLETED.text
    assert view.last_asked_at == clock.now()


async def test_a_read_without_answer_keeps_the_state_and_the_partners_wish(
    store: Store, clock: SteppedClock
) -> None:
    steps = await _steps(store)
    before = await steps.instructed()
    clock.step(MINUTE)
    steps.partner.unread = Untold("429", retry_at=clock.now() + MINUTE)
    view = await steps.was_read()
    assert view.payment == before.payment
    assert (view.not_before, view.waiting_for) == (clock.now() + MINUTE, "429")


async def test_a_read_waits_for_the_login_too(store: Store, clock: SteppedClock) -> None:
    steps = await _steps(store)
    await steps.instruct()
    steps.partner.not_ready = NotReady("no token", clock.now() + MINUTE)
    assert (await steps.was_read()).waiting_for == "no token"
    assert steps.partner.count("read") == 0


class _AwayFor:
    """Stands before the book's `record` and is away for a number of calls."""

    def __init__(self, store: Store, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = times
        self.calls = 0
        record = store.book.record

        async def away(heard: Heard) -> PaymentView:
            self.calls += 1
            if self.left:
                self.left -= 1
                raise OperationalError("INSERT", {}, Exception("database is locked"))
            return await record(heard)

        monkeypatch.setattr(store.book, "record", away)


async def test_what_was_heard_is_recorded_as_soon_as_the_store_is_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = await _steps(store)
    away = _AwayFor(store, 2, monkeypatch)
    view = await steps.instructed()
    assert away.calls == 3
    assert view.payment.certainty is Certainty.SENT
    assert steps.partner.count("submit") == 1


async def test_what_cannot_be_recorded_in_time_is_handed_over(
    store: Store, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = await _steps(store)
    steps.environment.info = dataclasses.replace(
        steps.environment.info, started_time=clock.now() - timedelta(minutes=3)
    )
    away = _AwayFor(store, 1, monkeypatch)
    step = await steps.instruct()
    assert step.view is None
    assert step.unrecorded is not None
    assert away.calls == 1

    # As the workflow does it, through Temporal: the values survive the way.
    carried = Step.model_validate_json(step.model_dump_json())
    assert carried == step
    assert carried.unrecorded is not None
    activities = PaymentStore(payments=store.payments, book=store.book)
    view = await ActivityEnvironment().run(activities.record, carried.unrecorded)
    assert view.payment.certainty is Certainty.SENT
    assert view.payment.partner_reference == steps.partner.effects[0].reference


async def test_a_bug_while_recording_is_not_taken_for_a_store_that_is_away(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = await _steps(store)

    async def broken(_: Heard) -> PaymentView:
        raise ZeroDivisionError

    monkeypatch.setattr(store.book, "record", broken)
    with pytest.raises(ZeroDivisionError):
        await steps.instruct()


async def test_cancelled_in_the_middle_of_a_send_it_still_records(store: Store) -> None:
    steps = await _steps(store)
    steps.partner.gate = asyncio.Event()
    running = asyncio.create_task(steps.instruct())
    while not steps.partner.effects:
        await asyncio.sleep(0)
    steps.environment.cancel()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not running.done()
    steps.partner.gate.set()
    step = await running
    assert step.view is not None
    assert step.view.payment.certainty is Certainty.SENT


async def test_a_bug_of_the_adapter_leaves_the_attempt_in_doubt(
    store: Store, clock: SteppedClock
) -> None:
    steps = await _steps(store)
    steps.partner.on_send.append(OnSend.BUG_AFTER)
    with pytest.raises(RuntimeError):
        await steps.instruct()
    view = await store.payments.view(PAYMENT)
    assert view.instructions[0].book.attempts[0].result is AttemptResult.OPEN
    assert view.payment.certainty is Certainty.UNKNOWN
    clock.step(MINUTE)
    assert (await steps.instructed()).payment.certainty is Certainty.SENT
    assert len(steps.partner.effects) == 1


async def test_an_unknown_partner_account_is_named_with_the_remedy(store: Store) -> None:
    steps = await _steps(store)
    steps.activities._partners = {}
    with pytest.raises(LookupError, match=r"'main' of 'bank' is not in the settings.*add it"):
        await steps.instruct()


async def test_it_beats_while_the_partner_is_slow(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.partner_steps._BEAT_SECONDS", 0.001)
    steps = await _steps(store)
    steps.partner.gate = asyncio.Event()
    beats: list[Any] = []
    steps.environment.on_heartbeat = lambda *details: beats.append(details)
    running = asyncio.create_task(steps.instruct())
    await asyncio.to_thread(until, lambda: len(beats) > 3, "heartbeats")
    steps.partner.gate.set()
    await running


async def test_loading_gives_the_payment_as_it_stands(store: Store) -> None:
    await store.accept()
    activities = PaymentStore(payments=store.payments, book=store.book)
    ref = PaymentRef(tenant="shop", payment_id=PAYMENT)
    view = await ActivityEnvironment().run(activities.load, ref)
    assert view == await store.payments.view(PAYMENT)
