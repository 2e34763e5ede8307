"""What Temporal remembers of a database proves whether it is still the same one."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlmodel import func, select

from domain.lifecycle.resource import Certainty
from domain.lifecycle.witness import Known, Mark
from store.forgotten import halt
from store.halts import Halts, NotDoubtedYet
from store.tables.upkeep import RoundRow
from tests.clock import SteppedClock
from tests.store.books import INSTRUCTION, PAYMENT, Store, in_doubt
from tests.store.copies import copy_of, set_back


async def _round(store: Store, known: Known | None = None) -> Known:
    """One round that ends well; gives what Temporal remembers of it."""
    at = store.clock.now()
    store.clock.step(timedelta(seconds=20))
    mark, _ = await store.rounds.prove(known or Known(), store.clock.now())
    return Known(mark=mark, at=at)


async def _halts(store: Store) -> list[str]:
    return [halt.why for halt in await Halts(store.database).in_force()]


async def test_rounds_that_follow_each_other_halt_nothing(store: Store) -> None:
    known = await _round(store)
    for _ in range(3):
        known = await _round(store, known)
    assert known.mark is not None
    assert known.mark.number == 4
    assert await _halts(store) == []


async def test_a_round_whose_workflow_failed_is_no_database_that_was_set_back(
    store: Store,
) -> None:
    """It wrote its mark, and Temporal still remembers the one before."""
    ended = await _round(store)
    for _ in range(3):
        await _round(store, ended)
    assert await _halts(store) == []


async def test_a_database_that_was_set_back_is_found_although_it_overtook_what_was_known(
    store: Store,
) -> None:
    """More attempts than ever before, and as many rounds: a count would see nothing."""
    await store.accept()
    known = await _round(store)
    copy = copy_of(store.database)
    known = await _round(store, known)
    await store.begin()
    set_back(store.database, copy)
    for number in (2, 3):
        await store.accept(f"k{number}", payment_id=f"pay_{number}")
        await store.begin(f"pay_{number}/pay/1")
        await _round(store)  # Its workflow fails: Temporal does not hear of it.
    assert await _halts(store) == []
    await _round(store, known)
    [why] = await _halts(store)
    assert "it does not have round 2 of upkeep" in why
    view = await store.payments.view(PAYMENT)
    assert view.payment.certainty is Certainty.UNKNOWN, "it may have been sent"


async def test_another_database_is_named_as_such(store: Store) -> None:
    known = Known(mark=Mark(installation="another", number=1, nonce="n"), at=store.clock.now())
    await _round(store)
    await _round(store, known)
    [why] = await _halts(store)
    assert "it is not the database that this Temporal knows" in why


async def test_what_was_found_once_is_known_from_then_on(store: Store, clock: SteppedClock) -> None:
    """The round that found it failed after that: the next one must not halt anew."""
    lost = Known(mark=Mark(installation="another", number=99, nonce="n"), at=clock.now())
    following = await _round(store, lost)
    [found] = await Halts(store.database).in_force()
    assert await Halts(store.database).lift(found.number, by="alice", now=clock.now())
    await _round(store, lost)
    await _round(store, following)
    assert await _halts(store) == []
    assert following.mark is not None
    assert following.mark.number == 100, "numbers go on from the highest that anybody knew"


@pytest.mark.parametrize(("attempts", "halts"), [(1, 0), (2, 1)])
async def test_a_round_of_an_earlier_release_left_a_count_which_is_compared_once(
    store: Store, attempts: int, halts: int
) -> None:
    await store.accept()
    await store.begin()
    known = await _round(store, Known(attempts=attempts, at=store.clock.now()))
    await _round(store, known)
    assert len(await _halts(store)) == halts


async def test_old_rounds_are_forgotten_and_a_temporal_older_than_that_halts_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.rounds.KEPT", 3)
    first = known = await _round(store)
    for _ in range(9):
        known = await _round(store, known)
    assert store.rows(lambda s: s.exec(select(func.count()).select_from(RoundRow)).one()) == 3
    await _round(store, first)
    assert await _halts(store) == []


async def test_a_halt_is_not_lifted_before_everything_counts_as_sent(
    store: Store, clock: SteppedClock
) -> None:
    """A run found it; the doubt about all other payments comes with the next round."""
    await store.accept()
    await store.set_back.forgot("pay_of_another_time", clock.now())
    halts = Halts(store.database)
    [found] = await halts.in_force()
    assert "it does not have payment pay_of_another_time" in found.why
    with pytest.raises(NotDoubtedYet, match="the next round of upkeep"):
        await halts.lift(found.number, by="alice", now=clock.now())
    await _round(store)
    view = await store.payments.view(PAYMENT)
    assert view.payment.certainty is Certainty.UNKNOWN
    assert await halts.lift(found.number, by="alice", now=clock.now())
    await _round(store)
    assert len((await store.payments.view(PAYMENT)).instructions[0].book.attempts) == 1


async def test_a_round_that_broke_off_while_it_doubted_doubts_nothing_twice(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    await store.begin(INSTRUCTION)
    await store.sent(in_doubt())
    now: datetime = clock.now()
    store.database.write_now(lambda session: halt(session, "found", now))
    doubting = store.set_back
    await doubting._doubt_all(now, clock.now(), None)
    await doubting.doubt(clock.now())
    assert len((await store.payments.view(PAYMENT)).instructions[0].book.attempts) == 2
