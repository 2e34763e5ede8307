"""What a send or a lookup brought, recorded: by whom, how often and how late it may be."""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import select

from domain.ids import instruction_id
from domain.lifecycle.answers import Found
from domain.lifecycle.heard import heard_of_send
from domain.lifecycle.profile import (
    DuplicateMeans,
    Idempotency,
    IdempotencyKind,
    InstructionKind,
    Profile,
)
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import AttemptResult, Closed, LookupResult, Move
from domain.payments.report import PaymentState, Source
from store.references import object_of
from store.tables.lifecycles import ExchangeRow, InstructionRow, ReportRow
from store.tables.people import TaskRow
from tests.clock import SteppedClock
from tests.fakes import profile
from tests.store.books import (
    INSTRUCTION,
    PAYMENT,
    Store,
    accepted,
    duplicate,
    exchange,
    in_doubt,
    not_sent,
    refused,
    report,
)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def _object(store: Store) -> str | None:
    return store.rows(lambda s: object_of(s, s.get_one(InstructionRow, INSTRUCTION)))


def _instruction(store: Store) -> InstructionRow:
    return store.rows(lambda s: s.get_one(InstructionRow, INSTRUCTION))


async def test_recording_twice_is_recording_once(store: Store, clock: SteppedClock) -> None:
    await store.accept()
    await store.begin()
    answer, at = accepted(clock.now()), clock.now()
    heard = heard_of_send(PAYMENT, INSTRUCTION, 1, answer, at)
    first = await store.book.record(heard)
    clock.step(MINUTE)
    assert await store.book.record(heard) == first
    told = store.rows(lambda s: s.exec(select(ReportRow)).all())
    assert len([row for row in told if '"source":0' in row.report_json]) == 1
    assert len(store.rows(lambda s: s.exec(select(ExchangeRow)).all())) == 1
    assert first.payment.state is PaymentState.ACCEPTED
    assert _object(store) == "ref-1"


async def test_only_the_first_record_of_an_attempt_stands(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    await store.begin()
    await store.sent(in_doubt())
    view = await store.sent(not_sent())
    assert view.instructions[0].book.attempts[0].result is AttemptResult.UNKNOWN
    assert view.payment.certainty is Certainty.UNKNOWN


async def test_the_opener_may_record_after_the_attempt_has_ended(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    turn = await store.begin()
    assert turn.deadline is not None
    heard_at = clock.now() + SECOND
    clock.step(MINUTE)
    assert (await store.begin()).move is Move.LOOK_UP  # Somebody else found it in doubt.
    view = await store.book.record(
        heard_of_send(PAYMENT, INSTRUCTION, 1, accepted(heard_at), clock.now())
    )
    assert view.payment.certainty is Certainty.SENT
    assert view.payment.state is PaymentState.ACCEPTED
    assert (await store.begin()).move is Move.STORED


async def test_an_attempt_under_way_is_waited_for(store: Store, clock: SteppedClock) -> None:
    await store.accept()
    turn = await store.begin()
    assert turn.deadline is not None
    clock.step(2 * SECOND)
    waiting = await store.begin()
    assert (waiting.move, waiting.step.until) == (Move.WAIT, turn.deadline.ends_by)


async def _two_payments_one_reference(store: Store, clock: SteppedClock) -> None:
    """Payment 1 holds ref-1; payment 2 has a send in doubt."""
    await store.accept("k1")
    await store.begin()
    await store.sent(accepted(clock.now()))
    await store.accept("k2", payment_id="pay_2")
    await store.begin(instruction_id("pay_2", InstructionKind.PAY))


async def test_what_a_lookup_found_of_another_payment_is_not_taken_over(
    store: Store, clock: SteppedClock
) -> None:
    await _two_payments_one_reference(store, clock)
    await store.sent(in_doubt(), payment_id="pay_2")
    clock.step(MINUTE)
    second = instruction_id("pay_2", InstructionKind.PAY)
    told = report(clock.now(), instruction=second, source=Source.READ)
    view = await store.looked_up(Found(told, exchange(clock.now())), payment_id="pay_2")
    assert [looked.result for looked in view.instructions[0].book.lookups] == [
        LookupResult.CANNOT_TELL
    ]
    assert view.payment.partner_reference is None
    assert view.payment.certainty is Certainty.UNKNOWN
    assert _object(store) == "ref-1"


async def test_a_reply_with_another_payments_reference_leaves_the_send_in_doubt(
    store: Store, clock: SteppedClock
) -> None:
    await _two_payments_one_reference(store, clock)
    second = instruction_id("pay_2", InstructionKind.PAY)
    view = await store.sent(accepted(clock.now(), instruction=second), payment_id="pay_2")
    attempt = view.instructions[0].book.attempts[0]
    assert (attempt.result, attempt.answer) == (AttemptResult.UNKNOWN, None)
    assert view.payment.certainty is Certainty.UNKNOWN
    assert view.payment.partner_reference is None


async def test_a_refusal_of_the_only_send_closes_the_instruction(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    await store.begin()
    view = await store.sent(refused(clock.now()))
    assert view.instructions[0].book.closed is Closed.REFUSED
    assert view.payment.state is PaymentState.REJECTED
    assert (await store.begin()).move is Move.NOTHING


async def test_a_refusal_after_a_send_in_doubt_closes_nothing(
    store: Store, clock: SteppedClock
) -> None:
    resends = profile(IdempotencyKind.REPLAY_RESPONSE)
    await store.accept(as_of=resends)
    await store.begin()
    await store.sent(in_doubt())
    clock.step(MINUTE)
    assert (await store.begin()).move is Move.SEND
    view = await store.sent(refused(clock.now()), attempt=2)
    assert view.instructions[0].book.closed is None
    assert view.payment.state is PaymentState.SUBMITTING
    assert view.payment.certainty is Certainty.UNKNOWN
    clock.step(MINUTE)
    assert (await store.begin()).move is Move.LOOK_UP


def _duplicates(means: DuplicateMeans) -> Profile:
    idempotency = Idempotency(kind=IdempotencyKind.REJECT_DUPLICATE, duplicate_means=means)
    made = profile()
    pay = made.operation(InstructionKind.PAY).model_copy(update={"idempotency": idempotency})
    return made.model_copy(update={"operations": {InstructionKind.PAY: pay}})


async def test_duplicate_of_our_key_means_look_who_holds_it(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept(as_of=_duplicates(DuplicateMeans.KEY))
    await store.begin()
    view = await store.sent(duplicate(clock.now()))
    assert view.instructions[0].book.attempts[0].result is AttemptResult.ANSWERED
    assert view.payment.certainty is Certainty.UNKNOWN
    clock.step(MINUTE)
    assert (await store.begin()).move is Move.LOOK_UP


async def test_duplicate_of_content_on_a_first_send_means_not_executed(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept(as_of=_duplicates(DuplicateMeans.CONTENT))
    await store.begin()
    view = await store.sent(duplicate(clock.now()))
    assert view.instructions[0].book.attempts[0].result is AttemptResult.TURNED_AWAY
    assert view.payment.state is PaymentState.AWAITING_US
    assert view.payment.certainty is Certainty.NOT_SENT
    clock.step(MINUTE)
    assert (await store.begin()).move is Move.PARK
    tasks = store.rows(lambda s: s.exec(select(TaskRow)).all())
    assert {task.kind for task in tasks} == {"awaiting_us", "parked"}


async def test_duplicate_of_content_after_a_send_in_doubt_proves_nothing(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept(as_of=_duplicates(DuplicateMeans.CONTENT))
    await store.begin()
    await store.sent(in_doubt())
    clock.step(MINUTE)
    assert (await store.begin()).move is Move.SEND
    view = await store.sent(duplicate(clock.now()), attempt=2)
    assert view.payment.certainty is Certainty.UNKNOWN
    clock.step(MINUTE)
    assert (await store.begin()).move is Move.LOOK_UP
