"""What the book and the halts do once the database is an older copy of itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.lifecycle.answers import Absent, NotSent, Shown
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import Move
from domain.payments.report import PaymentState
from store.forgotten import halt
from store.halts import Halts, NotDoubtedYet
from tests.clock import SteppedClock
from tests.fakes import profile
from tests.store.books import INSTRUCTION, PAYMENT, Store, accepted, exchange, not_sent
from tests.store.copies import copy_of, set_back


async def _set_back_after_a_second_attempt(store: Store, clock: SteppedClock) -> Shown:
    """The copy holds an attempt that could not connect; the next one was executed and is lost."""
    await store.accept()
    await store.compare()
    await store.begin()
    await store.sent(NotSent("connection refused"))
    copy = copy_of(store.database)
    clock.step(timedelta(minutes=1))
    turn = await store.begin()
    assert turn.attempt == 2
    key = (await store.reading(INSTRUCTION)).subject.keys[-1]
    shown = Shown("ref-1", key, clock.now())
    clock.step(timedelta(minutes=1))
    set_back(store.database, copy)
    return shown


async def test_an_attempt_that_never_left_explains_nothing_that_the_partner_shows(
    store: Store, clock: SteppedClock
) -> None:
    shown = await _set_back_after_a_second_attempt(store, clock)
    assert await store.compare(shown)
    turn = await store.begin()
    assert turn.move is not Move.SEND
    book = (await store.payments.view(PAYMENT)).instructions[0].book
    assert book.in_doubt, "the partner has it"
    assert len(book.attempts) == 2


async def test_a_payment_that_the_partner_shows_is_not_cancelled_at_once(
    store: Store, clock: SteppedClock
) -> None:
    shown = await _set_back_after_a_second_attempt(store, clock)
    await store.compare(shown)
    await store.set_back.doubt(clock.now())
    await store.commands.cancel(PAYMENT, command_id="c", by="alice", why="no", now=clock.now())
    view = await store.payments.view(PAYMENT)
    assert view.payment.state is not PaymentState.CANCELLED


async def test_an_acceptance_of_a_forgotten_attempt_is_recorded_and_halts_everything(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    copy = copy_of(store.database)
    await store.begin()
    set_back(store.database, copy)
    view = await store.sent(accepted(clock.now()))
    assert view.payment.certainty is Certainty.SENT
    [found] = await Halts(store.database).in_force()
    assert "has 0 attempts, and attempt 1 was answered" in found.why
    clock.step(timedelta(seconds=2))
    await store.build()
    turn = await store.book.begin(INSTRUCTION, clock.now(), known=0)
    assert turn.move is Move.STORED


async def test_an_acceptance_is_recorded_in_an_attempt_that_was_doubted_meanwhile(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    copy = copy_of(store.database)
    await store.begin()
    set_back(store.database, copy)
    await store.set_back.forgot("pay_gone", clock.now())
    await store.set_back.doubt(clock.now())
    assert (await store.payments.view(PAYMENT)).payment.certainty is Certainty.UNKNOWN
    view = await store.sent(accepted(clock.now()))
    assert view.payment.certainty is Certainty.SENT
    assert view.instructions[0].book.attempts[0].answer is not None


async def test_a_forgotten_attempt_that_never_left_ends_no_doubt(
    store: Store, clock: SteppedClock
) -> None:
    """What else was lost nobody knows: another attempt may have followed it."""
    await store.accept()
    copy = copy_of(store.database)
    await store.begin()
    set_back(store.database, copy)
    view = await store.sent(not_sent())
    assert view.payment.certainty is Certainty.UNKNOWN
    assert len(await Halts(store.database).in_force()) == 1


async def test_a_finding_while_a_halt_stands_has_everything_doubted_anew(
    store: Store, clock: SteppedClock
) -> None:
    """The copy may be of a time when that halt was doubted already."""
    await store.set_back.forgot("pay_gone", clock.now())
    await store.set_back.doubt(clock.now())
    await store.accept()
    now = clock.step(timedelta(minutes=1))
    store.database.write_now(lambda session: halt(session, "found again", now))
    halts = Halts(store.database)
    [found] = await halts.in_force()
    assert "pay_gone" in found.why
    assert "found again" in found.why
    with pytest.raises(NotDoubtedYet):
        await halts.lift(found.number, by="alice", now=now)
    await store.set_back.doubt(now)
    assert (await store.payments.view(PAYMENT)).payment.certainty is Certainty.UNKNOWN
    assert await halts.lift(found.number, by="alice", now=now)


async def test_a_run_that_finds_its_payment_gone_again_keeps_no_halt_from_being_lifted(
    store: Store, clock: SteppedClock
) -> None:
    await store.set_back.forgot("pay_gone", clock.now())
    await store.set_back.doubt(clock.now())
    await store.set_back.forgot("pay_gone", clock.step(timedelta(minutes=1)))
    halts = Halts(store.database)
    [found] = await halts.in_force()
    assert await halts.lift(found.number, by="alice", now=clock.now())


async def test_a_finding_during_the_doubt_is_doubted_by_itself(
    store: Store, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.set_back.forgot("pay_gone", clock.now())
    doubting = store.set_back
    doubt_all = doubting._doubt_all

    async def meanwhile(*args: Any) -> None:
        await doubt_all(*args)
        await store.set_back.forgot("pay_other", clock.now())

    monkeypatch.setattr(doubting, "_doubt_all", meanwhile)
    await doubting.doubt(clock.now())
    halts = Halts(store.database)
    [found] = await halts.in_force()
    with pytest.raises(NotDoubtedYet):
        await halts.lift(found.number, by="alice", now=clock.now())


async def test_a_halt_of_an_operator_called_upkeep_is_no_halt_of_a_set_back(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    halts = Halts(store.database)
    own = await halts.halt(by="upkeep", why="maintenance", now=clock.now(), partner="another")
    await store.set_back.forgot("pay_gone", clock.now())
    turn = await store.begin()
    assert turn.move is not Move.SEND
    assert len(await halts.in_force()) == 2
    assert await halts.lift(own, by="upkeep", now=clock.now())


async def test_no_lookup_counts_while_a_forgotten_attempt_may_still_be_writing(
    store: Store, clock: SteppedClock
) -> None:
    operation = profile().operation(InstructionKind.PAY)
    usual = {"write_within": timedelta(seconds=10), "answer_within": timedelta(seconds=30)}
    pay = operation.model_copy(update=usual)
    await store.accept(as_of=profile(operations={InstructionKind.PAY: pay}))
    copy = copy_of(store.database)
    lost = await store.begin()
    assert lost.deadline is not None
    set_back(store.database, copy)
    await store.set_back.forgot("pay_gone", clock.now())
    await store.set_back.doubt(clock.now())
    await store.commands.cancel(PAYMENT, command_id="c", by="alice", why="no", now=clock.now())
    while clock.now() < lost.deadline.write_before:
        turn = await store.book.begin(INSTRUCTION, clock.now())
        if turn.move is Move.LOOK_UP:
            await store.looked_up(Absent(clock.now(), exchange(clock.now())))
        assert turn.move is not Move.CANCEL, "its bytes may leave until write_before"
        clock.step(timedelta(seconds=1))
