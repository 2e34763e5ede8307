"""What arrives unasked: once, in order, and read only by a read asked after it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlmodel import col, select

from domain.lifecycle.answers import Answered, Unanswered
from domain.lifecycle.notifying import YOUNG
from domain.payments.report import PaymentState, Source
from store.inbox import Arrival
from store.tables.partners import InboxRow
from tests.clock import SteppedClock
from tests.fakes import ACCOUNT, BANK
from tests.store.books import PAYMENT, Store, accepted, exchange, report

TENANT = "shop"
OURS = Arrival(True, TENANT, PAYMENT)
NOBODYS = Arrival(True)


async def _put(
    store: Store, event: str, *, reference: str = "ref-1", account: str = ACCOUNT
) -> Arrival:
    return await store.inbox.put(
        partner=BANK,
        partner_account=account,
        event_key=event,
        partner_reference=reference,
        body=b"{}",
        now=store.clock.now(),
    )


async def _sent(store: Store) -> None:
    await store.accept()
    await store.begin()
    await store.sent(accepted(store.clock.now()))


def _rows(store: Store) -> list[InboxRow]:
    return list(
        store.rows(
            lambda session: session.exec(select(InboxRow).order_by(col(InboxRow.number))).all()
        )
    )


def _told(clock: SteppedClock) -> Answered:
    return Answered(
        report(clock.now(), PaymentState.PROCESSING, source=Source.READ), exchange(clock.now())
    )


async def test_an_event_delivered_by_eight_at_once_is_kept_once(store: Store) -> None:
    await _sent(store)
    stores = [store, *(store.beside() for _ in range(7))]
    arrivals = await asyncio.gather(*(_put(one, "e1") for one in stores))
    assert sorted(arrival.is_new for arrival in arrivals) == [False] * 7 + [True]
    assert {arrival.payment_id for arrival in arrivals} == {PAYMENT}
    assert len(_rows(store)) == 1
    for beside in stores[1:]:
        beside.close()


async def test_an_event_delivered_twice_is_kept_once(store: Store) -> None:
    await _sent(store)
    assert await _put(store, "e1") == OURS
    assert await _put(store, "e1") == Arrival(False, TENANT, PAYMENT)
    assert len(_rows(store)) == 1


async def test_a_read_covers_what_had_arrived_before_it_was_asked(
    store: Store, clock: SteppedClock
) -> None:
    await _sent(store)
    await _put(store, "e1")
    noted = (await store.reading()).inbox_through
    await _put(store, "e2")
    view = await store.read(_told(clock), inbox_through=noted)
    assert view.has_news
    assert [(row.event_key, row.read_at) for row in _rows(store)] == [
        ("e1", clock.now()),
        ("e2", None),
    ]
    view = await store.read(_told(clock), inbox_through=(await store.reading()).inbox_through)
    assert not view.has_news


async def test_a_read_recorded_after_a_younger_one_takes_no_mark_away(
    store: Store, clock: SteppedClock
) -> None:
    await _sent(store)
    await _put(store, "e1")
    early = (await store.reading()).inbox_through
    await _put(store, "e2")
    late = (await store.reading()).inbox_through
    assert not (await store.read(_told(clock), inbox_through=late)).has_news
    assert not (await store.read(_told(clock), inbox_through=early)).has_news


async def test_a_read_without_an_answer_covers_nothing(store: Store) -> None:
    await _sent(store)
    await _put(store, "e1")
    view = await store.read(Unanswered("busy"), inbox_through=(await store.reading()).inbox_through)
    assert view.has_news


async def test_what_came_before_the_reference_was_known_finds_its_payment(store: Store) -> None:
    await store.accept()
    await store.begin()
    assert await _put(store, "e1") == NOBODYS
    assert (await store.reading()).inbox_through == 0
    view = await store.sent(accepted(store.clock.now()))
    assert view.has_news
    assert (await store.reading()).inbox_through == 1


async def test_what_is_for_nobody_stays_parked(store: Store, clock: SteppedClock) -> None:
    await _sent(store)
    assert await _put(store, "e1", reference="ref-of-somebody-else") == NOBODYS
    assert not (await store.payments.view(PAYMENT)).has_news
    clock.step(timedelta(minutes=1))
    assert await store.inbox.unnotified(clock.now(), limit=10) == []


async def test_another_accounts_event_says_nothing_of_a_payment(store: Store) -> None:
    """Whoever has the secret of one account can neither wake another's payment nor use up the
    event's key before it comes."""
    await store.accept()
    await store.begin()
    assert await _put(store, "e1", account="another") == NOBODYS
    view = await store.sent(accepted(store.clock.now()))
    assert not view.has_news
    assert await _put(store, "e2", account="another") == NOBODYS
    assert await _put(store, "e1") == OURS
    assert [row.resource_id for row in _rows(store)] == [None, None, PAYMENT]


async def test_a_payment_is_told_of_once_until_more_arrives(
    store: Store, clock: SteppedClock
) -> None:
    await _sent(store)
    await _put(store, "e1")
    assert await store.inbox.unnotified(clock.now(), limit=10) == [], "too young: somebody tells it"
    clock.step(YOUNG)
    asked_at = clock.now()
    await _put(store, "e2")
    assert await store.inbox.unnotified(asked_at, limit=10) == [(TENANT, PAYMENT)]
    await store.inbox.notified([PAYMENT], asked_at)
    assert await store.inbox.unnotified(asked_at, limit=10) == []
    clock.step(YOUNG)
    assert await store.inbox.unnotified(clock.now(), limit=10) == [(TENANT, PAYMENT)]
    noted = (await store.reading()).inbox_through
    await store.read(_told(clock), inbox_through=noted)
    clock.step(timedelta(days=9))
    assert await store.inbox.unnotified(clock.now(), limit=10) == []


async def test_a_payment_is_told_again_at_some_ages_until_a_read_covers_the_news(
    store: Store, clock: SteppedClock
) -> None:
    """A run may be told of it and end before it reads, and nothing else would wake it."""
    await _sent(store)
    await _put(store, "e1")
    arrived, told = clock.now(), []
    for _ in range(3 * 60 * 8):
        clock.step(timedelta(seconds=20))
        if await store.inbox.unnotified(clock.now(), limit=10):
            await store.inbox.notified([PAYMENT], clock.now())
            told.append(clock.now() - arrived)
    minutes = [round(age.total_seconds() / 60, 1) for age in told]
    assert minutes == [0.3, 1, 10, 60, 360]


async def test_what_was_delivered_is_sealed(store: Store) -> None:
    await store.inbox.put(
        partner=BANK,
        partner_account=ACCOUNT,
        event_key="e1",
        partner_reference="ref-1",
        body=b"a canary of the bank",
        now=store.clock.now(),
    )
    (row,) = _rows(store)
    assert b"canary" not in row.body_sealed
    assert store.keyring.open(row.body_sealed, f"inbox/{BANK}/{ACCOUNT}/e1").endswith(b"bank")
