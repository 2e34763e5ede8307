"""What a run remembers and what the partner shows, before a payment is sent, closed or ended."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from activities.checks import Checks
from activities.messages import ResourceRef
from domain.lifecycle.answers import Absent, Found, Shown
from domain.lifecycle.gate import Barred, Examined
from domain.lifecycle.heard import Heard
from domain.lifecycle.keys import partner_key
from domain.lifecycle.next_step import Owed
from domain.lifecycle.profile import Idempotency, IdempotencyKind, InstructionKind, Profile
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import Answer, Book, Closed, Move
from domain.lifecycle.statement import StatementKind, digest
from domain.lifecycle.witness import Known
from domain.payments.due import due
from domain.payments.gate import CheckKind
from domain.payments.listing import Listing
from domain.payments.order import Order
from domain.payments.report import PaymentState
from domain.payments.view import PaymentView
from store.commands import CannotResolve
from store.halts import Halts
from store.tables.lifecycles import LifecycleRow
from store.tables.people import HaltRow
from tests.activities.steps import in_its_run, steps_of
from tests.clock import SteppedClock
from tests.fakes import ACCOUNT, BANK, profile
from tests.operators import enrolled, signed
from tests.store.books import (
    INSTRUCTION,
    PAYMENT,
    Store,
    accepted,
    exchange,
    in_doubt,
    not_sent,
    refused,
    report,
)
from tests.store.copies import copy_of, set_back

_BARRED = [(CheckKind.SCREENING, Barred("on a list"))]


async def _round(store: Store, known: Known | None = None) -> Known:
    """One round of upkeep, with what Temporal remembers of the one before."""
    at = store.clock.now()
    store.clock.step(timedelta(seconds=20))
    mark, _ = await store.rounds.prove(known or Known(), store.clock.now())
    return Known(mark=mark, at=at)


async def _lift(store: Store) -> None:
    await store.set_back.doubt(store.clock.now())
    halts = Halts(store.database)
    for found in await halts.in_force():
        assert await halts.lift(found.number, by="alice", now=store.clock.now())


async def _book(store: Store) -> Book:
    return (await _view(store)).instructions[0].book


async def _view(store: Store) -> PaymentView:
    return await store.payments.view(PAYMENT)


async def _shown(store: Store) -> Shown:
    """What the partner lists of a send that it executes now."""
    key = (await store.reading(INSTRUCTION)).subject.keys[-1]
    return Shown("ref-1", key, store.clock.now())


async def _is_asked_about(store: Store) -> None:
    view = await _view(store)
    assert view.payment.certainty is Certainty.UNKNOWN
    assert view.payment.state is PaymentState.SUBMITTING
    assert view.instructions[0].book.closed is None
    assert due(view, store.clock.now()).owed is Owed.INSTRUCT


async def _proven_absent(store: Store) -> Move:
    """Look it up in vain until the book asks for something else."""
    for _ in range(40):
        turn = await store.book.begin(INSTRUCTION, store.clock.now())
        if turn.move is Move.LOOK_UP:
            await store.looked_up(Absent(store.clock.now(), exchange(store.clock.now())))
        elif turn.move is not Move.WAIT:
            return turn.move
        store.clock.step(timedelta(seconds=5))
    raise AssertionError("it is looked up for ever")


async def _bar(store: Store, *, known: int = 0) -> None:
    await store.book.hold(INSTRUCTION, Examined(store.clock.now(), _BARRED), known=known)


async def _refuse_preparation(store: Store, *, known: int = 0) -> None:
    now = store.clock.now()
    heard = Heard(
        resource_id=PAYMENT,
        instruction_id=INSTRUCTION,
        heard_at=now,
        why="no such bank",
        answer=Answer.REFUSED,
        report=refused(now).report,
    )
    await store.book.refuse(heard, known=known)


async def _cancel(store: Store) -> None:
    now = store.clock.now()
    await store.commands.cancel(PAYMENT, command_id="c", by="alice", why="no", now=now)


Ending = Callable[[Store], Coroutine[Any, Any, None]]


@pytest.mark.parametrize("end", [_bar, _refuse_preparation, _cancel])
async def test_what_the_partner_shows_is_looked_up_before_anything_ends_it(
    store: Store, clock: SteppedClock, end: Ending
) -> None:
    """The copy holds the order unsent. The halt was lifted before the payment's next step."""
    await store.accept()
    await store.compare()
    copy = copy_of(store.database)
    await store.begin()
    shown = await _shown(store)
    set_back(store.database, copy)
    clock.step(timedelta(minutes=5))
    assert await store.compare(shown)
    await end(store)
    await _is_asked_about(store)


@pytest.mark.parametrize("end", [_bar, _refuse_preparation])
async def test_what_the_run_has_seen_is_looked_up_before_a_step_ends_it(
    store: Store, clock: SteppedClock, end: Callable[..., Coroutine[Any, Any, None]]
) -> None:
    await store.accept()
    copy = copy_of(store.database)
    await store.begin()
    set_back(store.database, copy)
    await end(store, known=1)
    assert len(await Halts(store.database).in_force()) == 1
    await _is_asked_about(store)


class _Bars:
    kind = CheckKind.SCREENING

    async def verdict(self, payment_id: str, order: Order) -> Barred:
        return Barred("on a list")


async def test_a_step_whose_run_saw_an_attempt_lets_no_check_of_ours_end_the_payment(
    store: Store, clock: SteppedClock
) -> None:
    steps = await steps_of(store)
    copy = copy_of(store.database)
    await store.begin()
    set_back(store.database, copy)
    clock.step(timedelta(seconds=1))
    steps.activities._checks = Checks(clock, [_Bars()])
    steps.request = steps.request.model_copy(update={"attempts": 1})
    await steps.instruct()
    assert await Halts(store.database).in_force()
    await _is_asked_about(store)


@pytest.mark.parametrize("end", [_bar, _refuse_preparation, _cancel])
async def test_a_load_by_a_run_that_saw_an_attempt_reopens_what_was_closed_on_the_copy(
    store: Store, clock: SteppedClock, end: Ending
) -> None:
    """No round ended between the copy and the loss: the run is the only witness, and would end."""
    await store.accept()
    copy = copy_of(store.database)
    await store.begin()
    set_back(store.database, copy)
    await end(store)
    assert due(await _view(store), clock.now()).owed is Owed.OVER
    run = ResourceRef(tenant="shop", resource_id=PAYMENT, attempts={str(INSTRUCTION): 1})
    loaded = await in_its_run().run(store.payment_store().load, run)
    assert loaded.certainty == Certainty.UNKNOWN
    await _is_asked_about(store)
    [found] = await Halts(store.database).in_force()
    assert "has 0 of 1 attempts" in found.why
    again = await in_its_run().run(store.payment_store().load, run)
    assert again.attempts == {str(INSTRUCTION): 1}


async def test_an_order_that_is_given_again_is_in_doubt_at_once_where_the_partner_shows_its_key(
    store: Store, clock: SteppedClock
) -> None:
    empty = copy_of(store.database)
    await store.accept()
    await store.begin()
    shown = await _shown(store)
    set_back(store.database, empty)
    clock.step(timedelta(minutes=5))
    assert await store.compare(shown)
    await _lift(store)
    acceptance = await store.accept()
    assert acceptance.view.payment.certainty is Certainty.UNKNOWN
    await _is_asked_about(store)
    await _cancel(store)
    await _is_asked_about(store)


@pytest.mark.parametrize("end", [_bar, _refuse_preparation])
async def test_a_round_reopens_what_was_refused_on_the_copy(
    store: Store, clock: SteppedClock, end: Ending
) -> None:
    await store.accept()
    known = await _round(store)
    copy = copy_of(store.database)
    await store.begin()
    known = await _round(store, known)
    set_back(store.database, copy)
    await end(store)
    assert (await _view(store)).payment.state is PaymentState.REJECTED
    await _round(store, known)
    await _is_asked_about(store)


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (_bar, PaymentState.REJECTED),
        (_refuse_preparation, PaymentState.REJECTED),
        (_cancel, PaymentState.CANCELLED),
    ],
)
@pytest.mark.parametrize("kind", [IdempotencyKind.REPLAY_STATE, IdempotencyKind.NONE])
async def test_what_was_reopened_and_is_proven_absent_ends_as_before_and_is_not_sent(
    store: Store, clock: SteppedClock, end: Ending, state: PaymentState, kind: IdempotencyKind
) -> None:
    """Our checks had barred it: neither its key nor the proof may have it sent after all."""
    await store.accept(as_of=profile(kind))
    await end(store)
    before = (await _view(store)).payment
    assert before.state is state
    run = ResourceRef(tenant="shop", resource_id=PAYMENT, attempts={str(INSTRUCTION): 1})
    await in_its_run().run(store.payment_store().load, run)
    await _is_asked_about(store)
    await _lift(store)
    assert await _proven_absent(store) in (Move.CLOSE, Move.CANCEL)
    after = await _view(store)
    assert (after.payment.state, after.payment.reason) == (state, before.reason)
    assert after.payment.certainty is not Certainty.UNKNOWN
    assert due(after, clock.now()).owed is Owed.OVER


async def test_what_was_reopened_and_is_found_goes_on_as_paid(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    copy = copy_of(store.database)
    await store.begin()
    set_back(store.database, copy)
    await _bar(store)
    run = ResourceRef(tenant="shop", resource_id=PAYMENT, attempts={str(INSTRUCTION): 1})
    await in_its_run().run(store.payment_store().load, run)
    await store.looked_up(Found(report(clock.now()), exchange(clock.now())))
    view = await _view(store)
    assert (view.payment.state, view.payment.certainty) == (PaymentState.ACCEPTED, Certainty.SENT)


async def test_a_refusal_stands_again_once_the_forgotten_attempt_is_proven_absent(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    copy = copy_of(store.database)
    await store.begin()
    set_back(store.database, copy)
    await store.begin()
    await store.sent(refused(clock.now()))
    assert (await _book(store)).closed is Closed.REFUSED
    run = ResourceRef(tenant="shop", resource_id=PAYMENT, attempts={str(INSTRUCTION): 2})
    await in_its_run().run(store.payment_store().load, run)
    await _is_asked_about(store)
    await _lift(store)
    assert await _proven_absent(store) is Move.NOTHING
    view = await _view(store)
    assert view.payment.state is PaymentState.REJECTED
    assert view.instructions[0].book.closed is Closed.REFUSED


async def test_a_refused_preparation_of_what_is_in_doubt_asks_a_person_and_pauses(
    store: Store, clock: SteppedClock
) -> None:
    """The copy has lost the request, so a resend by the key would have to build it anew."""
    await store.compare()
    await store.accept(as_of=profile(IdempotencyKind.REPLAY_STATE))
    assert await store.compare(await _shown(store))
    await _lift(store)
    clock.step(timedelta(seconds=1))
    await _refuse_preparation(store)
    row = store.rows(lambda session: session.get_one(LifecycleRow, PAYMENT))
    assert row.needs_person
    assert row.waiting_for == "no such bank"
    assert row.not_before is not None
    assert row.not_before > clock.now()


async def test_nobody_ends_as_not_executed_what_the_partner_shows_meanwhile(
    store: Store, clock: SteppedClock
) -> None:
    """It was signed about the copy. The lost database had gone on with the next key."""
    of = _burning()
    await store.accept(as_of=of)
    await store.begin()
    await store.sent(in_doubt(server_error=True))
    clock.step(timedelta(minutes=5))
    enrolled(store.database, clock.now())
    evidence = b"a letter of the bank"
    said = signed(
        store.database, StatementKind.NOT_EXECUTED, PAYMENT, "c1",
        by="alice", why="they say so", now=clock.now(), content=digest(evidence),
    )  # fmt: skip
    listing = Listing.of(BANK, ACCOUNT, of)
    shown = Shown("ref-1", _key(listing.idempotency, 2), clock.now())
    await store.compare(listing=listing)
    assert await store.compare(shown, listing=listing)
    with pytest.raises(CannotResolve, match="more is known"):
        await store.commands.not_executed(PAYMENT, signed=said, evidence=evidence, now=clock.now())


# Closed on the copy before the partner could be asked


async def _expire(store: Store) -> None:
    store.clock.step(timedelta(days=4))
    turn = await store.book.begin(INSTRUCTION, store.clock.now(), may_send=False)
    assert turn.move is Move.EXPIRE


@pytest.mark.parametrize("end", [_bar, _refuse_preparation, _cancel, _expire])
async def test_what_ended_on_the_copy_before_the_partner_showed_it_is_looked_up(
    store: Store, clock: SteppedClock, end: Ending
) -> None:
    """Store and Temporal are restored together, and the partner's list is away for some rounds."""
    await store.accept()
    await store.compare()
    known = await _round(store)
    copy = copy_of(store.database)
    await store.begin()
    shown = await _shown(store)
    set_back(store.database, copy)
    clock.step(timedelta(minutes=10))
    known = await _round(store, known)
    await end(store)
    for _ in range(10):
        known = await _round(store, known)
    assert due(await _view(store), clock.now()).owed is Owed.OVER
    assert await store.compare(shown)
    await _round(store, known)
    await _is_asked_about(store)


async def test_a_halt_that_is_found_again_keeps_the_earliest_moment(
    store: Store, clock: SteppedClock
) -> None:
    await store.compare()
    first = clock.now()
    clock.step(timedelta(seconds=30))
    await store.compare(Shown("later", "L" * 32, clock.now()))
    await store.compare(Shown("earlier", "E" * 32, first))
    await store.accept()
    await store.compare(Shown("third", "T" * 32, clock.now()))
    assert store.rows(lambda session: session.get_one(HaltRow, 1)).since == first


# Replies of attempts with the same number


async def _two_first_attempts(store: Store, clock: SteppedClock) -> str:
    """Two processes each have an attempt 1; the nonce of the one that the database lost."""
    await store.accept()
    copy = copy_of(store.database)
    lost = await store.begin()
    set_back(store.database, copy)
    clock.step(timedelta(seconds=1))
    held = await store.begin()
    assert (held.move, held.attempt, lost.attempt) == (Move.SEND, 1, 1)
    assert held.nonce != lost.nonce
    return lost.nonce


async def test_a_reply_closes_no_other_attempt_of_its_number(
    store: Store, clock: SteppedClock
) -> None:
    """The lost attempt could not connect. The other one's bytes have left."""
    lost = await _two_first_attempts(store, clock)
    for _ in range(2):  # Recorded again, it does nothing new.
        view = await store.sent(not_sent(), nonce=lost)
    results = [attempt.result for attempt in view.instructions[0].book.attempts]
    assert results == ["open", "unknown"]
    [found] = await Halts(store.database).in_force()
    assert "attempt 1 was answered, but not the one that has this number" in found.why
    await _lift(store)
    await store.sent(not_sent(), nonce=lost)
    assert await Halts(store.database).in_force() == []
    await _cancel(store)
    clock.step(timedelta(minutes=1))
    await _is_asked_about(store)


async def test_an_acceptance_of_the_lost_attempt_is_believed_of_that_attempt_alone(
    store: Store, clock: SteppedClock
) -> None:
    lost = await _two_first_attempts(store, clock)
    await store.sent(accepted(clock.now()), nonce=lost)
    view = await store.sent(accepted(clock.now()), nonce=lost)
    answers = [attempt.answer for attempt in view.instructions[0].book.attempts]
    assert answers == [None, Answer.ACCEPTED]
    assert view.payment.partner_reference == "ref-1"


async def test_a_reply_adopts_the_forgotten_attempt_of_its_number_once(
    store: Store, clock: SteppedClock
) -> None:
    """Two lost processes each had an attempt 1: one was doubted, the other one is as well."""
    await store.accept()
    copy = copy_of(store.database)
    first = await store.begin()
    set_back(store.database, copy)
    second = await store.begin()
    set_back(store.database, copy)
    await store.set_back.forgot("pay_gone", clock.now())
    await store.set_back.doubt(clock.now())
    for _ in range(2):
        view = await store.sent(not_sent(), nonce=first.nonce)
        assert len(view.instructions[0].book.attempts) == 1
    for _ in range(2):
        view = await store.sent(not_sent(), nonce=second.nonce)
        assert len(view.instructions[0].book.attempts) == 2
    assert view.payment.certainty is Certainty.UNKNOWN


# Keys of later generations


def _burning() -> Profile:
    of = profile(IdempotencyKind.REPLAY_RESPONSE)
    pay = of.operation(InstructionKind.PAY)
    keys = pay.idempotency.model_copy(update={"caches_errors": True})
    pay = pay.model_copy(update={"idempotency": keys})
    return of.model_copy(update={"operations": {InstructionKind.PAY: pay}})


def _key(keys: Idempotency, generation: int) -> str:
    return partner_key(
        keys,
        tenant="shop",
        payment_id=PAYMENT,
        instruction_id=INSTRUCTION,
        generation=generation,
    )


@pytest.mark.parametrize("generation", [2, 9])
async def test_a_key_of_a_later_generation_that_the_partner_shows_is_looked_up(
    store: Store, clock: SteppedClock, generation: int
) -> None:
    """Stored failures had burnt the first keys; the lost database had gone on with a later one."""
    of = _burning()
    listing = Listing.of(BANK, ACCOUNT, of)
    key = _key(listing.idempotency, generation)
    await store.compare(listing=listing)
    assert await store.compare(Shown("ref-1", key, clock.now()), listing=listing)
    clock.step(timedelta(minutes=1))
    await _lift(store)
    await store.accept(as_of=of)
    clock.step(timedelta(days=2))  # No key protects a resend any more.
    turn = await store.book.begin(INSTRUCTION, clock.now(), may_send=False)
    assert turn.move is Move.LOOK_UP
    assert turn.subject.keys[-1] == key
    assert len(turn.subject.keys) == generation
