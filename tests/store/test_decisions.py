"""What people decide about a payment in question: signed, evidenced, asked again on news."""

from __future__ import annotations

import pytest
from sqlmodel import col, select

from domain.ids import instruction_id
from domain.lifecycle.answers import Answered
from domain.lifecycle.command import Outcome
from domain.lifecycle.profile import IdempotencyKind, InstructionKind, LookupKind
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import Closed, Move
from domain.payments.report import Movement, MovementKind, PaymentState, Source
from starter.operators import Operators
from starter.signing import OperatorKey
from store.commands import CannotResolve
from store.operators import NotSigned
from store.tables.lifecycles import (
    AttemptRow,
    ExchangeRow,
    InstructionRow,
    LookupRow,
    ReportRow,
)
from store.tables.partners import ReferenceRow
from store.tables.people import TaskRow
from tests import operators
from tests.clock import SteppedClock
from tests.fakes import order, profile
from tests.store.books import (
    INSTRUCTION,
    PAYMENT,
    Store,
    accepted,
    exchange,
    in_doubt,
    report,
)
from tests.store.moments import (
    EVIDENCE,
    REFERENCE,
    SECOND,
    S,
    cancel,
    contradicted,
    doubtful,
    executed,
    held,
    not_executed,
    parked,
    rejected,
    told_that,
    without,
)


async def test_found_executed_it_can_never_be_begun(store: Store, clock: SteppedClock) -> None:
    await doubtful(store)
    await executed(store, reference=None)
    for _ in range(20):
        turn = await store.book.begin(INSTRUCTION, clock.step(SECOND))
        assert turn.move in (Move.STORED, Move.NOTHING)


async def test_anothers_object_is_not_taken_for_this_payments(store: Store) -> None:
    await held(store)
    await store.accept("k2", payment_id="pay_2", as_of=profile(lookup=LookupKind.NONE))
    second = instruction_id("pay_2", InstructionKind.PAY)
    await store.begin(second)
    store.clock.step(3 * SECOND)
    await store.sent(in_doubt(), payment_id="pay_2")
    with pytest.raises(
        CannotResolve, match=f"{REFERENCE} is the partner's id of another payment, {PAYMENT}"
    ):
        await operators.executed(store.commands,
            "pay_2", command_id="e", by="alice", why="w", now=store.clock.now(),
            reference=REFERENCE,
        )  # fmt: skip
    assert await store.commands.of("pay_2") == []


async def test_two_operators_end_it_and_it_is_never_sent_again(
    store: Store, clock: SteppedClock
) -> None:
    await doubtful(store)
    assert (await not_executed(store, "alice")).command.outcome is Outcome.PROPOSED
    second = await not_executed(store, "bob")
    assert second.command.outcome is Outcome.DONE
    assert second.view.payment.state is S.REJECTED
    assert second.view.payment.certainty is Certainty.NOT_SENT
    assert [c.outcome for c in await store.commands.of(PAYMENT)] == [Outcome.DONE, Outcome.DONE]
    for _ in range(20):
        turn = await store.book.begin(INSTRUCTION, clock.step(SECOND))
        assert turn.move is Move.NOTHING
    assert store.rows(lambda s: s.get_one(InstructionRow, INSTRUCTION)).closed == (
        Closed.NOT_EXECUTED
    )
    open_tasks = store.rows(
        lambda s: [row for row in s.exec(select(TaskRow)).all() if row.closed_at is None]
    )
    assert open_tasks == []


async def test_where_a_cancel_was_asked_two_operators_make_it_cancelled(store: Store) -> None:
    await parked(store)
    await cancel(store)
    await not_executed(store, "alice")
    await not_executed(store, "bob")
    view = await store.payments.view(PAYMENT)
    assert view.payment.state is S.CANCELLED
    assert {c.outcome for c in await store.commands.of(PAYMENT)} == {Outcome.DONE}


async def test_what_two_operators_cancelled_is_taken_back_when_it_is_accepted_late(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept(as_of=profile(lookup=LookupKind.NONE, cancels=True))
    await store.begin()
    clock.step(3 * SECOND)
    await store.sent(in_doubt())
    clock.step(3600 * SECOND)
    await cancel(store)
    for operator in ("alice", "bob"):
        await not_executed(store, operator)
    view = await store.sent(accepted(clock.step(SECOND)))
    assert (view.payment.state, view.payment.certainty) == (S.CANCELLED, Certainty.UNKNOWN)
    taken_back = instruction_id(PAYMENT, InstructionKind.CANCEL)
    assert (await store.begin(taken_back)).move is Move.SEND


async def test_the_same_operator_twice_is_one(store: Store) -> None:
    await parked(store)
    for number in range(3):
        commanded = await not_executed(store, "alice", f"n{number}")
        assert commanded.command.outcome is Outcome.PROPOSED
    assert commanded.view.payment.certainty is Certainty.UNKNOWN


@pytest.mark.parametrize("heard", [None, S.PROCESSING])
async def test_what_is_heard_in_between_makes_the_first_signature_void(
    store: Store, heard: PaymentState | None
) -> None:
    """A new question, or a state: the second signs about something else than the first."""
    await contradicted(store)
    await not_executed(store, "alice")
    now = store.clock.step(SECOND)
    said = report(now, heard, reference=REFERENCE, source=Source.READ, partner_status="else")
    await store.read(Answered(said, exchange(now)))
    assert (await not_executed(store, "bob")).command.outcome is Outcome.PROPOSED
    # Who still stands by it signs anew, about what is known now.
    assert (await not_executed(store, "alice", "anew")).command.outcome is Outcome.DONE
    outcomes = {c.command_id: c.outcome for c in await store.commands.of(PAYMENT)}
    assert outcomes == {"n-alice": Outcome.PROPOSED, "n-bob": Outcome.DONE, "anew": Outcome.DONE}


async def test_another_look_that_brings_nothing_new_voids_nothing(store: Store) -> None:
    await contradicted(store)
    await not_executed(store, "alice")
    await told_that(store, S.SETTLED)
    assert (await not_executed(store, "bob")).command.outcome is Outcome.DONE


async def test_who_is_no_operator_any_more_has_not_signed(store: Store) -> None:
    await parked(store)
    await not_executed(store, "alice")
    removed = [await _removes(store, "alice", by=by) for by in (operators.BOB, operators.CAROL)]
    assert removed == [["bob"], ["bob", "carol"]]
    assert (await not_executed(store, "bob")).command.outcome is Outcome.PROPOSED
    with pytest.raises(NotSigned, match="not by the key of an operator 'alice'"):
        await not_executed(store, "alice", "again")
    assert (await not_executed(store, "carol")).command.outcome is Outcome.DONE


async def _removes(store: Store, name: str, *, by: OperatorKey) -> list[str]:
    return await Operators(store.database, store.clock).remove(name, signer=by, why="left")


async def test_evidence_is_sealed_and_opens_for_its_own_command_only(store: Store) -> None:
    await parked(store)
    await not_executed(store, "alice")
    await not_executed(store, "bob", evidence=b"A second letter.")
    assert await store.commands.evidence(PAYMENT, "n-alice") == EVIDENCE
    assert await store.commands.evidence(PAYMENT, "n-bob") == b"A second letter."
    assert await store.commands.evidence(PAYMENT, "unknown") is None
    assert b"n-alice" in store.kept()
    assert EVIDENCE not in store.kept()


async def test_a_decision_settles_the_question_and_what_comes_later_opens_another(
    store: Store,
) -> None:
    await doubtful(store)
    await not_executed(store, "alice")
    await not_executed(store, "bob")
    now = store.clock.step(SECOND)
    await store.read(Answered(report(now, S.PROCESSING, source=Source.READ), exchange(now)))
    view = await store.payments.view(PAYMENT)
    assert view.payment.certainty is Certainty.UNKNOWN
    assert view.payment.is_frozen


async def test_what_was_heard_before_a_decision_and_recorded_after_it_opens_the_question_again(
    store: Store, clock: SteppedClock
) -> None:
    """The store was away when the partner answered: who decided meanwhile did not know."""
    await store.accept(as_of=profile(IdempotencyKind.NONE, LookupKind.NONE))
    await store.begin()
    answered_at = clock.step(SECOND)
    clock.step(10 * SECOND)
    await not_executed(store, "alice")
    assert (await not_executed(store, "bob")).view.payment.state is S.REJECTED
    clock.step(SECOND)
    view = await store.sent(accepted(answered_at, reference=REFERENCE))
    assert view.payment.certainty is Certainty.UNKNOWN
    assert view.payment.is_frozen
    assert store.open() == [PAYMENT]
    # Those who know it all may decide again, and then it is decided.
    decided = await executed(store, reference=None)
    assert decided.view.payment.state is S.SETTLED
    assert decided.view.payment.certainty is Certainty.SENT


async def test_a_decision_about_a_statement_stands(store: Store, clock: SteppedClock) -> None:
    """What is booked has no place among the words: it was known all the same."""
    await rejected(store)
    booked = report(clock.step(SECOND), S.SETTLED, reference=None, source=Source.STATEMENT,
                    movements=(Movement(movement_id="b1", kind=MovementKind.DEBIT,
                                        amount=order().instructed_amount),))  # fmt: skip
    assert (await store.booked(booked)).payment.is_frozen
    decided = await executed(store, reference=None)
    assert decided.view.payment.certainty is not Certainty.UNKNOWN
    assert not decided.view.payment.is_frozen


async def test_what_people_are_asked_about_rows_that_are_gone_they_can_answer(store: Store) -> None:
    await store.accept()
    await store.begin()
    await store.sent(accepted(store.clock.now()))
    await without(store, ReportRow, ReferenceRow)
    decided = await executed(store, reference=REFERENCE)
    assert decided.command.outcome is Outcome.DONE
    is_open = col(TaskRow.closed_at).is_(None)
    assert store.rows(lambda s: s.exec(select(TaskRow.kind).where(is_open)).all()) == []
    assert (await store.begin()).move is not Move.SEND


async def test_without_its_instruction_nothing_can_be_decided(store: Store) -> None:
    await doubtful(store)
    await without(store, ReferenceRow, ExchangeRow, LookupRow, AttemptRow, InstructionRow)
    with pytest.raises(CannotResolve, match="the instruction of this payment is missing"):
        await executed(store, reference=REFERENCE)
