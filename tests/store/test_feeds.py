"""How far feeds were read, on each database: marks, turns, gaps, and what is read again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import pytest

from domain.ids import instruction_id
from domain.lifecycle.places import AccountPlace
from domain.lifecycle.profile import InstructionKind, Quota
from store.feeds import EVENTS_MISSED, Feeds, Reading
from store.tasks import Tasks
from tests.clock import SteppedClock
from tests.fakes import ACCOUNT, BANK
from tests.store.books import Store, accepted, refused

FEED: Final = AccountPlace(BANK, ACCOUNT, "https://bank.test:443 login 1")
KEPT: Final = timedelta(days=30)
EVERY: Final = timedelta(minutes=5)


@pytest.fixture
def feeds(store: Store) -> Feeds:
    return Feeds(store.database)


async def begun(feeds: Feeds, clock: SteppedClock, quota: Quota | None = None) -> Reading | None:
    return await feeds.begin(
        FEED, kept=KEPT, again_after=EVERY, login="us", quota=quota, now=clock.now()
    )


async def test_a_feed_goes_on_from_its_mark_and_never_back(
    feeds: Feeds, clock: SteppedClock
) -> None:
    start = clock.now()
    assert await begun(feeds, clock) == Reading(start, None)
    assert await begun(feeds, clock) is None, "another process reads it now"
    newest = start + timedelta(seconds=9)
    await feeds.passed(FEED, newest=newest, cursor="c1", is_last=False, now=clock.now())
    assert await begun(feeds, clock) == Reading(newest, "c1"), "there is more"
    await feeds.passed(FEED, newest=start, cursor="c2", is_last=True, now=clock.now())
    clock.step(EVERY)
    assert await begun(feeds, clock) == Reading(newest, "c2")
    await feeds.passed(FEED, newest=None, cursor="c2", is_last=True, now=clock.now())
    later = clock.now() + 3 * EVERY
    await feeds.postpone(FEED, later)
    clock.step(2 * EVERY)
    assert await begun(feeds, clock) is None
    clock.step(EVERY)
    assert await begun(feeds, clock) == Reading(newest, "c2")


async def test_two_processes_never_read_one_feed_at_the_same_time(
    store: Store, feeds: Feeds, clock: SteppedClock
) -> None:
    beside = store.beside()
    readings = await asyncio.gather(
        *(begun(each, clock) for each in (feeds, Feeds(beside.database)))
    )
    beside.close()
    assert sorted(each is None for each in readings) == [False, True]


async def test_a_gap_is_counted_from_the_last_time_that_the_feed_was_read_to_its_end(
    feeds: Feeds, clock: SteppedClock
) -> None:
    await begun(feeds, clock)
    read_at = clock.now()
    await feeds.passed(FEED, newest=None, cursor=None, is_last=True, now=read_at)
    clock.step(KEPT)
    reading = await begun(feeds, clock)
    assert reading is not None
    assert reading.missed_since is None
    await feeds.passed(FEED, newest=clock.now(), cursor="c", is_last=False, now=clock.now())
    clock.step(timedelta(seconds=1))
    reading = await begun(feeds, clock)
    assert reading is not None
    assert reading.missed_since == read_at, "a page that is not the last does not close it"


async def test_a_feed_that_was_never_read_to_its_end_has_a_gap_too(
    feeds: Feeds, clock: SteppedClock
) -> None:
    start = clock.now()
    reading = await begun(feeds, clock)
    assert reading is not None
    assert reading.missed_since is None, "the first reading has nothing before it"
    clock.step(KEPT)
    reading = await begun(feeds, clock)
    assert reading is not None
    assert reading.missed_since is None, "all since then are listed still"
    clock.step(EVERY)
    reading = await begun(feeds, clock)
    assert reading == Reading(start, None, start)
    newest = clock.now()
    await feeds.passed(FEED, newest=newest, cursor="c", is_last=False, now=clock.now())
    assert await begun(feeds, clock) == Reading(newest, "c"), "it is read up to there"


async def test_a_feed_begins_with_our_oldest_open_payment_of_the_account(
    store: Store, feeds: Feeds, clock: SteppedClock
) -> None:
    ended = instruction_id("pay_0", InstructionKind.PAY)
    await store.accept("pay_0", payment_id="pay_0")
    await store.begin(ended)
    await store.sent(refused(clock.now(), instruction=ended), payment_id="pay_0")
    clock.step(timedelta(days=1))
    oldest = clock.now()
    for number in (1, 2):
        await store.accept(f"pay_{number}", payment_id=f"pay_{number}")
        clock.step(timedelta(days=1))
    reading = await begun(feeds, clock)
    assert reading is not None
    assert reading.since == oldest


async def test_the_first_reading_may_fail_for_a_day_before_an_event_is_missed(
    store: Store, feeds: Feeds, clock: SteppedClock
) -> None:
    await store.accept()
    clock.step(2 * KEPT)
    start = clock.now()
    for _ in range(2):
        reading = await begun(feeds, clock)
        assert reading == Reading(start - KEPT + timedelta(days=1), None)
        clock.step(timedelta(days=1))
    reading = await begun(feeds, clock)
    assert reading is not None
    assert reading.missed_since == reading.since


async def test_a_person_is_asked_once_about_each_gap(
    store: Store, feeds: Feeds, clock: SteppedClock
) -> None:
    first, second = clock.now(), clock.now() + KEPT
    asked = [await feeds.ask_about(FEED, since, clock.now()) for since in (first, first, second)]
    assert asked == [True, False, True]
    tasks = await Tasks(store.database).open(limit=9)
    assert [(each.kind, each.payment_id, each.unmatched) for each in tasks] == [
        (EVENTS_MISSED, None, None)
    ] * 2


async def test_open_payments_that_the_partner_has_are_read_again_once_for_each_reason(
    store: Store, clock: SteppedClock
) -> None:
    for number in range(5):
        payment_id = f"pay_{number}"
        await store.accept(payment_id, payment_id=payment_id)
        instruction = instruction_id(payment_id, InstructionKind.PAY)
        await store.begin(instruction)
        if number == 3:
            answer = refused(clock.now(), instruction=instruction)  # It ends.
            await store.sent(answer, payment_id=payment_id)
        elif number != 4:  # The last one is in doubt, so there is nothing to ask for.
            named = accepted(clock.now(), reference=f"ref-{number}", instruction=instruction)
            await store.sent(named, payment_id=payment_id)

    async def again(why: str) -> list[str]:
        after: str | None = ""
        while after is not None:
            after = await store.inbox.have_read(
                BANK, ACCOUNT, why=why, after=after, now=clock.now(), limit=2
            )
        later = clock.now() + timedelta(seconds=10)
        return [payment_id for _, payment_id in await store.inbox.unnotified(later, limit=99)]

    assert await again("one") == ["pay_0", "pay_1", "pay_2"]
    before = (await store.reading(instruction_id("pay_0", InstructionKind.PAY))).inbox_through
    await again("one")
    assert (
        await store.reading(instruction_id("pay_0", InstructionKind.PAY))
    ).inbox_through == before
    await again("two")
    assert (
        await store.reading(instruction_id("pay_0", InstructionKind.PAY))
    ).inbox_through > before
    assert await store.inbox.have_read(
        BANK, "another", why="one", after="", now=clock.now(), limit=2
    ) is None  # fmt: skip


async def test_events_that_were_delivered_are_known_by_account(
    store: Store, clock: SteppedClock
) -> None:
    for account, key in ((ACCOUNT, "e1"), ("another", "e2")):
        await store.inbox.put(
            partner=BANK, partner_account=account, event_key=key, partner_reference="r",
            body=b"", now=clock.now(),
        )  # fmt: skip
    assert await store.inbox.known(BANK, ACCOUNT, ["e1", "e2", "e3"]) == {"e1"}
    assert await store.inbox.known(BANK, ACCOUNT, []) == set()
