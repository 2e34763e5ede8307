"""The send book's transactions: what is written before a byte may leave."""

from __future__ import annotations

import asyncio
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from domain.ids import instruction_id
from domain.lifecycle.answers import Absent, CannotTell, NotReady, Unprepared, WireRequest
from domain.lifecycle.heard import Heard
from domain.lifecycle.profile import (
    Idempotency,
    IdempotencyKind,
    InstructionKind,
)
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import Answer, Closed, Move
from domain.payments.payment import UnknownPayment
from domain.payments.report import PaymentState
from store.sending import Turn
from store.tables.lifecycles import AttemptRow, InstructionRow, LifecycleRow
from store.tables.people import TaskRow
from tests.clock import SteppedClock
from tests.fakes import profile
from tests.store.books import (
    INSTRUCTION,
    PAYMENT,
    Store,
    exchange,
    in_doubt,
    report,
)
from tests.store.processes import together

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def _attempts(store: Store) -> list[AttemptRow]:
    return list(store.rows(lambda s: s.exec(select(AttemptRow)).all()))


def _instruction(store: Store) -> InstructionRow:
    return store.rows(lambda s: s.get_one(InstructionRow, INSTRUCTION))


async def test_the_attempt_is_committed_before_the_send_is_allowed(store: Store) -> None:
    await store.accept()
    turn = await store.begin()
    assert turn.move is Move.SEND
    other = store.beside()
    (attempt,) = _attempts(other)
    assert (attempt.number, attempt.result) == (1, "open")
    (payment,) = other.rows(lambda s: s.exec(select(LifecycleRow)).all())
    assert (payment.state, payment.certainty) == ("submitting", "unknown")
    other.close()


async def test_a_send_carries_its_request_and_its_deadlines(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    turn = await store.begin()
    assert turn.request is not None
    assert turn.request.key == turn.subject.keys[-1]
    assert turn.deadline is not None
    assert turn.deadline.write_before == clock.now() + 2 * SECOND
    assert turn.deadline.ends_by == clock.now() + 3 * SECOND


async def test_bytes_may_not_leave_after_the_order_has_run_out(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    clock.step(timedelta(hours=1) - SECOND)
    turn = await store.begin()
    assert turn.deadline is not None
    assert turn.deadline.write_before == turn.view.submit_before


async def test_nothing_is_sent_before_its_request_is_built(store: Store) -> None:
    await store.accept()
    await store.check()
    turn = await store.book.begin(INSTRUCTION, store.clock.now())
    assert (turn.move, turn.step.because) == (Move.WAIT, "the request is not built yet")
    assert _attempts(store) == []


async def test_of_two_at_once_in_one_process_one_may_send(store: Store) -> None:
    await store.accept()
    await store.build()
    turns = await asyncio.gather(
        *(store.book.begin(INSTRUCTION, store.clock.now()) for _ in range(8))
    )
    moves = sorted(turn.move for turn in turns)
    assert moves == [Move.SEND, *[Move.WAIT] * 7]
    assert len(_attempts(store)) == 1


def _begin(where: Path | str, meeting: Path, payments: int) -> list[Move]:
    store = Store(where, SteppedClock())

    async def all_of_them() -> list[Turn]:
        return [
            await store.book.begin(
                instruction_id(f"pay_{n}", InstructionKind.PAY), store.clock.now()
            )
            for n in range(payments)
        ]

    together(meeting, 4)
    try:
        return [turn.move for turn in asyncio.run(all_of_them())]
    finally:
        store.close()


async def test_of_four_processes_at_once_one_may_send(
    store: Store, tmp_path: Path, processes: ProcessPoolExecutor
) -> None:
    payments = 10
    for n in range(payments):
        await store.accept(f"k{n}", payment_id=f"pay_{n}")
        await store.build(instruction_id(f"pay_{n}", InstructionKind.PAY))
    asked = [
        processes.submit(_begin, store.where, tmp_path / "meeting", payments) for _ in range(4)
    ]
    answers = [await asyncio.wrap_future(future) for future in asked]
    for moves in zip(*answers, strict=True):
        assert sorted(moves) == [Move.SEND, Move.WAIT, Move.WAIT, Move.WAIT]
    assert len(_attempts(store)) == payments


async def test_expiring_closes_in_the_same_transaction(store: Store, clock: SteppedClock) -> None:
    await store.accept()
    await store.build()
    clock.step(timedelta(hours=1))
    turn = await store.book.begin(INSTRUCTION, clock.now())
    assert turn.move is Move.EXPIRE
    assert turn.view.payment.state is PaymentState.EXPIRED
    assert turn.view.instructions[0].book.closed is Closed.EXPIRED
    assert _instruction(store).closed_at == clock.now()
    assert store.open() == []
    assert (await store.begin()).move is Move.NOTHING


async def test_the_bytes_under_one_key_never_change(store: Store, clock: SteppedClock) -> None:
    await store.accept(as_of=profile(IdempotencyKind.REPLAY_RESPONSE))
    first = await store.begin()
    assert first.request is not None
    changed = type(first.request)(**{**vars(first.request), "body": b"something else"})
    await store.keep_request(changed)
    await store.sent(in_doubt())
    clock.step(MINUTE)
    second = await store.book.begin(INSTRUCTION, clock.now())
    assert second.move is Move.SEND
    assert second.request == first.request


async def test_bytes_of_any_value_are_kept_as_they_are(store: Store) -> None:
    await store.accept()
    turn = await store.book.draft(INSTRUCTION, store.clock.now())
    request = WireRequest(
        "POST", "/x", bytes(range(256)), "text/plain", turn.subject.keys[-1], {"b": "ü"}
    )
    await store.check()
    await store.keep_request(request)
    assert (await store.book.begin(INSTRUCTION, store.clock.now())).request == request


async def test_a_request_under_a_foreign_key_is_refused(store: Store) -> None:
    await store.accept("k1")
    await store.accept("k2", payment_id="pay_2")
    turn = await store.begin(instruction_id("pay_2", InstructionKind.PAY))
    assert turn.request is not None
    with pytest.raises(ValueError, match="not this instruction's"):
        await store.keep_request(turn.request)


async def test_a_burnt_key_is_replaced_once_absence_is_proven(
    store: Store, clock: SteppedClock
) -> None:
    made = profile(IdempotencyKind.REPLAY_RESPONSE)
    caches = Idempotency(kind=IdempotencyKind.REPLAY_RESPONSE, caches_errors=True)
    pay = made.operation(InstructionKind.PAY).model_copy(update={"idempotency": caches})
    await store.accept(as_of=made.model_copy(update={"operations": {InstructionKind.PAY: pay}}))
    first = await store.begin()
    assert first.request is not None
    await store.sent(in_doubt(server_error=True))
    for _ in range(2):
        clock.step(MINUTE)
        assert (await store.begin()).move is Move.LOOK_UP
        await store.looked_up(Absent(clock.now(), exchange(clock.now())))
    clock.step(MINUTE)

    # The new generation's request is not built yet: the old one may not go under the new key.
    assert (await store.book.begin(INSTRUCTION, clock.now())).move is Move.WAIT
    draft = await store.book.draft(INSTRUCTION, clock.now())
    assert not draft.has_request
    assert draft.subject.keys[0] == first.request.key
    assert len(draft.subject.keys) == 2
    turn = await store.begin()
    assert turn.move is Move.SEND
    assert turn.request is not None
    assert turn.request.key == draft.subject.keys[1] != first.request.key
    assert [attempt.generation for attempt in _attempts(store)] == [1, 2]


async def test_lookups_that_cannot_tell_call_for_a_person(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    await store.begin()
    await store.sent(in_doubt())
    for _ in range(3):
        clock.step(MINUTE)
        view = await store.looked_up(CannotTell(clock.now(), "cut short"))
    assert view.payment.certainty is Certainty.UNKNOWN
    tasks = store.rows(lambda s: s.exec(select(TaskRow)).all())
    assert [task.kind for task in tasks] == ["in_doubt"]


async def test_not_being_ready_is_noted_and_forgotten_with_the_next_send(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    until = clock.now() + MINUTE
    view = await store.book.postpone(
        PAYMENT, NotReady("the login is refused", until, needs_person=True), clock.now()
    )
    assert (view.not_before, view.waiting_for) == (until, "the login is refused")
    tasks = store.rows(lambda s: s.exec(select(TaskRow)).all())
    assert [(task.kind, task.closed_at) for task in tasks] == [("not_ready", None)]
    clock.step(MINUTE)
    turn = await store.begin()
    assert turn.move is Move.SEND
    assert turn.view.not_before is None
    tasks = store.rows(lambda s: s.exec(select(TaskRow)).all())
    assert [task.closed_at for task in tasks] == [clock.now()]


async def test_a_postponed_preparation_has_a_pause_of_its_own(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    view = await store.book.postpone(PAYMENT, Unprepared("busy"), clock.now())
    assert view.not_before == clock.now() + 30 * SECOND
    assert view.waiting_for == "busy"


def _refused_preparation(clock: SteppedClock) -> Heard:
    return Heard(
        resource_id=PAYMENT,
        instruction_id=INSTRUCTION,
        heard_at=clock.now(),
        answer=Answer.REFUSED,
        report=report(clock.now(), PaymentState.REJECTED, reference=None),
    )


async def test_a_refused_preparation_ends_what_was_never_sent(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    for _ in range(2):
        view = await store.book.refuse(_refused_preparation(clock))
        assert view.payment.state is PaymentState.REJECTED
        assert view.payment.certainty is Certainty.NOT_SENT
        assert view.instructions[0].book.closed is Closed.REFUSED


async def test_a_refused_preparation_says_nothing_of_what_was_sent(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    await store.begin()
    view = await store.book.refuse(_refused_preparation(clock))
    assert view.instructions[0].book.closed is None
    assert view.payment.certainty is Certainty.UNKNOWN


async def test_an_unknown_instruction_is_named(store: Store) -> None:
    with pytest.raises(UnknownPayment, match="no payment nobody"):
        await store.book.begin("nobody/pay/1", store.clock.now())
