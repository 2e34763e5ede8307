"""Attacks by a refusal that is not true: a gateway answers 401 or 429, and the bank has executed.

Closing a payment on such an answer tells the payer that no money was moved, while it was.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.ids import instruction_id
from domain.lifecycle.answers import Absent, CannotTell, Found
from domain.lifecycle.command import Outcome
from domain.lifecycle.gate import Barred, Examined
from domain.lifecycle.profile import IdempotencyKind, InstructionKind, LookupKind
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import AttemptResult, Closed, Move
from domain.payments.display import display
from domain.payments.gate import CheckKind
from domain.payments.report import PaymentState, Source
from store.commands import Commanded
from tests import operators
from tests.clock import SteppedClock
from tests.fakes import profile
from tests.store.books import (
    PAYMENT,
    Store,
    exchange,
    not_sent,
    refused,
    report,
    turned_away,
)

S = PaymentState
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
KEYED = profile(IdempotencyKind.REJECT_DUPLICATE, LookupKind.STRONG)
PAY = instruction_id(PAYMENT, InstructionKind.PAY)


async def _turned_away(store: Store, clock: SteppedClock, status: int = 429) -> None:
    await store.accept(as_of=KEYED)
    assert (await store.begin()).attempt == 1
    await store.sent(turned_away(clock.now(), status))


async def _cancel(store: Store) -> Commanded:
    return await store.commands.cancel(
        PAYMENT, command_id="c1", by="alice", why="not wanted", now=store.clock.now()
    )


async def _find(store: Store, clock: SteppedClock) -> PaymentState:
    found = report(clock.now(), source=Source.READ)
    view = await store.looked_up(Found(found, exchange(clock.now())))
    return view.payment.state


async def test_a_cancel_after_a_refusal_that_was_not_true_finds_the_payment(
    store: Store, clock: SteppedClock
) -> None:
    await _turned_away(store, clock)
    asked = await _cancel(store)
    assert asked.command.outcome is Outcome.ASKED
    assert asked.view.payment.state is not S.CANCELLED
    clock.step(MINUTE)
    assert (await store.begin()).move is Move.LOOK_UP
    assert await _find(store, clock) is S.ACCEPTED


async def test_an_order_does_not_expire_on_a_refusal_that_was_not_true(
    store: Store, clock: SteppedClock
) -> None:
    await _turned_away(store, clock, 429)
    clock.step(timedelta(hours=2))
    turn = await store.begin()
    assert turn.move is Move.LOOK_UP
    assert turn.view.payment.state is not S.EXPIRED
    assert await _find(store, clock) is S.ACCEPTED


async def test_one_complete_empty_answer_confirms_the_refusal(
    store: Store, clock: SteppedClock
) -> None:
    await _turned_away(store, clock)
    await _cancel(store)
    assert (await store.begin()).move is Move.WAIT, "it may still be at work behind the gateway"
    clock.step(MINUTE)
    await store.looked_up(Absent(clock.now(), exchange(clock.now())))
    turn = await store.begin()
    assert (turn.move, turn.view.payment.state) == (Move.CANCEL, S.CANCELLED)
    assert [c.outcome for c in await store.commands.of(PAYMENT)] == [Outcome.DONE]


async def test_what_never_left_is_cancelled_at_once(store: Store, clock: SteppedClock) -> None:
    await store.accept(as_of=KEYED)
    await store.begin()
    await store.sent(not_sent())
    asked = await _cancel(store)
    assert (asked.command.outcome, asked.view.payment.state) == (Outcome.DONE, S.CANCELLED)


@pytest.mark.parametrize("status", [401, 403, 503, 418])
async def test_a_status_that_the_profile_does_not_declare_leaves_doubt(
    store: Store, clock: SteppedClock, status: int
) -> None:
    await _turned_away(store, clock, status)
    view = await store.payments.view(PAYMENT)
    assert view.instructions[0].book.attempts[0].result is AttemptResult.UNKNOWN
    assert view.payment.certainty is Certainty.UNKNOWN
    assert display(view.payment).headline == "We are checking"


async def test_a_refusal_of_the_next_send_does_not_speak_for_one_that_was_turned_away(
    store: Store, clock: SteppedClock
) -> None:
    """The first was executed, and the second is refused because the day is over."""
    await _turned_away(store, clock)
    clock.step(4 * SECOND)
    assert (await store.begin()).attempt == 2
    view = await store.sent(refused(clock.now()), 2)
    assert view.payment.state is not S.REJECTED
    assert view.instructions[0].book.closed is None
    clock.step(MINUTE)
    assert (await store.begin()).move is Move.LOOK_UP
    assert await _find(store, clock) is S.ACCEPTED


async def test_a_refusal_counts_once_the_lookup_is_empty(store: Store, clock: SteppedClock) -> None:
    await _turned_away(store, clock)
    clock.step(4 * SECOND)
    await store.begin()
    await store.sent(refused(clock.now()), 2)
    clock.step(MINUTE)
    view = await store.looked_up(Absent(clock.now(), exchange(clock.now())))
    assert (view.payment.state, view.payment.certainty) == (S.REJECTED, Certainty.NOT_SENT)
    assert view.instructions[0].book.closed is Closed.REFUSED


async def test_our_own_checks_do_not_end_what_may_have_been_executed(
    store: Store, clock: SteppedClock
) -> None:
    await _turned_away(store, clock)
    clock.step(MINUTE)
    barred = Examined(clock.now(), [(CheckKind.SCREENING, Barred("a listed name"))])
    view = await store.book.hold(PAY, barred)
    assert view.payment.state is not S.REJECTED
    assert view.cancel_asked
    assert (await store.begin()).move is Move.LOOK_UP


async def test_where_the_lookup_cannot_tell_people_are_asked_and_nothing_is_closed(
    store: Store, clock: SteppedClock
) -> None:
    await _turned_away(store, clock)
    await _cancel(store)
    for _ in range(4):
        clock.step(timedelta(hours=1))
        assert (await store.begin()).move is Move.LOOK_UP
        view = await store.looked_up(CannotTell(clock.now(), "cut short"))
    assert view.payment.certainty is Certainty.UNKNOWN
    assert display(view.payment).headline == "We are checking"
    resolved = await operators.executed(
        store.commands,
        PAYMENT,
        command_id="r1",
        by="alice",
        why="they say so",
        now=clock.now(),
        reference="ref-1",
    )
    assert resolved.view.payment.state is S.SETTLED
