"""Halts: what they cover, what `begin` does meanwhile, and who is told once they are lifted."""

from __future__ import annotations

import asyncio
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from domain.lifecycle.answers import Absent
from domain.lifecycle.profile import IdempotencyKind, InstructionKind, LookupKind
from domain.lifecycle.sending import Move
from domain.payments.order import Rail
from store.halts import Halts
from store.notifications import Notifications
from store.tables.lifecycles import AttemptRow
from tests.clock import SteppedClock
from tests.fakes import BANK, order, profile
from tests.store.books import (
    INSTRUCTION,
    PAYMENT,
    Store,
    accepted,
    exchange,
    in_doubt,
    not_sent,
)
from tests.store.processes import together

SECOND = timedelta(seconds=1)
RAIL = Rail.SEPA_CREDIT_TRANSFER


@pytest.fixture
def halts(store: Store) -> Halts:
    return Halts(store.database)


async def _halt(halts: Halts, clock: SteppedClock, **scope: Any) -> int:
    return await halts.halt(by="alice", why="looks wrong", now=clock.now(), **scope)


async def _begin(store: Store) -> Move:
    return (await store.book.begin(INSTRUCTION, store.clock.now())).move


@pytest.mark.parametrize(
    ("scope", "covers"),
    [
        ({}, True),
        ({"partner": BANK}, True),
        ({"tenant": "shop"}, True),
        ({"rail": RAIL}, True),
        ({"partner": BANK, "tenant": "shop", "rail": RAIL}, True),
        ({"partner": "another"}, False),
        ({"tenant": "another"}, False),
        ({"rail": "another"}, False),
        ({"partner": BANK, "tenant": "another"}, False),
        ({"partner": "another", "tenant": "shop", "rail": RAIL}, False),
    ],
)
async def test_a_halt_covers_what_is_all_that_it_names(
    store: Store, halts: Halts, clock: SteppedClock, scope: dict[str, Any], covers: bool
) -> None:
    await store.accept()
    await store.build()
    number = await _halt(halts, clock, **scope)
    assert await _begin(store) is (Move.WAIT if covers else Move.SEND)
    assert [halt.number for halt in await halts.covering(PAYMENT)] == ([number] if covers else [])
    assert await halts.held_back(number) == covers
    assert (await store.payments.view(PAYMENT)).halted is covers


async def test_nothing_leaves_while_one_of_two_halts_is_in_force(
    store: Store, halts: Halts, clock: SteppedClock
) -> None:
    await store.accept()
    await store.build()
    first, second = await _halt(halts, clock), await _halt(halts, clock, tenant="shop")
    assert await halts.lift(first, by="bob", now=clock.now())
    assert await _begin(store) is Move.WAIT
    assert [halt.number for halt in await halts.in_force()] == [second]
    assert await halts.lift(second, by="bob", now=clock.now())
    assert await _begin(store) is Move.SEND


async def test_a_halt_is_lifted_once(halts: Halts, clock: SteppedClock) -> None:
    number = await _halt(halts, clock)
    assert await halts.lift(number, by="bob", now=clock.now())
    assert not await halts.lift(number, by="carol", now=clock.now())
    assert not await halts.lift(number + 1, by="bob", now=clock.now())


async def test_while_halted_what_is_in_doubt_is_looked_up_and_not_sent_again(
    store: Store, halts: Halts, clock: SteppedClock
) -> None:
    await store.accept(as_of=profile(IdempotencyKind.REPLAY_RESPONSE))
    await store.begin()
    clock.step(3 * SECOND)
    await store.sent(in_doubt())
    await _halt(halts, clock)
    clock.step(SECOND)
    assert await _begin(store) is Move.LOOK_UP
    for _ in range(5):
        now = clock.step(SECOND)
        await store.looked_up(Absent(now, exchange(now), watermark=True))
    assert await _begin(store) is Move.WAIT, "proven absent, and new sends are halted"


async def test_while_halted_a_key_that_is_honoured_is_not_used_again(
    store: Store, halts: Halts, clock: SteppedClock
) -> None:
    await store.accept(as_of=profile(IdempotencyKind.REPLAY_RESPONSE, LookupKind.NONE))
    await store.begin()
    clock.step(3 * SECOND)
    await store.sent(in_doubt())
    await _halt(halts, clock)
    clock.step(SECOND)
    assert await _begin(store) is Move.WAIT


async def test_a_halt_does_not_stop_taking_a_payment_back(
    store: Store, halts: Halts, clock: SteppedClock
) -> None:
    await store.accept(as_of=profile(cancels=True))
    await store.begin()
    await store.sent(accepted(clock.now()))
    await _halt(halts, clock)
    await store.commands.cancel(PAYMENT, command_id="c", by="shop", why="", now=clock.now())
    taking_back = f"{PAYMENT}/{InstructionKind.CANCEL}/1"
    turn = await store.begin(taking_back)
    assert turn.move is Move.SEND


async def test_halted_until_its_time_is_over_it_expires_unsent(
    store: Store, halts: Halts, clock: SteppedClock
) -> None:
    await store.accept()
    await store.build()
    await _halt(halts, clock)
    clock.step(timedelta(hours=1))
    assert await _begin(store) is Move.EXPIRE
    assert store.rows(lambda s: s.exec(select(AttemptRow)).all()) == []


async def test_what_a_halt_held_back_is_told_once_it_is_lifted(
    store: Store, halts: Halts, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    notifications = Notifications(store.database)
    for number in range(3):
        await store.accept(f"k{number}", payment_id=f"pay_{number}")
    await store.accept("else", payment_id="pay_9", of=order(tenant="another"))
    await store.begin("pay_0/pay/1")
    sent = accepted(clock.now(), instruction="pay_0/pay/1")
    await store.sent(sent, payment_id="pay_0")
    number = await _halt(halts, clock, tenant="shop")
    assert await notifications.lifted() == [], "in force: nobody has to be told"
    await halts.lift(number, by="bob", now=clock.now())
    assert await notifications.lifted() == [number]
    monkeypatch.setattr("store.notifications._MARKED_AT_ONCE", 1)
    assert await notifications.overdue(clock.now(), limit=9) == []
    after, pages = await notifications.notify_held_back(number, clock.now(), None), 1
    while after is not None:
        assert await notifications.lifted() == [number], "not all of it is marked"
        after, pages = await notifications.notify_held_back(number, clock.now(), after), pages + 1
    assert pages == 3
    assert await notifications.overdue(clock.now(), limit=9) == [
        ("shop", "pay_1"),
        ("shop", "pay_2"),
    ]
    assert await notifications.lifted() == []


async def test_what_is_still_to_be_sent_after_a_send_without_effect_is_told_too(
    store: Store, halts: Halts, clock: SteppedClock
) -> None:
    await store.accept()
    await store.begin()
    await store.sent(not_sent())
    number = await _halt(halts, clock)
    assert await halts.held_back(number) == 1


async def test_a_halt_and_a_begin_at_once_leave_an_attempt_from_before_or_none(
    store: Store, clock: SteppedClock, tmp_path: Path, processes: ProcessPoolExecutor
) -> None:
    """Whatever is begun after the halt is committed waits, whichever process begins it."""
    await store.accept()
    await store.build()
    meeting = tmp_path / "meeting"
    asked = [
        processes.submit(job, store.where, meeting)
        for job in (_halt_elsewhere, _begin_elsewhere, _begin_elsewhere)
    ]
    _, *moves = [await asyncio.wrap_future(future) for future in asked]
    attempts = store.rows(lambda s: s.exec(select(AttemptRow)).all())
    assert sorted(moves) == [Move.SEND, Move.WAIT] if attempts else [Move.WAIT] * 2
    assert await _begin(store) is Move.WAIT


def _halt_elsewhere(where: Path | str, meeting: Path) -> str:
    store = Store(where, SteppedClock())
    together(meeting, 3)
    try:
        asyncio.run(_halt(Halts(store.database), store.clock))
        return ""
    finally:
        store.close()


def _begin_elsewhere(where: Path | str, meeting: Path) -> str:
    store = Store(where, SteppedClock())
    together(meeting, 3)
    try:
        return asyncio.run(_begin(store))
    finally:
        store.close()
