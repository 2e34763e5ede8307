"""A step whose store, worker, partner or code lets it down: what was heard is never lost."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlmodel import Session, SQLModel, delete
from temporalio.exceptions import ApplicationError

from activities import partner_steps
from activities.messages import ResourceRef, Step
from domain.lifecycle.heard import Heard
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import AttemptResult
from domain.payments.due import due
from domain.payments.view import PaymentView
from store.faults import StoreAway
from store.halts import Halts
from store.tables.lifecycles import InstructionRow
from store.tables.partners import ReferenceRow
from tests.activities.steps import in_its_run, steps_of
from tests.clock import SteppedClock
from tests.polling import until
from tests.store.books import INSTRUCTION, PAYMENT, Store
from tests.words import OnSend

MINUTE = timedelta(minutes=1)


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
                raise StoreAway("locked")
            view: PaymentView = await record(heard)
            return view

        monkeypatch.setattr(store.book, "record", away)


async def test_what_was_heard_is_recorded_as_soon_as_the_store_is_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = await steps_of(store)
    away = _AwayFor(store, 2, monkeypatch)
    view = await steps.instructed()
    assert away.calls == 3
    assert view.payment.certainty is Certainty.SENT
    assert steps.partner.count("submit") == 1


async def test_what_cannot_be_recorded_in_time_is_handed_over(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = await steps_of(store)
    steps.environment.info = dataclasses.replace(
        steps.environment.info, start_to_close_timeout=timedelta(seconds=10)
    )
    away = _AwayFor(store, 1, monkeypatch)
    step = await steps.instruct()
    assert step.next is None
    assert step.unrecorded is not None
    assert away.calls == 1

    # As the workflow does it, through Temporal: the values survive the way.
    carried = Step.model_validate_json(step.model_dump_json())
    assert carried == step
    assert carried.unrecorded is not None
    activities = store.payment_store()
    await in_its_run().run(activities.record, carried.unrecorded)
    view = await store.payments.view(PAYMENT)
    assert view.payment.certainty is Certainty.SENT
    assert view.payment.partner_reference == steps.partner.effects[0].reference


async def test_a_bug_while_recording_is_not_taken_for_a_store_that_is_away(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = await steps_of(store)

    async def broken(_: Heard) -> PaymentView:
        raise ZeroDivisionError

    monkeypatch.setattr(store.book, "record", broken)
    with pytest.raises(ZeroDivisionError):
        await steps.instruct()


async def test_cancelled_in_the_middle_of_a_send_it_still_records(store: Store) -> None:
    steps = await steps_of(store)
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
    assert step.next is not None
    assert step.next.certainty == Certainty.SENT


async def test_a_bug_of_the_adapter_leaves_the_attempt_in_doubt(
    store: Store, clock: SteppedClock
) -> None:
    steps = await steps_of(store)
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
    steps = await steps_of(store)
    steps.activities._partners = {}
    with pytest.raises(LookupError, match=r"'main' of 'bank' is not in the settings.*add it"):
        await steps.instruct()


async def test_it_beats_while_the_partner_is_slow(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.partner_steps._BEAT_SECONDS", 0.001)
    steps = await steps_of(store)
    steps.partner.gate = asyncio.Event()
    beats: list[Any] = []
    steps.environment.on_heartbeat = lambda *details: beats.append(details)
    running = asyncio.create_task(steps.instruct())
    await asyncio.to_thread(until, lambda: len(beats) > 3, "heartbeats")
    steps.partner.gate.set()
    await running


async def test_what_waits_for_the_store_too_long_is_handed_over_and_recorded_once(
    store: Store, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock, or a server that does not answer, may take longer than the step has left."""
    monkeypatch.setattr(partner_steps, "_LAST_TRY", timedelta(milliseconds=200))
    steps = await steps_of(store)
    steps.environment.info = dataclasses.replace(
        steps.environment.info, start_to_close_timeout=timedelta(seconds=10, milliseconds=200)
    )
    record, waits = store.book.record, asyncio.Event()
    late: list[asyncio.Task[PaymentView]] = []

    async def slow(heard: Heard) -> PaymentView:
        async def at_last() -> PaymentView:
            await waits.wait()
            view: PaymentView = await record(heard)
            return view

        late.append(asyncio.create_task(at_last()))
        clock.step(timedelta(seconds=1))
        return await asyncio.shield(late[0])

    monkeypatch.setattr(store.book, "record", slow)
    step = await steps.instruct()
    assert step.unrecorded is not None
    waits.set()
    first = await late[0]
    monkeypatch.undo()
    await in_its_run().run(store.payment_store().record, step.unrecorded)
    assert (await store.payments.view(PAYMENT)).payment == first.payment
    assert first.payment.certainty is Certainty.SENT


async def test_loading_tells_how_the_payment_stands_and_what_is_due(store: Store) -> None:
    await store.accept()
    activities = store.payment_store()
    ref = ResourceRef(tenant="shop", resource_id=PAYMENT)
    known = await in_its_run().run(activities.load, ref)
    view = await store.payments.view(PAYMENT)
    assert known.due == due(view, store.clock.now())
    assert (known.state, known.attempts) == (view.payment.state, {str(INSTRUCTION): 0})
    assert known.labels == (await store.payments.loaded(PAYMENT))[1]


async def test_nothing_is_sent_if_the_attempt_cannot_be_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = await steps_of(store)

    def full(*_: object) -> None:
        raise StoreAway("the disk is full")

    monkeypatch.setattr(store.book, "_open_attempt", full)
    with pytest.raises(StoreAway):
        await steps.instruct()
    assert steps.partner.sent == []
    monkeypatch.undo()
    assert (await steps.instructed()).payment.certainty is Certainty.SENT


def _emptied(table: type[SQLModel], session: Session) -> None:
    session.exec(delete(table))


async def test_a_payment_whose_instruction_is_gone_halts_everything(store: Store) -> None:
    """Somebody took its row out of the database, as if the payment were not there."""
    await store.accept()
    for table in (ReferenceRow, InstructionRow):
        store.database.write_now(partial(_emptied, table))
    ref = ResourceRef(tenant="shop", resource_id=PAYMENT)
    with pytest.raises(ApplicationError, match="has no instruction"):
        await in_its_run().run(store.payment_store().load, ref)
    [halt] = await Halts(store.database).in_force()
    assert PAYMENT in halt.why
