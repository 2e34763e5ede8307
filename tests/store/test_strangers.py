"""What partners list under our keys: once each, at its place, also of payments that have ended."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from domain.lifecycle.answers import Absent, Found, Shown
from domain.lifecycle.next_step import Owed
from domain.lifecycle.profile import IdempotencyKind
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import Closed, Move
from domain.payments.due import due
from domain.payments.listing import Listing
from domain.payments.report import PaymentState
from store.halts import Halts
from store.tables.partners import ListingRow
from store.timeline import Timelines
from tests.clock import SteppedClock
from tests.fakes import ACCOUNT, BANK, profile
from tests.store.books import (
    INSTRUCTION,
    PAYMENT,
    Store,
    accepted,
    exchange,
    in_doubt,
    refused,
    report,
)
from tests.store.copies import copy_of, set_back

_BANK = "https://bank.example:443 login 0123456789ab"
_SANDBOX = "https://sandbox.bank.example:443 login 0123456789ab"


def _at(place: str = "", *formerly: str) -> Listing:
    return Listing.of(BANK, ACCOUNT, profile(environment=place, formerly=formerly))


async def _key(store: Store) -> str:
    return str((await store.reading(INSTRUCTION)).subject.keys[-1])


async def _cancelled(store: Store, clock: SteppedClock) -> Shown:
    """In doubt, proven absent, and cancelled; afterwards the partner executes it after all."""
    await store.begin()
    await store.sent(in_doubt())
    now = clock.now()
    await store.commands.cancel(PAYMENT, command_id="c", by="alice", why="no", now=now)
    await _look_up_in_vain(store, clock)
    assert (await store.payments.view(PAYMENT)).payment.state is PaymentState.CANCELLED
    clock.step(timedelta(minutes=1))
    return Shown("ref-1", await _key(store), clock.now())


async def _look_up_in_vain(store: Store, clock: SteppedClock) -> None:
    for _ in range(20):
        clock.step(timedelta(seconds=1))
        turn = await store.book.begin(INSTRUCTION, clock.now())
        if turn.move is Move.LOOK_UP:
            await store.looked_up(Absent(clock.now(), exchange(clock.now())))


async def test_what_was_proven_absent_and_cancelled_is_looked_up_once_the_list_shows_it(
    store: Store, clock: SteppedClock
) -> None:
    """There is no restore: it came after all, from a queue of the partner's."""
    await store.accept()
    await store.compare()
    shown = await _cancelled(store, clock)
    assert await store.compare(shown) == "", "nothing was lost"
    assert await Halts(store.database).in_force() == []
    view = await store.payments.view(PAYMENT)
    assert view.payment.certainty is Certainty.UNKNOWN
    assert due(view, clock.now()).owed is Owed.INSTRUCT
    [command] = await store.commands.of(PAYMENT)
    assert command.outcome == "asked"
    turn = await store.book.begin(INSTRUCTION, clock.now())
    assert turn.move is Move.LOOK_UP
    view = await store.looked_up(Found(report(clock.now()), exchange(clock.now())))
    assert (view.payment.state, view.payment.certainty) == (PaymentState.ACCEPTED, Certainty.SENT)


async def test_what_was_refused_is_looked_up_once_the_list_shows_it(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    await store.compare()
    await store.begin()
    await store.sent(refused(clock.now()))
    await store.compare(Shown("ref-1", await _key(store), clock.now()))
    view = await store.payments.view(PAYMENT)
    assert view.payment.certainty is Certainty.UNKNOWN
    assert view.instructions[0].book.reopened is Closed.REFUSED


async def test_what_is_shown_and_not_found_is_reopened_once_and_ends_again(
    store: Store, clock: SteppedClock
) -> None:
    """The list keeps showing it, round after round, since nothing newer moves the mark."""
    await store.accept()
    await store.compare()
    shown = await _cancelled(store, clock)
    await store.compare(shown)
    await _look_up_in_vain(store, clock)
    for _ in range(3):
        clock.step(timedelta(seconds=20))
        assert await store.compare(shown) == ""
        view = await store.payments.view(PAYMENT)
        assert view.payment.state is PaymentState.CANCELLED
        assert due(view, clock.now()).owed is Owed.OVER
    assert len(view.instructions[0].book.attempts) == 2
    texts = [entry.text for entry in await Timelines(store.database, store.keyring).of(PAYMENT)]
    assert (
        "attempt 2: counts as sent, since the partner shows the payment, which counted as not "
        "sent" in texts
    )


async def test_what_the_partner_is_known_to_hold_is_not_doubted_by_its_list(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    await store.compare()
    await store.begin()
    await store.sent(accepted(clock.now()))
    await store.compare(Shown("ref-1", await _key(store), clock.now()))
    view = await store.payments.view(PAYMENT)
    assert view.payment.certainty is Certainty.SENT
    assert len(view.instructions[0].book.attempts) == 1


@pytest.mark.parametrize("kind", [IdempotencyKind.REPLAY_STATE, IdempotencyKind.NONE])
async def test_what_the_list_shows_of_an_ended_payment_has_it_never_sent_again(
    store: Store, clock: SteppedClock, kind: IdempotencyKind
) -> None:
    await store.accept(as_of=profile(kind))
    await store.compare()
    await store.begin()
    await store.sent(refused(clock.now()))
    await store.compare(Shown("ref-1", await _key(store), clock.now()))
    moves = set()
    for _ in range(20):
        clock.step(timedelta(seconds=1))
        turn = await store.book.begin(INSTRUCTION, clock.now())
        moves.add(turn.move)
        if turn.move is Move.LOOK_UP:
            await store.looked_up(Absent(clock.now(), exchange(clock.now())))
    assert Move.SEND not in moves
    view = await store.payments.view(PAYMENT)
    assert view.payment.state is PaymentState.REJECTED
    assert due(view, clock.now()).owed is Owed.OVER


# Places


async def test_another_place_under_the_same_name_leaves_the_mark_where_it_is(
    store: Store, clock: SteppedClock
) -> None:
    """For an hour the settings named the sandbox, whose newest payment is younger than the loss."""
    await store.accept()
    await store.compare(listing=_at(_BANK))
    copy = copy_of(store.database)
    await store.begin()
    shown = Shown("ref-1", await _key(store), clock.now())
    clock.step(timedelta(hours=1))
    set_back(store.database, copy)
    await store.compare(Shown("sandbox-1", None, clock.now()), listing=_at(_SANDBOX))
    clock.step(timedelta(minutes=5))
    assert await store.compare(shown, listing=_at(_BANK)), "the bank shows it"


async def test_what_another_place_showed_under_a_key_is_found_anew_at_this_one(
    store: Store, clock: SteppedClock
) -> None:
    shown = Shown("ref-1", "K" * 32, clock.now())
    assert await store.compare(shown, listing=_at(_SANDBOX))
    assert await store.compare(shown, listing=_at(_BANK))
    assert await store.compare(shown, listing=_at(_BANK)) == ""


@pytest.mark.parametrize("before", ["", "bank.example"])
async def test_the_mark_of_an_earlier_release_stands_for_the_place_that_is_compared_next(
    store: Store, clock: SteppedClock, before: str
) -> None:
    through = clock.now() - timedelta(days=3)
    _mark(store, [(before, through)])
    since = await store.strangers.since(_at(_BANK), clock.now())
    assert (since.at, since.halts) == (through - timedelta(minutes=1), True)
    await store.compare(Shown("p", None, clock.now()), listing=_at(_BANK))
    assert _marks(store) == [(_BANK, clock.now())]
    since = await store.strangers.since(_at(_SANDBOX), clock.now())
    assert since.at == clock.now() - timedelta(days=30), "another place was never compared"


async def test_a_place_that_had_another_name_keeps_its_mark(
    store: Store, clock: SteppedClock
) -> None:
    """A new login of the same customer, with the former one named in the settings."""
    former = _BANK.replace("0123456789ab", "ba9876543210")
    _mark(store, [(former, clock.now())])
    since = await store.strangers.since(_at(_BANK, former), clock.now())
    assert since.at == clock.now() - timedelta(minutes=1)
    await store.compare(listing=_at(_BANK, former))
    assert [place for place, _ in _marks(store)] == [_BANK]


def _mark(store: Store, marks: Iterable[tuple[str, datetime]]) -> None:
    rows = [
        ListingRow(partner=BANK, partner_account=ACCOUNT, place=place, through=through)
        for place, through in marks
    ]
    store.database.write_now(lambda session: session.add_all(rows))


def _marks(store: Store) -> list[tuple[str, datetime]]:
    rows = store.rows(lambda session: session.exec(select(ListingRow)).all())
    return [(row.place, row.through) for row in rows]
