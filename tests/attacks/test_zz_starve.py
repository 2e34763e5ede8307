"""Reads and cancel lookups."""

from datetime import timedelta
from domain.answers import Absent
from domain.due import Owed, due
from domain.heard import heard_of_lookup
from domain.ids import instruction_id
from domain.profile import InstructionKind
from domain.sending import Move
from domain.report import PaymentState, Source
from partners.currencycloud.profile import profile_of
from tests.fakes import SteppedClock, profile
from tests.store.books import INSTRUCTION, PAYMENT, Store, accepted, exchange, in_doubt, report
from domain.heard import heard_of_send, heard_of_read
from domain.answers import Told


async def test_simulated_cancel_retry_starves_reads(store, clock):
    of = profile(
        cancels=True,
        operation={"pause_max": timedelta(minutes=1)},
        read_pause=timedelta(seconds=1),
        read_pause_max=timedelta(minutes=30),
    )
    await store.accept(as_of=of)
    await store.begin()
    await store.sent(accepted(clock.now()))
    for _ in range(12):
        clock.step(timedelta(hours=1))
        await store.read(
            Told(
                report(clock.now(), PaymentState.ACCEPTED, source=Source.READ),
                exchange(clock.now()),
            )
        )
    await store.commands.cancel(PAYMENT, command_id="c", by="s", why="", now=clock.now())
    cancel = instruction_id(PAYMENT, InstructionKind.CANCEL)
    reads, start, n = 0, clock.now(), 0
    while clock.now() < start + timedelta(hours=6):
        view = await store.payments.view(PAYMENT)
        owed = due(view, clock.now())
        if owed.owed is Owed.WAIT:
            clock.step(max(owed.until - clock.now(), timedelta(milliseconds=1)))
            continue
        if owed.owed is Owed.READ:
            reads += 1
            await store.read(
                Told(
                    report(clock.now(), PaymentState.ACCEPTED, source=Source.READ),
                    exchange(clock.now()),
                )
            )
            continue
        n += 1
        draft = await store.book.draft(cancel, clock.now())
        turn = await store.begin(cancel)
        if turn.move is Move.SEND:
            clock.step(timedelta(seconds=1))
            await store.book.record(
                heard_of_send(
                    PAYMENT, cancel, turn.attempt, in_doubt(server_error=True), clock.now()
                )
            )
        elif turn.move is Move.LOOK_UP:
            clock.step(timedelta(seconds=1))
            await store.book.record(
                heard_of_lookup(
                    PAYMENT,
                    cancel,
                    Absent(clock.now(), exchange(clock.now()), watermark=True),
                    clock.now(),
                    needs_watermark=False,
                )
            )
        else:
            clock.step(timedelta(seconds=1))
    print("steps", n, "reads", reads)
    assert reads > 0
