"""The back-fill: events that no webhook brought, each once, whatever breaks off."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import pytest
from sqlmodel import Session, select

from activities.back_fill import BackFill, Feed
from activities.silence import Silences
from domain.lifecycle.answers import Answered, Fed, FeedPage, Unanswered, Webhook
from domain.lifecycle.profile import Profile, Quota
from domain.payments.report import PaymentState, Source
from store.feeds import EVENTS_MISSED, Feeds
from store.tables.partners import FeedRow, InboxRow
from store.tasks import Tasks
from tests.clock import SteppedClock
from tests.fakes import ACCOUNT, BANK, profile
from tests.store.books import PAYMENT, Store, accepted, exchange, report

EVERY: Final = timedelta(minutes=5)
KEPT: Final = timedelta(days=30)
PLACE: Final = "https://bank.test:443 login 1"
PROFILE: Final = profile().model_copy(update={"environment": PLACE})


@dataclass
class FakeFeed:
    """A partner's list of events. Its cursor is the number of events before it."""

    clock: SteppedClock
    events: list[Fed] = field(default_factory=list)
    asked: list[tuple[datetime, str | None]] = field(default_factory=list)
    away: Unanswered | None = None
    page: int = 100
    events_kept: timedelta = KEPT

    def happens(self, event: str, reference: str = "ref-1", *, is_for_us: bool = True) -> None:
        webhook = Webhook(event, reference, "dispute", is_for_us=is_for_us)
        self.events.append(Fed(webhook, b"{}", self.clock.now()))

    async def events_since(self, since: datetime, cursor: str | None) -> FeedPage | Unanswered:
        self.asked.append((since, cursor))
        if self.away is not None:
            return self.away
        start = int(cursor) if cursor else 0
        page = tuple(each for each in self.events[start:] if cursor or each.at >= since)
        shown = page[: self.page]
        is_last = len(shown) == len(page)
        return FeedPage(shown, str(start + len(shown)), is_last=is_last)


@pytest.fixture
def feed(clock: SteppedClock) -> FakeFeed:
    return FakeFeed(clock)


def back_fill(store: Store, feed: FakeFeed, of: Profile = PROFILE) -> BackFill:
    """As a process has it that has just begun."""
    return BackFill(
        feeds={(BANK, ACCOUNT): Feed(feed, "us", of)},
        store=Feeds(store.database),
        inbox=store.inbox,
        silences=Silences(),
        every=EVERY,
        clock=store.clock,
    )


async def settled(store: Store) -> None:
    """A payment that is settled and watched: it is not read again for a long time."""
    await store.accept()
    await store.begin()
    await store.sent(accepted(store.clock.now(), reference="ref-1"))
    store.clock.step(timedelta(seconds=1))
    now = store.clock.now()
    await store.read(Answered(report(now, PaymentState.SETTLED, source=Source.READ), exchange(now)))


async def has_news(store: Store) -> bool:
    return (await store.payments.view(PAYMENT)).has_news


def inbox(store: Store) -> list[InboxRow]:
    return list(store.rows(lambda s: s.exec(select(InboxRow)).all()))


def mark(store: Store) -> FeedRow:
    return store.rows(lambda session: session.exec(select(FeedRow)).one())


async def test_an_event_whose_webhook_was_lost_is_news_of_its_payment(
    store: Store, feed: FakeFeed, clock: SteppedClock
) -> None:
    await settled(store)
    filling = back_fill(store, feed)
    assert await filling.catch_up() == []
    clock.step(timedelta(hours=1))
    feed.happens("evt_1")
    assert not await has_news(store)
    assert await filling.catch_up() == [("shop", PAYMENT)]
    assert await has_news(store)
    assert [row.event_key for row in inbox(store)] == ["evt_1"]


async def test_an_event_that_a_webhook_brought_has_no_second_effect(
    store: Store, feed: FakeFeed, clock: SteppedClock
) -> None:
    await settled(store)
    feed.happens("evt_1")
    delivered = {"partner": BANK, "partner_account": ACCOUNT, "event_key": "evt_1"}
    await store.inbox.put(**delivered, partner_reference="ref-1", body=b"{}", now=clock.now())
    assert await back_fill(store, feed).catch_up() == []
    clock.step(EVERY)
    feed.happens("evt_2")
    assert await back_fill(store, feed).catch_up() == [("shop", PAYMENT)]
    again = await store.inbox.put(
        **{**delivered, "event_key": "evt_2"}, partner_reference="ref-1", body=b"{}",
        now=clock.now(),
    )  # fmt: skip
    assert not again.is_new, "nor has a webhook that comes later"


async def test_a_feed_is_read_at_a_calm_rhythm_and_another_process_goes_on(
    store: Store, feed: FakeFeed, clock: SteppedClock
) -> None:
    await settled(store)
    feed.happens("evt_1")
    await back_fill(store, feed).catch_up()
    await back_fill(store, feed).catch_up()
    assert len(feed.asked) == 1
    clock.step(EVERY)
    other = store.beside()
    assert await back_fill(other, feed).catch_up() == []
    assert feed.asked[1] == (feed.events[0].at, "1"), "from where the first process ended"
    other.close()


async def test_a_long_list_is_read_page_by_page_in_one_round(
    store: Store, feed: FakeFeed, clock: SteppedClock
) -> None:
    await settled(store)
    feed.page = 2
    for number in range(5):
        feed.happens(f"evt_{number}")
    assert await back_fill(store, feed).catch_up() == [("shop", PAYMENT)]
    assert [cursor for _, cursor in feed.asked] == [None, "2", "4"]
    assert len(inbox(store)) == 5


async def test_what_breaks_off_before_the_cursor_moved_is_read_again(
    store: Store, feed: FakeFeed, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await settled(store)
    feed.happens("evt_1")
    filling = back_fill(store, feed)

    async def killed(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(filling._store, "passed", killed)
        with pytest.raises(RuntimeError):
            await filling.catch_up()
    assert mark(store).cursor is None
    clock.step(EVERY)
    assert await back_fill(store, feed).catch_up() == [], "the relay notifies it"
    assert len(inbox(store)) == 1
    assert mark(store).cursor == "1"


async def test_a_list_that_fails_loses_nothing_and_is_asked_when_it_says(
    store: Store, feed: FakeFeed, clock: SteppedClock
) -> None:
    await settled(store)
    feed.happens("evt_1")
    feed.away = Unanswered("too many requests", retry_at=clock.now() + 3 * EVERY)
    filling = back_fill(store, feed)
    assert await filling.catch_up() == []
    clock.step(EVERY)
    assert await filling.catch_up() == []
    assert len(feed.asked) == 1
    clock.step(2 * EVERY)
    feed.away = None
    assert await filling.catch_up() == [("shop", PAYMENT)]


async def test_an_event_about_nothing_we_know_is_parked_as_a_webhook_is(
    store: Store, feed: FakeFeed
) -> None:
    await settled(store)
    feed.happens("evt_1", "ref-of-another")
    feed.happens("evt_2", is_for_us=False)
    assert await back_fill(store, feed).catch_up() == []
    [row] = inbox(store)
    assert (row.partner_reference, row.resource_id) == ("ref-of-another", None)
    assert row.unmatched_since is not None, "people are asked after an hour"


async def test_the_first_reading_begins_now_if_no_payment_is_open(
    store: Store, feed: FakeFeed, clock: SteppedClock
) -> None:
    feed.happens("evt_1", "ref-of-another")
    clock.step(timedelta(hours=1))
    await back_fill(store, feed).catch_up()
    assert feed.asked[0] == (clock.now(), None)
    assert inbox(store) == [], "events of other systems from before are no questions to people"


async def test_the_first_reading_after_an_upgrade_goes_back_to_the_oldest_open_payment(
    store: Store, feed: FakeFeed, clock: SteppedClock
) -> None:
    begun = clock.now()
    feed.happens("evt_0", "ref-of-another")
    clock.step(timedelta(hours=1))
    await settled(store)
    clock.step(timedelta(days=2))
    await back_fill(store, feed).catch_up()
    assert feed.asked[0] == (begun + timedelta(hours=1), None)
    assert inbox(store) == []


async def test_a_list_that_was_never_read_to_its_end_is_asked_about_when_events_are_missed(
    store: Store, feed: FakeFeed, clock: SteppedClock
) -> None:
    feed.away = Unanswered("no answer")
    filling = back_fill(store, feed)
    await filling.catch_up()
    await settled(store)
    feed.happens("evt_1")
    clock.step(KEPT + timedelta(seconds=1))
    await filling.catch_up()
    [task] = [each for each in await Tasks(store.database).open(limit=9)
              if each.kind == EVENTS_MISSED]  # fmt: skip
    assert "no longer lists" in task.question
    assert await has_news(store), "all open payments are read"


async def test_after_a_gap_a_person_is_asked_and_open_payments_are_read_once(
    store: Store, feed: FakeFeed, clock: SteppedClock
) -> None:
    await settled(store)
    filling = back_fill(store, feed)
    await filling.catch_up()
    since = clock.now()
    clock.step(KEPT + timedelta(seconds=1))
    feed.away = Unanswered("no answer")
    for _ in range(2):
        await filling.catch_up()
        clock.step(EVERY)
    [task] = [each for each in await Tasks(store.database).open(limit=9)
              if each.kind == EVENTS_MISSED]  # fmt: skip
    assert all(word in task.question for word in (BANK, ACCOUNT, f"{since:%Y-%m-%d %H:%M}"))
    assert len(inbox(store)) == 1
    assert await has_news(store)
    assert await store.inbox.unnotified(clock.now(), limit=9) == [("shop", PAYMENT)]
    feed.away = None
    await filling.catch_up()
    clock.step(EVERY)
    await filling.catch_up()
    assert len(inbox(store)) == 1, "from now on the list is read without a gap"


async def test_an_account_on_which_nothing_happens_has_no_gap(
    store: Store, feed: FakeFeed, clock: SteppedClock
) -> None:
    await settled(store)
    filling = back_fill(store, feed)
    for _ in range(4):
        await filling.catch_up()
        clock.step(KEPT / 2)
    assert inbox(store) == []


async def test_a_page_takes_a_turn_of_the_login_s_quota(
    store: Store, feed: FakeFeed, clock: SteppedClock
) -> None:
    await settled(store)
    feed.page = 1
    for number in range(3):
        feed.happens(f"evt_{number}")
    quota = Quota(requests=2, window=timedelta(seconds=10), reads=2)
    filling = back_fill(store, feed, PROFILE.model_copy(update={"quota": quota}))
    asked = []
    for _ in range(12):
        await filling.catch_up()
        asked.append(len(feed.asked))
        clock.step(timedelta(seconds=1))
    assert asked == [2] * 10 + [3] * 2


async def test_another_place_under_the_same_name_has_a_mark_of_its_own(
    store: Store, feed: FakeFeed, clock: SteppedClock
) -> None:
    await settled(store)
    feed.happens("evt_1")
    await back_fill(store, feed).catch_up()
    moved = {"environment": "https://other.test:443 login 1"}
    await back_fill(store, feed, PROFILE.model_copy(update=moved)).catch_up()
    assert feed.asked[1][1] is None
    back = {"environment": "https://bank.test:443 login 2", "formerly": (PLACE,)}
    clock.step(EVERY)
    await back_fill(store, feed, PROFILE.model_copy(update=back)).catch_up()
    assert feed.asked[2][1] == "1", "the same customer with a new login goes on"

    def places(session: Session) -> set[str]:
        return {row.place for row in session.exec(select(FeedRow))}

    assert store.rows(places) == {moved["environment"], back["environment"]}


async def test_a_feed_that_hangs_does_not_hold_up_the_others(
    store: Store, feed: FakeFeed, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.back_fill._SECONDS_MAX", 5.0)
    await settled(store)

    class Hanging(FakeFeed):
        async def events_since(self, since: datetime, cursor: str | None) -> FeedPage | Unanswered:
            await asyncio.Event().wait()
            raise AssertionError("it was not given up")

    feed.happens("evt_1")
    filling = back_fill(store, feed)
    filling._feeds = {
        (BANK, "slow"): Feed(Hanging(clock), "us", PROFILE),
        **filling._feeds,
    }
    assert await filling.catch_up() == [("shop", PAYMENT)]
