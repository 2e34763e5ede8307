"""Cancels at the moments where one might be forgotten, or believed too early."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from domain.ids import instruction_id
from domain.lifecycle.answers import Absent, Answered, Refused
from domain.lifecycle.command import Outcome
from domain.lifecycle.heard import heard_of_lookup, heard_of_send
from domain.lifecycle.next_step import Owed
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import Move
from domain.payments.display import display
from domain.payments.due import due
from domain.payments.report import PaymentState, Source
from local.temporal_server import DevServer
from store.commands import Commanded
from tests.clock import SteppedClock
from tests.fakes import profile
from tests.polling import eventually
from tests.store.books import PAYMENT, Store, accepted, exchange, in_doubt, report
from tests.world import world

S = PaymentState
SECOND = timedelta(seconds=1)


async def _cancel(store: Store, command_id: str = "c1") -> Commanded:
    return await store.commands.cancel(
        PAYMENT, command_id=command_id, by="shop", why="", now=store.clock.now()
    )


async def test_a_cancel_in_temporals_ui_is_heard_before_the_run_has_loaded_anything(
    server: DevServer, tmp_path: Path
) -> None:
    async with world(tmp_path / "home", server.address, of=profile(cancels=True)) as made:
        payment_id = await made.record_only()
        await made.ensure_running(payment_id)
        await (await made.handle(payment_id)).cancel()
        await made.work()

        async def ended() -> bool:
            described = await (await made.handle(payment_id)).describe()
            return described.close_time is not None

        await eventually(ended, "the end of its run")
        await made.ensure_running(payment_id)  # As the sweep would.
        await eventually(ended, "the end of the next")
        [command] = await made.assembly.commands.of(payment_id)
        assert (command.by, command.outcome) == ("temporal", Outcome.DONE)
        assert made.partner.count("submit") == 0


async def _revived(store: Store, clock: SteppedClock) -> None:
    """Proven absent and cancelled by that; then its answer comes after all."""
    await store.accept(as_of=profile(cancels=True))
    await store.begin()
    clock.step(4 * SECOND)
    for _ in range(2):
        clock.step(SECOND)
        await store.looked_up(Absent(clock.now(), exchange(clock.now()), watermark=True))
    assert (await _cancel(store)).command.outcome is Outcome.DONE
    clock.step(SECOND)
    view = await store.sent(accepted(clock.now()))
    assert (view.payment.state, view.payment.certainty) == (S.CANCELLED, Certainty.UNKNOWN)


async def test_a_cancelled_payment_that_comes_to_life_is_not_called_cancelled(
    store: Store, clock: SteppedClock
) -> None:
    await _revived(store, clock)
    view = await store.payments.view(PAYMENT)
    shown = display(view.payment)
    assert (shown.headline, shown.final, shown.may_retry) == ("We are checking", False, False)
    again = await _cancel(store, "c2")
    assert again.command.outcome is not Outcome.DONE


async def test_a_cancelled_payment_that_comes_to_life_is_taken_back(
    store: Store, clock: SteppedClock
) -> None:
    """Whoever cancelled it still wants that, and the partner is about to execute it."""
    await _revived(store, clock)
    assert [c.outcome for c in await store.commands.of(PAYMENT)] == [Outcome.ASKED]
    view = await store.payments.view(PAYMENT)
    cancel = instruction_id(PAYMENT, InstructionKind.CANCEL)
    assert due(view, clock.now()).owed is Owed.INSTRUCT
    assert due(view, clock.now()).instruction_id == cancel
    assert (await _cancel(store, "c2")).command.outcome is Outcome.ASKED
    assert (await store.begin(cancel)).move is Move.SEND
    paying = await store.book.begin(instruction_id(PAYMENT, InstructionKind.PAY), clock.now())
    assert paying.move is not Move.SEND


async def test_a_cancelled_payment_that_comes_to_life_and_is_not_given_back_says_so(
    store: Store, clock: SteppedClock
) -> None:
    await _revived(store, clock)
    cancel = instruction_id(PAYMENT, InstructionKind.CANCEL)
    turn = await store.begin(cancel)
    now = clock.step(SECOND)
    word = report(now, None, partner_status="too late")
    refusal = Refused(word.model_copy(update={"instruction_id": cancel}), exchange(now))
    view = await store.book.record(heard_of_send(PAYMENT, cancel, turn.attempt, refusal, now))
    assert [c.outcome for c in await store.commands.of(PAYMENT)] == [Outcome.REFUSED]
    assert view.payment.certainty is Certainty.UNKNOWN
    assert [i.kind for i in view.instructions].count(InstructionKind.CANCEL) == 1


async def test_a_cancel_that_fails_for_hours_does_not_keep_the_payment_from_being_read(
    store: Store, clock: SteppedClock
) -> None:
    """It may have settled meanwhile, and the partner's way to take back may be out of order."""
    await store.accept(as_of=profile(cancels=True))
    await store.begin()
    await store.sent(accepted(clock.now()))
    for _ in range(20):  # It stands for long: reads are far apart.
        await _read(store, clock.step(timedelta(minutes=15)))
    await _cancel(store)
    cancel = instruction_id(PAYMENT, InstructionKind.CANCEL)
    reads, end = 0, clock.now() + timedelta(hours=3)
    while clock.now() < end:
        owed = due(await store.payments.view(PAYMENT), clock.now())
        if owed.until is not None:
            clock.step(max(owed.until - clock.now(), SECOND))
        elif owed.owed is Owed.READ:
            reads += 1
            await _read(store, clock.now())
        else:
            await _fail(store, cancel)
    assert reads >= 8, "every quarter of an hour"


async def _read(store: Store, at: datetime) -> None:
    await store.read(Answered(report(at, source=Source.READ), exchange(at)))


async def _fail(store: Store, cancel: str) -> None:
    """One step of the cancel: not heard, or not come about."""
    turn = await store.begin(cancel)
    now = store.clock.step(SECOND)
    if turn.move is Move.SEND:
        answer = in_doubt(server_error=True)
        await store.book.record(heard_of_send(PAYMENT, cancel, turn.attempt, answer, now))
    elif turn.move is Move.LOOK_UP:
        absent = Absent(now, exchange(now), watermark=True)
        heard = heard_of_lookup(PAYMENT, cancel, absent, now, needs_watermark=False)
        await store.book.record(heard)
