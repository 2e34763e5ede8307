"""What follows from evidence is written with it: state, tasks, movements."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from domain.ids import instruction_id
from domain.lifecycle.answers import Answered
from domain.lifecycle.profile import Idempotency, IdempotencyKind, InstructionKind, LookupKind
from domain.lifecycle.questions import TASK_DUE_WITHIN
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import Move
from domain.money import Money
from domain.payments.fold import fold
from domain.payments.kind import PaymentKind
from domain.payments.payment import Payment
from domain.payments.report import Movement, MovementKind, PaymentState, Source
from store.keyring import Keyring
from store.tables.lifecycles import AttemptRow, ExchangeRow, InstructionRow, ReportRow, StateRow
from store.tables.partners import ReferenceRow
from store.tables.payments import MovementRow
from store.tables.people import TaskRow
from tests.clock import SteppedClock
from tests.fakes import order, profile
from tests.store.books import (
    KEYRING,
    PAYMENT,
    Store,
    accepted,
    exchange,
    in_doubt,
    report,
)
from tests.store.moments import without

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
HUGE = 10**17


def _tasks(store: Store) -> dict[str, bool]:
    """Kind to whether it is open."""
    rows = store.rows(lambda session: session.exec(select(TaskRow)).all())
    return {row.kind: row.closed_at is None for row in rows}


async def _read(store: Store, state: PaymentState | None, **fields: Any) -> Payment:
    at = store.clock.step(MINUTE)
    told = report(at, state, source=Source.READ, **fields)
    return (await store.read(Answered(told, exchange(at)))).payment


async def _sent(store: Store) -> None:
    await store.accept()
    await store.begin()
    await store.sent(accepted(store.clock.now()))


async def test_an_unknown_word_opens_a_task_and_a_known_one_closes_it(store: Store) -> None:
    await _sent(store)
    payment = await _read(store, None)
    assert (payment.state, payment.certainty) == (PaymentState.ACCEPTED, Certainty.UNKNOWN)
    assert _tasks(store) == {"unmapped": True}
    await _read(store, None)
    assert len(_tasks(store)) == 1
    payment = await _read(store, PaymentState.SETTLED)
    assert (payment.state, payment.certainty) == (PaymentState.SETTLED, Certainty.SENT)
    assert _tasks(store) == {"unmapped": False}


async def test_a_question_asked_again_is_opened_again_with_a_new_due_date(store: Store) -> None:
    await _sent(store)
    await _read(store, None)
    await _read(store, PaymentState.PROCESSING)
    await _read(store, None)
    rows = store.rows(lambda session: session.exec(select(TaskRow)).all())
    assert [(row.kind, row.closed_at) for row in rows] == [("unmapped", None)]
    assert rows[0].due_at == store.clock.now() + TASK_DUE_WITHIN


async def test_every_state_entered_is_kept_for_the_timeline(store: Store) -> None:
    await _sent(store)
    await _read(store, PaymentState.PROCESSING)
    await _read(store, PaymentState.PROCESSING)
    await _read(store, PaymentState.SETTLED)
    rows = store.rows(lambda s: s.exec(select(StateRow).order_by("number")).all())
    assert [row.state for row in rows] == [
        "created", "submitting", "accepted", "processing", "settled",
    ]  # fmt: skip


async def test_reads_are_counted_since_the_state_changed(store: Store) -> None:
    await _sent(store)
    await _read(store, PaymentState.ACCEPTED)
    await _read(store, PaymentState.ACCEPTED)
    assert (await store.payments.view(PAYMENT)).reads == 2
    await _read(store, PaymentState.PROCESSING)
    assert (await store.payments.view(PAYMENT)).reads == 0


async def test_the_same_evidence_folded_otherwise_keeps_the_state_and_asks_a_person(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _sent(store)
    before = await _read(store, PaymentState.SETTLED)

    def newer(*evidence: Any) -> Payment:
        return fold(*evidence).model_copy(update={"state": PaymentState.PROCESSING})

    monkeypatch.setattr(PaymentKind, "fold", staticmethod(newer))
    again = report(store.clock.now(), PaymentState.SETTLED, source=Source.READ)
    view = await store.read(Answered(again, exchange(store.clock.now())))
    assert view.payment == before
    assert _tasks(store) == {"fold_changed": True}

    # New evidence is folded by the new code, and the question is settled by it.
    payment = await _read(store, PaymentState.SETTLED)
    assert payment.state is PaymentState.PROCESSING
    assert _tasks(store) == {"fold_changed": False}


async def test_movements_are_exact_and_count_once(store: Store, clock: SteppedClock) -> None:
    await store.accept(of=order(instructed_amount=Money(minor=HUGE + 3, currency="EUR")))
    await store.begin()
    await store.sent(accepted(clock.now()))
    moved = Movement(
        movement_id="m1",
        kind=MovementKind.DEBIT,
        amount=Money(minor=HUGE + 3, currency="EUR"),
        booked_at=clock.now(),
    )
    for _ in range(2):
        payment = await _read(store, PaymentState.SETTLED, movements=(moved,))
    assert payment.amounts.settled.minor == HUGE + 3
    rows = store.rows(lambda session: session.exec(select(MovementRow)).all())
    assert [(row.movement_id, row.amount_minor, row.booked_at) for row in rows] == [
        ("m1", HUGE + 3, moved.booked_at)
    ]


async def test_a_payment_at_its_end_is_no_longer_open(store: Store, clock: SteppedClock) -> None:
    await _sent(store)
    assert store.open() == [PAYMENT]
    await _read(store, PaymentState.REJECTED)
    assert store.open() == []
    await _read(store, PaymentState.SETTLED)  # A contradiction reopens it.
    assert store.open() == [PAYMENT]


@pytest.mark.parametrize(
    ("kind", "lookup"),
    [
        (IdempotencyKind.NONE, LookupKind.NONE),
        (IdempotencyKind.NONE, LookupKind.STATEMENT_ONLY),
        (IdempotencyKind.REJECT_DUPLICATE, LookupKind.NONE),
    ],
)
async def test_an_attempt_that_nobody_lives_to_close_is_asked_about_when_it_ends(
    store: Store, clock: SteppedClock, kind: IdempotencyKind, lookup: LookupKind
) -> None:
    """Its worker died after `begin`: no step is owed any more, and no row changes by itself."""
    of = profile(kind, lookup, operation={"resends_max": 0})
    short = Idempotency(kind=kind, window=timedelta(seconds=2))
    pay = of.operation(InstructionKind.PAY).model_copy(update={"idempotency": short})
    await store.accept(as_of=of.model_copy(update={"operations": {InstructionKind.PAY: pay}}))
    turn = await store.begin()
    assert turn.move is Move.SEND
    assert turn.deadline is not None
    assert (await store.payments.escalate(turn.deadline.ends_by - MINUTE, limit=9)).payments == 0
    assert _tasks(store) == {}
    assert (await store.payments.escalate(turn.deadline.ends_by, limit=9)).payments == 1
    assert _tasks(store) == {"parked": True}
    assert (await store.payments.escalate(turn.deadline.ends_by, limit=9)).payments == 0


async def test_a_payment_whose_key_is_missing_keeps_no_other_from_being_asked_about(
    store: Store, clock: SteppedClock
) -> None:
    of = profile(IdempotencyKind.NONE, LookupKind.NONE)
    both = {"new": b"n" * 32, KEYRING.current: KEYRING._keys[KEYRING.current]}
    rotated = Store(store.where, clock, Keyring(both, "new"))
    await store.accept(as_of=of)
    await rotated.accept("sealed anew", payment_id="pay_0", as_of=of)
    await rotated.begin(instruction_id("pay_0", InstructionKind.PAY))
    turn = await store.begin()
    rotated.close()
    assert turn.deadline is not None
    asked = await store.payments.escalate(turn.deadline.ends_by, limit=9)
    assert asked == (1, ["pay_0"])
    assert _tasks(store) == {"parked": True, "sealed": True}


async def test_a_key_that_runs_out_in_doubt_is_asked_about_when_it_does(
    store: Store, clock: SteppedClock
) -> None:
    of = profile(
        IdempotencyKind.REPLAY_STATE, LookupKind.NONE, operation={"pause": DAY, "pause_max": DAY}
    )
    await store.accept(as_of=of)
    turn = await store.begin()
    clock.step(timedelta(seconds=3))
    await store.sent(in_doubt())
    assert _tasks(store) == {}
    later = turn.view.submit_before
    assert (await store.payments.escalate(later, limit=9)).payments == 1
    assert _tasks(store) == {"parked": True}


async def test_rows_that_are_gone_leave_a_question_to_people(store: Store) -> None:
    """Whatever deleted them: nothing can be sent or read any more, so nobody else would notice."""
    await _sent(store)
    assert _tasks(store) == {}

    def asked() -> str:
        is_open = col(TaskRow.closed_at).is_(None)
        query = select(TaskRow.question).where(is_open)
        return store.rows(lambda session: session.exec(query).one())

    await without(store, ReportRow)
    assert _tasks(store) == {"parked": True}
    assert "what it answered names nothing to read" in asked()
    await without(store, ReferenceRow, ExchangeRow, AttemptRow, InstructionRow)
    assert _tasks(store) == {"parked": True}
    assert "its instruction is missing" in asked()
