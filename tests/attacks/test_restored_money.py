"""The whole step with a database set back to a copy, against a partner that executes each send."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from domain.lifecycle.profile import IdempotencyKind
from domain.lifecycle.witness import Known
from store.halts import Halts
from tests.activities.steps import Steps
from tests.clock import SteppedClock
from tests.fakes import ListingPartner, profile
from tests.store.books import Store
from tests.store.copies import copy_of, set_back
from tests.words import OnSend


async def _round(store: Store, known: Known | None = None) -> Known:
    at = store.clock.now()
    store.clock.step(timedelta(seconds=20))
    mark, _ = await store.rounds.prove(known or Known(), store.clock.now())
    return Known(mark=mark, at=at)


async def _steps(store: Store) -> tuple[Steps, ListingPartner]:
    of = profile(IdempotencyKind.NONE)
    await store.accept(as_of=of)
    partner = ListingPartner(of, store.clock)
    return Steps(store, partner), partner


async def test_a_send_after_one_that_could_not_connect_is_found_in_the_partners_list(
    store: Store, clock: SteppedClock
) -> None:
    steps, partner = await _steps(store)
    partner.on_send.append(OnSend.NOTHING_LEFT)
    await steps.instruct()
    copy = copy_of(store.database)
    clock.step(timedelta(minutes=1))
    await steps.instruct()
    assert len(partner.effects) == 1
    set_back(store.database, copy)
    clock.step(timedelta(minutes=1))
    again = Steps(store, partner)  # Another process: it compares before it sends.
    for _ in range(5):
        await again.instruct()
        clock.step(timedelta(seconds=5))
    assert partner.count("list") > 1
    assert len(partner.effects) == 1


async def test_a_standby_that_takes_over_without_the_attempt_does_not_send_it_again(
    store: Store, clock: SteppedClock
) -> None:
    steps, partner = await _steps(store)
    await steps.activities._witness.compare_all()
    copy = copy_of(store.database)
    as_it_is = partner.submit

    async def meanwhile(*args: Any) -> object:
        answer = await as_it_is(*args)
        if len(partner.effects) == 1:
            set_back(store.database, copy)
        return answer

    partner.submit = meanwhile  # type: ignore[method-assign,assignment]
    for _ in range(3):
        await steps.instruct()
        clock.step(timedelta(seconds=2))
    assert len(partner.effects) == 1


async def test_a_copy_of_a_time_when_an_earlier_halt_stood_is_doubted_before_that_is_lifted(
    store: Store, clock: SteppedClock
) -> None:
    known = await _round(store)
    await store.set_back.forgot("pay_gone", clock.now())
    known = await _round(store, known)
    steps, partner = await _steps(store)
    steps.activities._witness._listers = {}
    steps.activities._witness._accounts = {}  # A partner that cannot list.
    known = await _round(store, known)
    copy = copy_of(store.database)
    halts = Halts(store.database)
    [found] = await halts.in_force()
    await halts.lift(found.number, by="alice", now=clock.now())
    await steps.instruct()
    assert len(partner.effects) == 1
    known = await _round(store, known)
    set_back(store.database, copy)
    clock.step(timedelta(minutes=1))
    known = await _round(store, known)
    [again] = await halts.in_force()
    assert "it does not have round" in again.why
    await halts.lift(found.number, by="alice", now=clock.now())
    for _ in range(5):
        await steps.instruct()
        clock.step(timedelta(seconds=5))
    assert len(partner.effects) == 1
