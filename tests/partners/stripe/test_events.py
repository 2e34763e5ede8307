"""Stripe's list of events, read forward from a cursor, or by time if there is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from domain.lifecycle.answers import FeedPage, Unanswered, Webhook
from partners.interface import EventFeed
from partners.stripe.events import KEPT, LISTED, REFERENCE
from tests.partners.stripe.scripted import (
    KEY,
    NOW,
    SECONDS,
    Answer,
    Scripted,
    error,
    page,
    partner,
)

EVENTS: Final = "GET /v1/events"
MINUTE: Final = 60


def event(number: int, ago: int = 0, **changes: Any) -> dict[str, Any]:
    """An event about our PaymentIntent, so many seconds ago."""
    about = {"id": "pi_1", "object": "payment_intent", "metadata": {"finality_key": KEY}}
    return {
        "id": f"evt_{number}",
        "object": "event",
        "created": SECONDS - ago,
        "data": {"object": about},
        "livemode": False,
        "type": "payment_intent.succeeded",
        **changes,
    }


async def fed(
    *answers: Answer, cursor: str | None = None, since: datetime = NOW
) -> tuple[FeedPage, Scripted]:
    script = Scripted().on(EVENTS, *answers)
    found = await partner(script).events_since(since, cursor)
    assert isinstance(found, FeedPage), found
    return found, script


def keys(found: FeedPage) -> list[str]:
    return [each.webhook.event_key for each in found.entries]


def test_stripe_has_a_feed_of_thirty_days() -> None:
    adapter = partner(Scripted())
    assert isinstance(adapter, EventFeed)
    assert adapter.events_kept == KEPT == timedelta(days=30)


def test_the_types_that_are_listed_are_theirs_and_name_a_payment(specs: Path) -> None:
    (file,) = (specs / "stripe").glob("enums.*.json")
    theirs = json.loads(file.read_text())["enums"]["_event"]["Event.type"]
    assert set(LISTED) <= set(theirs)
    assert len(LISTED) == 20, "the most that one request takes"
    assert all(kind.startswith(tuple(REFERENCE)) for kind in LISTED)


async def test_the_page_after_the_cursor_comes_the_oldest_first() -> None:
    about = {"object": {"id": "du_1", "payment_intent": "pi_2"}}
    dispute = event(3, type="charge.dispute.created", data=about)
    found, script = await fed(page(dispute, event(2), has_more=True), cursor="evt_1")
    [sent] = script.sent
    assert sent.query["ending_before"] == "evt_1"
    assert sent.query["limit"] == "100"
    assert {sent.query[f"types[{number}]"] for number in range(20)} == set(LISTED)
    assert [each.webhook for each in found.entries] == [
        Webhook("evt_2", "pi_1", "payment_intent.succeeded"),
        Webhook("evt_3", "pi_2", "charge.dispute.created"),
    ]
    assert found.entries[1].at == datetime.fromtimestamp(SECONDS, UTC)
    assert json.loads(found.entries[1].body)["data"] == about
    assert (found.cursor, found.is_last) == ("evt_3", False)


async def test_at_the_end_the_cursor_stays_behind_what_may_not_be_listed_yet() -> None:
    young = [event(4), event(3, 9 * MINUTE)]
    found, _ = await fed(page(*young, event(2, 10 * MINUTE)), cursor="evt_1")
    assert (keys(found), found.cursor, found.is_last) == (
        ["evt_2", "evt_3", "evt_4"],
        "evt_2",
        True,
    )


async def test_in_a_burst_the_next_reading_goes_back_by_time_to_what_was_listed_late() -> None:
    found, _ = await fed(page(event(3, 1), event(2, 2), has_more=True), cursor="evt_1")
    assert (found.cursor, found.is_last) == ("evt_3", False), "the reading has to go on"
    for last in page(event(4)), page():
        found, _ = await fed(last, cursor="evt_3")
        assert (found.cursor, found.is_last) == (None, True)
    newest = NOW
    late = event(9, 5 * MINUTE)
    found, script = await fed(page(event(4), event(3, 1), event(2, 2), late), since=newest)
    assert script.sent[0].query["created[gte]"] == str(SECONDS - 10 * MINUTE)
    assert "evt_9" in keys(found)


async def test_without_a_cursor_the_list_is_read_from_a_moment_to_its_end() -> None:
    since = NOW - timedelta(days=1)
    pages = page(event(3), has_more=True), page(event(2, 11 * MINUTE), event(1, 12 * MINUTE))
    found, script = await fed(*pages, since=since)
    first, second = script.sent
    assert first.query["created[gte]"] == str(int(since.timestamp()) - 10 * MINUTE)
    assert "ending_before" not in first.query
    assert second.query["starting_after"] == "evt_3"
    assert (keys(found), found.cursor, found.is_last) == (
        ["evt_1", "evt_2", "evt_3"],
        "evt_2",
        True,
    )


@pytest.mark.parametrize("status", [400, 404])
async def test_a_cursor_that_is_too_old_for_them_is_left_and_the_time_counts(status: int) -> None:
    gone = error(status, code="resource_missing", param="ending_before")
    found, script = await fed(gone, page(event(2)), cursor="evt_1")
    assert "ending_before" not in script.sent[1].query
    assert keys(found) == ["evt_2"]


async def test_a_list_that_is_too_long_is_read_from_its_oldest_part() -> None:
    since, more = NOW - timedelta(days=10), [
        page(event(number), has_more=True) for number in range(100, 110)
    ]  # fmt: skip
    old = event(1, 9 * 86_400)
    found, script = await fed(*more, page(old), since=since)
    half = int(script.sent[-1].query["created[lte]"])
    assert SECONDS - 6 * 86_400 < half < SECONDS - 4 * 86_400
    assert (keys(found), found.cursor, found.is_last) == (["evt_1"], "evt_1", False)


@pytest.mark.parametrize(
    "answer",
    [
        (500, ""), (429, ""), page({"id": "evt_2"}), (200, "{}"), error(),
        httpx.ReadError("broken"),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("cursor", ["evt_1", None])
async def test_a_page_that_fails_is_no_page(answer: Any, cursor: str | None) -> None:
    adapter = partner(Scripted().on(EVENTS, answer))
    assert isinstance(await adapter.events_since(NOW, cursor), Unanswered)


async def test_an_event_that_cannot_be_used_does_not_hold_up_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad = [
        event(2, data={"object": {"id": 7}}),
        event(3, livemode=True),
        event(4, account="acct_other"),
    ]
    found, _ = await fed(page(event(5), *bad, event(1)), cursor="evt_0")
    assert keys(found) == ["evt_1", "evt_5"]
    assert all(f"evt_{number}" in caplog.text for number in (2, 3, 4))


async def test_events_of_other_systems_are_of_no_use() -> None:
    foreign = {"object": {"id": "pi_9", "metadata": {}}}
    found, _ = await fed(page(event(2, data=foreign)), cursor="evt_1")
    assert [each.webhook.is_for_us for each in found.entries] == [False]
