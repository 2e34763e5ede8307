"""The partner's list of events: what webhooks say, under the same keys, and nothing left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.lifecycle.answers import FeedPage, Unanswered, Webhook
from partners.interface import EventFeed, PaymentPartner
from tests.partners.conformance.bench import SECRET, Bank, Instruction, payment
from tests.partners.conformance.test_finding import BROKEN
from tests.polling import until
from tests.simulators.conftest import Receiver

#: In the simulator's time: more than a partner takes to list an event.
LISTED_WITHIN = 3_600


@pytest.fixture
def feed(adapter: PaymentPartner) -> EventFeed:
    assert isinstance(adapter, EventFeed)
    return adapter


def _now(bank: Bank) -> datetime:
    return datetime.fromisoformat(bank.control("clock")["now"])


async def _page(feed: EventFeed, since: datetime, cursor: str | None = None) -> FeedPage:
    page = await feed.events_since(since, cursor)
    assert isinstance(page, FeedPage), page
    assert page.is_last
    return page


def _about(page: FeedPage, pay: Instruction) -> list[Webhook]:
    (held,) = pay.held
    webhooks = [each.webhook for each in page.entries]
    return [each for each in webhooks if each.partner_reference == held["id"]]


async def test_the_list_says_what_webhooks_say_under_their_keys(
    pay: Instruction, bank: Bank, feed: EventFeed, receiver: Receiver
) -> None:
    assert bank.registration.webhooks is not None
    bank.control("webhooks", {"url": receiver.url, "secret": SECRET})
    reader, since = bank.registration.webhooks(bank.account), _now(bank)
    await pay.accepted()
    bank.later()
    until(lambda: len(receiver.came) >= 2, "deliveries")
    listed = _about(await _page(feed, since), pay)
    assert listed
    assert all(each.is_for_us for each in listed)

    def delivered() -> dict[str, Webhook]:
        read = (reader.read_webhook(*each, datetime.now(UTC)) for each in list(receiver.came))
        return {each.event_key: each for each in read}

    until(lambda: all(each.event_key in delivered() for each in listed), "every delivery")
    assert [delivered()[each.event_key] for each in listed] == listed


async def test_an_event_is_listed_although_its_webhook_was_lost(
    pay: Instruction, bank: Bank, feed: EventFeed, receiver: Receiver
) -> None:
    bank.control("webhooks", {"url": receiver.url, "secret": SECRET})
    bank.control("faults", [{"fault": "webhook_dropped", "on": "NOTIFY *", "times": None}])
    since = _now(bank)
    await pay.accepted()
    bank.later()
    assert _about(await _page(feed, since), pay)
    assert receiver.came == []


async def test_the_list_goes_on_from_its_cursor_and_leaves_nothing_out(
    pay: Instruction, bank: Bank, feed: EventFeed
) -> None:
    since = _now(bank)
    await pay.accepted()
    bank.later(LISTED_WITHIN)
    other = await (await payment(bank, pay.adapter).prepared()).accepted()
    bank.later()
    first = await _page(feed, since)
    assert _about(first, pay)
    assert first.cursor is not None
    assert [each.at for each in first.entries] == sorted(each.at for each in first.entries)
    bank.later(LISTED_WITHIN)
    third = await (await payment(bank, pay.adapter).prepared()).accepted()
    bank.later()
    second = await _page(feed, since, first.cursor)
    seen = {each.webhook.event_key for each in (*first.entries, *second.entries)}
    assert seen >= {each.webhook.event_key for each in (await _page(feed, since)).entries}
    assert _about(second, third)
    assert not _about(second, pay), "what had time to be listed does not come again"
    assert _about(first, other)


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_list_without_a_whole_answer_is_no_page(
    pay: Instruction, bank: Bank, feed: EventFeed, fault: str
) -> None:
    bank.fault(fault, on=bank.words.feed)
    since = datetime.now(UTC) - timedelta(hours=1)
    assert isinstance(await feed.events_since(since, None), Unanswered)
