"""Decisions of people, tried where one of them would answer for what nobody looked at."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from domain.lifecycle.answers import Answered, Unanswered
from domain.lifecycle.command import Outcome
from domain.lifecycle.profile import IdempotencyKind, LookupKind
from domain.lifecycle.sending import Move
from domain.payments.report import PaymentState, Source
from store.commands import CannotResolve, Commanded
from store.tables.people import TaskRow
from tests import operators
from tests.clock import SteppedClock
from tests.fakes import profile
from tests.store.books import INSTRUCTION, PAYMENT, Store, exchange, in_doubt, report

S = PaymentState
SECOND = timedelta(seconds=1)


async def _sign(store: Store, by: str, command_id: str = "") -> Commanded:
    return await operators.not_executed(store.commands,
        PAYMENT, command_id=command_id or f"n-{by}", by=by, why="asked by telephone",
        evidence=b"Their letter.", now=store.clock.now(),
    )  # fmt: skip


async def _told(store: Store, state: PaymentState | None) -> None:
    now = store.clock.step(SECOND)
    await store.read(Answered(report(now, state, source=Source.READ), exchange(now)))


async def test_a_signature_says_nothing_of_what_was_sent_after_it(
    store: Store, clock: SteppedClock
) -> None:
    """The same doubt, in the same words, about one attempt more."""
    await store.accept(as_of=profile(IdempotencyKind.REPLAY_RESPONSE, LookupKind.NONE))
    await store.begin()
    clock.step(3 * SECOND)
    await store.sent(in_doubt())
    await _sign(store, "alice")
    assert (await store.book.begin(INSTRUCTION, clock.step(SECOND))).move is Move.SEND
    clock.step(3 * SECOND)
    await store.sent(in_doubt(), attempt=2)
    second = await _sign(store, "bob")
    assert second.command.outcome is Outcome.PROPOSED
    assert second.view.payment.state is S.SUBMITTING
    assert (await _sign(store, "alice", "anew")).command.outcome is Outcome.DONE


@pytest.mark.parametrize("between", [(S.REJECTED, S.SETTLED), (None, S.SETTLED)])
async def test_what_was_said_and_unsaid_between_two_signatures_voids_the_first(
    store: Store, clock: SteppedClock, between: tuple[PaymentState | None, ...]
) -> None:
    """It stands where it stood, and the partner changed its word twice."""
    await store.accept()
    await store.begin()
    for state in (S.ACCEPTED, S.REJECTED, None, S.SETTLED):
        await _told(store, state)
    first = await _sign(store, "alice")
    for state in between:
        await _told(store, state)
    second = await _sign(store, "bob")
    assert second.view.payment.state is first.view.payment.state
    assert second.command.outcome is Outcome.PROPOSED


async def test_what_was_found_executed_and_is_never_shown_is_asked_about_again(
    store: Store, clock: SteppedClock
) -> None:
    await _found_under_a_typo(store, clock)
    for _ in range(3):
        clock.step(timedelta(minutes=1))
        await store.read(Unanswered("they show no such payment", None))
    open_tasks = store.rows(
        lambda s: [task.kind for task in s.exec(select(TaskRow)) if task.closed_at is None]
    )
    assert open_tasks == ["not_shown"]


async def test_a_wrong_reference_can_be_undone_by_two_operators(
    store: Store, clock: SteppedClock
) -> None:
    await _found_under_a_typo(store, clock)
    for by in ("alice", "bob"):
        clock.step(SECOND)
        decided = await operators.not_executed(store.commands,
            PAYMENT, command_id=f"n-{by}", by=by, why="it was a typo", evidence=b"letter",
            now=clock.now(),
        )  # fmt: skip
    assert decided.view.payment.state is PaymentState.REJECTED
    assert (await store.begin()).move is Move.NOTHING


async def test_not_executed_is_not_signed_while_bytes_may_still_arrive(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept(as_of=profile(lookup=LookupKind.NONE))
    turn = await store.begin()
    await store.sent(in_doubt())
    assert turn.deadline is not None
    assert clock.now() < turn.deadline.ends_by
    with pytest.raises(CannotResolve, match="under way until"):
        await operators.not_executed(store.commands,
            PAYMENT, command_id="n", by="alice", why="w", evidence=b"letter",
            now=clock.now(),
        )  # fmt: skip


async def _found_under_a_typo(store: Store, clock: SteppedClock) -> None:
    await store.accept()
    await store.begin()
    clock.step(timedelta(seconds=4))
    await store.sent(in_doubt())
    await operators.executed(
        store.commands,
        PAYMENT,
        command_id="e",
        by="alice",
        why="w",
        now=clock.now(),
        reference="a-typo",
    )
