"""Our own checks, where they say no after something has left."""

from __future__ import annotations

from datetime import timedelta

from domain.ids import instruction_id
from domain.lifecycle.answers import Found
from domain.lifecycle.gate import Barred, Examined, OnHold
from domain.lifecycle.next_step import Owed
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.sending import Move
from domain.payments.due import due
from domain.payments.gate import CheckKind
from domain.payments.report import PaymentState, Source
from tests.clock import SteppedClock
from tests.fakes import profile
from tests.store.books import INSTRUCTION, PAYMENT, Store, exchange, in_doubt, report

SECOND = timedelta(seconds=1)
DENIED = (CheckKind.SCREENING, Barred("stands on a list"))
LATER = timedelta(days=1)


async def _sent_by_another_process(store: Store, clock: SteppedClock) -> None:
    """Which had asked the checks a moment before us."""
    await store.accept(as_of=profile(cancels=True))
    await store.begin()
    clock.step(4 * SECOND)
    await store.sent(in_doubt())


async def test_what_is_barred_after_it_was_sent_is_taken_back_once_it_is_found(
    store: Store, clock: SteppedClock
) -> None:
    await _sent_by_another_process(store, clock)
    for _ in range(2):
        await store.book.hold(INSTRUCTION, Examined(clock.step(SECOND), [DENIED]))
    assert (await store.book.begin(INSTRUCTION, clock.now())).move is Move.LOOK_UP
    found = report(clock.step(SECOND), PaymentState.ACCEPTED, source=Source.READ)
    await store.looked_up(Found(found, exchange(clock.now())))
    cancel = instruction_id(PAYMENT, InstructionKind.CANCEL)
    assert (await store.begin(cancel)).move is Move.SEND
    [command] = await store.commands.of(PAYMENT)
    assert (command.by, command.why) == ("our checks", "screening: stands on a list")


async def test_what_is_held_after_it_was_sent_is_looked_up_without_waiting_for_us(
    store: Store, clock: SteppedClock
) -> None:
    await _sent_by_another_process(store, clock)
    held = (CheckKind.APPROVAL, OnHold("nobody agreed yet", clock.now() + LATER))
    view = await store.book.hold(INSTRUCTION, Examined(clock.step(SECOND), [held]))
    assert due(view, clock.now()).owed is Owed.INSTRUCT
    assert (await store.book.begin(INSTRUCTION, clock.now())).move is Move.LOOK_UP
