"""Commands at every moment of a payment, each in one transaction with what follows from it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from sqlmodel import select

from domain.ids import instruction_id
from domain.lifecycle.command import CommandKind, Outcome
from domain.lifecycle.profile import IdempotencyKind, InstructionKind, LookupKind
from domain.lifecycle.sending import Closed, Move
from domain.payments.payment import UnknownPayment
from domain.payments.report import PaymentState
from store.commands import CannotResolve, Commanded, CommandReused
from store.notifications import Notifications
from store.tables.lifecycles import AttemptRow, CommandRow, InstructionRow
from tests.clock import SteppedClock
from tests.fakes import profile
from tests.store.books import (
    INSTRUCTION,
    PAYMENT,
    Store,
    in_doubt,
)
from tests.store.moments import (
    REFERENCE,
    SECOND,
    S,
    abandon,
    cancel,
    cancelled,
    cancelling,
    contradicted,
    doubtful,
    executed,
    held,
    not_executed,
    nothing_sent,
    parked,
    rejected,
    released,
    settled,
    told_that,
    under_way,
)
from tests.store.processes import together

Moment = Callable[[Store], Awaitable[None]]
C, A, E, N = CommandKind.CANCEL, CommandKind.ABANDON, CommandKind.EXECUTED, CommandKind.NOT_EXECUTED
#: Each command at each moment: what comes of it at once, and the state then; or why it is refused.
CASES: list[tuple[Moment, CommandKind, Outcome | str, PaymentState]] = [
    (nothing_sent, C, Outcome.DONE, S.CANCELLED),
    (under_way, C, Outcome.ASKED, S.SUBMITTING),
    (doubtful, C, Outcome.ASKED, S.SUBMITTING),
    (parked, C, Outcome.ASKED, S.SUBMITTING),
    (held, C, Outcome.ASKED, S.ACCEPTED),
    (released, C, Outcome.TOO_LATE, S.PROCESSING),
    (settled, C, Outcome.TOO_LATE, S.SETTLED),
    (rejected, C, Outcome.TOO_LATE, S.REJECTED),
    (cancelled, C, Outcome.DONE, S.CANCELLED),
    (contradicted, C, Outcome.TOO_LATE, S.REJECTED),
    (nothing_sent, A, Outcome.DONE, S.CANCELLED),
    (under_way, A, Outcome.ASKED, S.SUBMITTING),
    (doubtful, A, Outcome.ASKED, S.SUBMITTING),
    (parked, A, Outcome.ASKED, S.SUBMITTING),
    (held, A, Outcome.ASKED, S.ACCEPTED),
    (released, A, Outcome.TOO_LATE, S.PROCESSING),
    (settled, A, Outcome.DONE, S.UNCONFIRMED),
    (rejected, A, Outcome.TOO_LATE, S.REJECTED),
    (cancelled, A, Outcome.DONE, S.CANCELLED),
    (contradicted, A, Outcome.TOO_LATE, S.REJECTED),
    (nothing_sent, E, "not in question", S.CREATED),
    (under_way, E, "an attempt is under way", S.SUBMITTING),
    (doubtful, E, Outcome.DONE, S.SETTLED),
    (parked, E, Outcome.DONE, S.SETTLED),
    (held, E, "not in question", S.ACCEPTED),
    (released, E, "not in question", S.PROCESSING),
    (settled, E, "not in question", S.SETTLED),
    (rejected, E, "there is nothing to decide", S.REJECTED),
    (cancelled, E, "there is nothing to decide", S.CANCELLED),
    (contradicted, E, Outcome.DONE, S.SETTLED),
    (nothing_sent, N, "not in question", S.CREATED),
    (under_way, N, "an attempt is under way", S.SUBMITTING),
    (doubtful, N, Outcome.PROPOSED, S.SUBMITTING),
    (parked, N, Outcome.PROPOSED, S.SUBMITTING),
    (held, N, "not in question", S.ACCEPTED),
    (released, N, "not in question", S.PROCESSING),
    (settled, N, "not in question", S.SETTLED),
    (rejected, N, "there is nothing to decide", S.REJECTED),
    (cancelled, N, "there is nothing to decide", S.CANCELLED),
    (contradicted, N, Outcome.PROPOSED, S.REJECTED),
]
ASK: dict[CommandKind, Callable[[Store], Awaitable[Commanded]]] = {
    C: cancel,
    A: abandon,
    E: executed,
    N: not_executed,
}


@pytest.mark.parametrize(
    ("moment", "kind", "wanted", "state"),
    CASES,
    ids=[f"{kind.value}-{moment.__name__}" for moment, kind, _, _ in CASES],
)
async def test_each_command_at_each_moment(
    store: Store,
    moment: Moment,
    kind: CommandKind,
    wanted: Outcome | str,
    state: PaymentState,
) -> None:
    await moment(store)
    before = len(await store.commands.of(PAYMENT))
    if isinstance(wanted, Outcome):
        commanded = await ASK[kind](store)
        assert commanded.command.outcome is wanted
        assert commanded.view.payment.state is state
        assert len(await store.commands.of(PAYMENT)) == before + 1
    else:
        with pytest.raises(CannotResolve, match=wanted):
            await ASK[kind](store)
        assert len(await store.commands.of(PAYMENT)) == before
    view = await store.payments.view(PAYMENT)
    assert view.payment.state is state


def test_every_command_is_tried_at_every_moment() -> None:
    moments = {moment for moment, _, _, _ in CASES}
    tried = {(moment, kind) for moment, kind, _, _ in CASES}
    assert len(moments) == 10
    assert tried == {(moment, kind) for moment in moments for kind in ASK}
    assert set(ASK) == set(CommandKind) - {CommandKind.RENEW}, "no payment is renewed"


@pytest.mark.parametrize("kind", ASK)
async def test_a_command_asked_again_answers_and_does_nothing_new(
    store: Store, kind: CommandKind
) -> None:
    await doubtful(store)
    first = await ASK[kind](store)
    tables = store.rows(lambda s: s.exec(select(InstructionRow)).all())
    store.clock.step(SECOND)
    again = await ASK[kind](store)
    assert again.command == first.command
    assert again.view.payment == first.view.payment
    assert store.rows(lambda s: s.exec(select(InstructionRow)).all()) == tables
    assert len(await store.commands.of(PAYMENT)) == 1


async def test_asked_again_it_answers_with_what_came_of_it_since(store: Store) -> None:
    await held(store)
    assert (await cancel(store)).command.outcome is Outcome.ASKED
    await told_that(store, S.PROCESSING)
    assert (await cancel(store)).command.outcome is Outcome.TOO_LATE


async def test_a_command_id_stands_for_one_command(store: Store) -> None:
    await parked(store)
    await not_executed(store, "alice", "x")
    others: list[Callable[[], Awaitable[Commanded]]] = [
        lambda: cancel(store, "x"),
        lambda: abandon(store, "x"),
        lambda: executed(store, "x"),
        lambda: not_executed(store, "bob", "x"),
        lambda: not_executed(store, "alice", "x", evidence=b"another letter"),
    ]
    for other in others:
        with pytest.raises(CommandReused, match="use a new id"):
            await other()
    [only] = await store.commands.of(PAYMENT)
    assert (only.by, only.outcome) == ("alice", Outcome.PROPOSED)


async def test_the_same_finding_under_another_reference_is_another_command(store: Store) -> None:
    await doubtful(store)
    await executed(store, "e1", reference=None)
    with pytest.raises(CommandReused):
        await executed(store, "e1", reference=REFERENCE)


async def test_other_words_under_a_known_id_are_refused(store: Store) -> None:
    await held(store)
    await cancel(store, "c1", why="the customer asked")
    with pytest.raises(CommandReused):
        await cancel(store, "c1", why="the shop has closed")


async def test_two_payments_may_use_the_same_command_id(store: Store) -> None:
    await store.accept()
    await store.accept("k2", payment_id="pay_2")
    await cancel(store, "c")
    other = await store.commands.cancel(
        "pay_2", command_id="c", by="else", why="", now=store.clock.now()
    )
    assert other.command.outcome is Outcome.DONE


async def test_a_command_for_no_payment_is_not_kept(store: Store) -> None:
    for ask in ASK.values():
        with pytest.raises(UnknownPayment):
            await ask(store)
    assert store.rows(lambda s: s.exec(select(CommandRow)).all()) == []


async def test_what_is_cancelled_before_its_send_can_never_be_begun(store: Store) -> None:
    await nothing_sent(store)
    await store.build()
    await cancel(store)
    turn = await store.book.begin(INSTRUCTION, store.clock.now())
    assert turn.move is Move.NOTHING
    assert store.rows(lambda s: s.exec(select(AttemptRow)).all()) == []


async def test_a_cancel_waits_for_the_attempt_that_lives_and_then_nothing_leaves(
    store: Store, clock: SteppedClock
) -> None:
    await under_way(store)
    await cancel(store)
    turn = await store.book.begin(INSTRUCTION, clock.now())
    assert turn.move is Move.WAIT
    clock.step(3 * SECOND)
    await store.sent(in_doubt())
    for _ in range(50):
        turn = await store.book.begin(INSTRUCTION, clock.step(SECOND))
        assert turn.move not in (Move.SEND, Move.CHECK)
    assert len(store.rows(lambda s: s.exec(select(AttemptRow)).all())) == 1


async def test_a_key_that_is_honoured_is_not_used_again_after_a_cancel(
    store: Store, clock: SteppedClock
) -> None:
    of = profile(IdempotencyKind.REPLAY_RESPONSE, LookupKind.NONE)
    await store.accept(as_of=of)
    await store.begin()
    clock.step(3 * SECOND)
    await store.sent(in_doubt())
    assert (await store.book.begin(INSTRUCTION, clock.step(SECOND))).move is Move.SEND
    clock.step(3 * SECOND)
    await store.sent(in_doubt(), attempt=2)
    await cancel(store)
    assert (await store.book.begin(INSTRUCTION, clock.step(SECOND))).move is Move.PARK


async def test_what_the_partner_holds_is_asked_back_by_one_instruction(store: Store) -> None:
    await held(store)
    await cancel(store, "c1")
    await cancel(store, "c2")
    kinds = [row.kind for row in store.rows(lambda s: s.exec(select(InstructionRow)).all())]
    assert sorted(kinds) == [InstructionKind.CANCEL, InstructionKind.PAY]


async def test_two_cancels_get_the_same_answer(store: Store) -> None:
    await held(store)
    await cancel(store, "c1")
    await cancel(store, "c2")
    await told_that(store, S.CANCELLED)
    assert [c.outcome for c in await store.commands.of(PAYMENT)] == [Outcome.DONE, Outcome.DONE]


async def test_a_cancel_that_is_moot_is_never_sent(store: Store, clock: SteppedClock) -> None:
    await held(store)
    await cancel(store)
    await told_that(store, S.PROCESSING)
    cancelling_it = instruction_id(PAYMENT, InstructionKind.CANCEL)
    row = store.rows(lambda s: s.get_one(InstructionRow, cancelling_it))
    assert row.closed == Closed.MOOT
    assert (await store.book.begin(cancelling_it, clock.now())).move is Move.NOTHING


async def test_a_command_is_told_of_once(store: Store, clock: SteppedClock) -> None:
    notifications = Notifications(store.database)
    await held(store)
    await cancel(store, "c1")
    asked_at = clock.now()
    assert await notifications.commands(asked_through=asked_at - SECOND, limit=9) == []
    assert await notifications.commands(asked_through=asked_at, limit=9) == [("shop", PAYMENT)]
    clock.step(SECOND)
    await cancel(store, "c2")
    await notifications.notified([PAYMENT], asked_through=asked_at, now=clock.now())
    assert await notifications.commands(asked_through=asked_at, limit=9) == []
    assert await notifications.commands(asked_through=clock.now(), limit=9) == [("shop", PAYMENT)]


async def test_a_command_at_the_end_is_told_of_too(store: Store, clock: SteppedClock) -> None:
    """A run that waits for the watch would else wait on though nothing is owed any more."""
    await settled(store)
    await abandon(store)
    assert store.open() == []
    waiting = await Notifications(store.database).commands(asked_through=clock.now(), limit=9)
    assert waiting == [("shop", PAYMENT)]


async def test_its_own_run_need_not_be_told(store: Store, clock: SteppedClock) -> None:
    await nothing_sent(store)
    await store.commands.cancel(
        PAYMENT, command_id="d", by="deadline", why="", now=clock.now(), by_its_run=True
    )
    assert await Notifications(store.database).commands(asked_through=clock.now(), limit=9) == []


async def test_a_cancel_and_a_begin_at_once_leave_an_attempt_or_nothing_ever(
    store: Store, tmp_path: Path, processes: ProcessPoolExecutor
) -> None:
    payments = [f"pay_{number}" for number in range(10)]
    for payment_id in payments:
        await store.accept(payment_id, payment_id=payment_id, as_of=cancelling())
        await store.build(instruction_id(payment_id, InstructionKind.PAY))
    jobs = [_begin, _begin, _cancel, _cancel]
    asked = [processes.submit(job, store.where, tmp_path / "meeting", payments) for job in jobs]
    answers = [await asyncio.wrap_future(future) for future in asked]
    for payment_id, *moves_and_outcomes in zip(payments, *answers, strict=True):
        moves, outcomes = sorted(moves_and_outcomes[:2]), set(moves_and_outcomes[2:])
        instruction = instruction_id(payment_id, InstructionKind.PAY)
        later = await store.book.begin(instruction, store.clock.now())
        if _attempts(store, instruction):
            assert (moves, outcomes) == ([Move.SEND, Move.WAIT], {Outcome.ASKED})
            assert later.move is Move.WAIT
        else:
            assert (moves, outcomes) == ([Move.NOTHING, Move.NOTHING], {Outcome.DONE})
            assert later.move is Move.NOTHING


def _begin(where: Path | str, meeting: Path, payments: Sequence[str]) -> list[str]:
    async def begin(store: Store, payment_id: str) -> str:
        instruction = instruction_id(payment_id, InstructionKind.PAY)
        return (await store.book.begin(instruction, store.clock.now())).move

    return _each(where, meeting, payments, begin)


def _cancel(where: Path | str, meeting: Path, payments: Sequence[str]) -> list[str]:
    async def ask(store: Store, payment_id: str) -> str:
        commanded = await store.commands.cancel(
            payment_id, command_id="c", by="shop", why="", now=store.clock.now()
        )
        return commanded.command.outcome

    return _each(where, meeting, payments, ask)


def _each(
    where: Path | str,
    meeting: Path,
    payments: Sequence[str],
    do: Callable[[Store, str], Awaitable[str]],
) -> list[str]:
    store = Store(where, SteppedClock())

    async def all_of_them() -> list[str]:
        done = []
        for payment_id in payments:
            together(meeting / payment_id, 4)
            done.append(await do(store, payment_id))
        return done

    meeting.mkdir(exist_ok=True)
    try:
        return asyncio.run(all_of_them())
    finally:
        store.close()


def _attempts(store: Store, instruction: str) -> int:
    rows = select(AttemptRow).where(AttemptRow.instruction_id == instruction)
    return len(store.rows(lambda session: session.exec(rows).all()))
