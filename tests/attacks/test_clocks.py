"""Attacks with a clock that was wrong for a while, or is wrong on another machine."""

from __future__ import annotations

from datetime import timedelta

from domain.lifecycle.answers import Absent, Found
from domain.lifecycle.profile import LookupKind
from domain.lifecycle.sending import Move
from domain.payments.report import Source
from tests.clock import START, SteppedClock
from tests.fakes import order, profile
from tests.store.books import Store, exchange, in_doubt, report

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


async def test_answers_dated_in_the_future_prove_nothing_about_a_later_send(
    store: Store, clock: SteppedClock
) -> None:
    """Two empty answers, asked by a clock an hour fast, lie after every send of that hour."""
    of = order(START, times={"submit_before": START + 5 * HOUR})
    await store.accept(of=of, as_of=profile(lookup=LookupKind.STRONG))
    assert (await store.begin()).move is Move.SEND  # And the worker dies before it writes.
    clock.step(HOUR)
    for _ in range(2):
        assert (await store.begin()).move is Move.LOOK_UP
        await store.looked_up(Absent(clock.now(), exchange(clock.now())))
        clock.step(2 * SECOND)
    clock.step(10 * SECOND - HOUR)  # Somebody mends the clock.
    effects = 0
    for _ in range(20):
        turn = await store.begin()
        match turn.move:
            case Move.SEND:
                effects += 1  # Executed; its answer is lost.
                await store.sent(in_doubt(), turn.attempt)
            case Move.LOOK_UP if effects:
                found = report(clock.now(), source=Source.READ)
                await store.looked_up(Found(found, exchange(clock.now())))
            case Move.LOOK_UP:
                await store.looked_up(Absent(clock.now(), exchange(clock.now())))
            case Move.WAIT:
                assert turn.step.until is not None
                clock.step(turn.step.until - clock.now())
            case _:
                break
    assert effects == 1
