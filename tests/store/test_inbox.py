"""What arrives unasked: once, in order, and read only by a read asked after it."""

from __future__ import annotations

from sqlmodel import select

from domain.answers import Told, Untold
from domain.report import PaymentState, Source
from store.tables import InboxRow
from tests.fakes import SteppedClock
from tests.store.books import PAYMENT, Store, accepted, exchange, report


async def _put(store: Store, event: str, *, payment_id: str | None = PAYMENT) -> bool:
    return await store.inbox.put(
        partner="bank",
        event_key=event,
        partner_reference="ref-1",
        payment_id=payment_id,
        body=b"{}",
        now=store.clock.now(),
    )


async def _sent(store: Store) -> None:
    await store.accept()
    await store.begin()
    await store.sent(accepted(store.clock.now()))


async def test_an_event_delivered_twice_is_kept_once(store: Store) -> None:
    await store.accept()
    assert await _put(store, "e1")
    assert not await _put(store, "e1")
    assert len(store.rows(lambda session: session.exec(select(InboxRow)).all())) == 1


async def test_a_read_covers_what_had_arrived_before_it_was_asked(
    store: Store, clock: SteppedClock
) -> None:
    await _sent(store)
    await _put(store, "e1")
    noted = await store.inbox.highest(PAYMENT)
    await _put(store, "e2")
    told = Told(
        report(clock.now(), PaymentState.PROCESSING, source=Source.READ), exchange(clock.now())
    )
    view = await store.read(told, inbox_through=noted)
    assert view.has_news
    rows = store.rows(lambda session: session.exec(select(InboxRow)).all())
    assert [(row.event_key, row.read_at) for row in rows] == [("e1", clock.now()), ("e2", None)]
    view = await store.read(told, inbox_through=await store.inbox.highest(PAYMENT))
    assert not view.has_news


async def test_a_read_without_an_answer_covers_nothing(store: Store) -> None:
    await _sent(store)
    await _put(store, "e1")
    view = await store.read(Untold("busy"), inbox_through=await store.inbox.highest(PAYMENT))
    assert view.has_news


async def test_what_came_before_the_reference_was_known_finds_its_payment(store: Store) -> None:
    await store.accept()
    await store.begin()
    await _put(store, "e1", payment_id=None)
    assert await store.inbox.highest(PAYMENT) == 0
    view = await store.sent(accepted(store.clock.now()))
    assert view.has_news
    assert await store.inbox.highest(PAYMENT) == 1
