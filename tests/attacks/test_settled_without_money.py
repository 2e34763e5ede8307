"""Attacks by a partner that says "completed" and books nothing, less, or another currency."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from domain.lifecycle.answers import Answered
from domain.lifecycle.next_step import Owed
from domain.lifecycle.profile import Profile
from domain.lifecycle.resource import Certainty, FindingKind
from domain.money import Money
from domain.payments.due import due
from domain.payments.payment import Payment
from domain.payments.report import Movement, MovementKind, PaymentState, Source
from store.tables.payments import MovementRow
from store.tables.people import TaskRow
from tests import operators
from tests.clock import SteppedClock
from tests.fakes import WATCH, order, profile
from tests.store.books import PAYMENT, Store, accepted, exchange, report

ORDERED = order().instructed_amount
LESS = Money(minor=ORDERED.minor - 1, currency=ORDERED.currency)
DOLLARS = Money(minor=ORDERED.minor, currency="USD")


def debit(amount: Money) -> Movement:
    return Movement(movement_id="m1", kind=MovementKind.DEBIT, amount=amount)


async def _says_completed(
    store: Store, *movements: Movement, source: Source = Source.READ, lists_all: bool = False
) -> Payment:
    at = store.clock.now()
    word = report(at, PaymentState.SETTLED, source=source, movements=movements,
                  lists_all_movements=lists_all)  # fmt: skip
    if source is Source.STATEMENT:
        return (await store.booked(word)).payment
    return (await store.read(Answered(word, exchange(at)))).payment


async def _watched(store: Store, *movements: Movement, as_of: Profile | None = None) -> Payment:
    """Sent, completed, and read once more after the watch."""
    await store.accept(as_of=as_of or profile())
    await store.begin()
    await store.sent(accepted(store.clock.now()))
    await _says_completed(store, *movements)
    store.clock.step(WATCH + timedelta(hours=1))
    return await _says_completed(store, *movements)


def _open_tasks(store: Store) -> list[str]:
    rows = store.rows(lambda session: session.exec(select(TaskRow)).all())
    return [row.kind for row in rows if row.closed_at is None]


@pytest.mark.parametrize(
    "booked", [(), (debit(LESS),), (debit(DOLLARS),)], ids=["nothing", "less", "dollars"]
)
async def test_completed_without_the_ordered_debit_is_not_final_and_opens_a_task(
    store: Store, booked: tuple[Movement, ...]
) -> None:
    payment = await _watched(store, *booked)
    assert (payment.state, payment.certainty) == (PaymentState.SETTLED, Certainty.UNKNOWN)
    assert "differs" in _open_tasks(store)
    view = await store.payments.view(PAYMENT)
    assert due(view, store.clock.now()).owed is not Owed.OVER, "it is read on: a booking may lag"


async def test_a_debit_in_another_currency_is_asked_about_at_once(store: Store) -> None:
    await store.accept()
    await store.begin()
    await store.sent(accepted(store.clock.now()))
    payment = await _says_completed(store, debit(DOLLARS))
    assert [f.kind for f in payment.findings] == [FindingKind.DIFFERS]
    assert _open_tasks(store) == ["differs"]


async def test_a_booking_that_comes_late_makes_it_final_and_closes_the_task(store: Store) -> None:
    await _watched(store)
    store.clock.step(timedelta(hours=1))
    payment = await _says_completed(store, debit(ORDERED))
    assert (payment.state, payment.certainty) == (PaymentState.FINAL, Certainty.SENT)
    assert _open_tasks(store) == []


async def test_people_who_found_it_executed_make_it_final_at_the_next_read(store: Store) -> None:
    await _watched(store)
    store.clock.step(timedelta(hours=1))
    await operators.executed(
        store.commands,
        PAYMENT,
        command_id="r1",
        by="alice",
        why="on the statement",
        now=store.clock.now(),
    )
    store.clock.step(timedelta(hours=1))
    payment = await _says_completed(store)
    assert (payment.state, payment.certainty) == (PaymentState.FINAL, Certainty.SENT)
    assert _open_tasks(store) == []


async def test_a_partner_that_never_shows_bookings_is_final_by_its_word(store: Store) -> None:
    payment = await _watched(store, as_of=profile(shows_bookings=False))
    assert payment.state is PaymentState.FINAL


async def test_a_debit_that_was_undone_has_no_row_and_makes_nothing_final(store: Store) -> None:
    """The partner called the money back, and its complete list has neither of the two bookings."""
    await store.accept()
    await store.begin()
    await store.sent(accepted(store.clock.now()))
    await _says_completed(store, debit(ORDERED), lists_all=True)
    store.clock.step(WATCH + timedelta(hours=1))
    payment = await _says_completed(store, lists_all=True)
    assert (payment.state, payment.certainty) == (PaymentState.SETTLED, Certainty.UNKNOWN)
    assert store.rows(lambda session: session.exec(select(MovementRow)).all()) == []
    assert _open_tasks(store) == ["differs"]


async def test_the_fold_and_the_table_keep_the_same_word_about_one_booking(
    store: Store, clock: SteppedClock
) -> None:
    """A reply that came after a read corrects it; a statement corrects both, whenever it comes."""
    await store.accept()
    await store.begin()
    await store.sent(accepted(clock.now()))
    for source, amount in (
        (Source.READ, LESS),
        (Source.REPLY, Money(minor=7, currency=ORDERED.currency)),
        (Source.STATEMENT, ORDERED),
        (Source.READ, LESS),
    ):
        clock.step(timedelta(minutes=1))
        payment = await _says_completed(store, debit(amount), source=source)
        (kept,) = store.rows(lambda session: session.exec(select(MovementRow)).all())
        assert kept.amount_minor == payment.amounts.settled.minor
    assert payment.amounts.settled == ORDERED
