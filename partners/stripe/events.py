"""Stripe's events: about which payment each is, and the list of them that makes up for lost ones.

API reference, "List all events": they are listed for 30 days, the newest first. With
`ending_before` the page holds those that follow an event, so the list is read forward from it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from math import inf
from typing import Any, Final

from domain.clock import Clock
from domain.lifecycle.answers import Fed, FeedPage, Unanswered, Webhook, WebhookRefused
from partners.kit.calls import Calls, Reply
from partners.kit.wire import Unusable, read
from partners.stripe import errors, wire, words
from partners.stripe.account import StripeAccount
from partners.stripe.lists import Partly, in_time, whole

log = logging.getLogger("finality.stripe")

EVENTS: Final = "/v1/events"
KEPT: Final = timedelta(days=30)
#: How soon an event is listed is not documented, so what is younger than this is read once more.
_SHOWN_WITHIN: Final = timedelta(minutes=10)
_LIMIT: Final = 100
_REFERENCE_LENGTH_MAX: Final = 255
#: What a type begins with -> the field of the object that names the payment. Other types are of no
#: use to us.
REFERENCE: Final = {
    "payment_intent.": "id",
    "payout.": "id",
    "charge.": "payment_intent",
    "refund.": "payment_intent",
    "radar.early_fraud_warning.": "payment_intent",
    "review.": "payment_intent",
}
#: The types that are listed; the API takes 20 at most. Left out are those that come with another of
#: these, and those that follow from what we asked ourselves.
LISTED: Final = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.expired",
    "charge.refunded",
    "charge.updated",
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "payout.canceled",
    "payout.failed",
    "payout.paid",
    "radar.early_fraud_warning.created",
    "refund.failed",
    "refund.updated",
)
#: They carry our key in their metadata if they are ours. Other systems may use the same account.
_MARKED: Final = ("payment_intent.", "payout.")
#: It comes before anything moves, from our own preparation.
_TOO_EARLY: Final = frozenset({"payment_intent.created"})


def webhook_of(event: wire.Event, account: StripeAccount) -> Webhook:
    """Which payment a proven event is about.

    Raises:
        WebhookRefused: it is about an account that is not ours, or names no payment.
    """
    if event.account not in (None, account.account_id):
        raise WebhookRefused("it is about another account than ours")
    if event.livemode is not account.is_live:
        kinds = ("live", "test") if event.livemode else ("test", "live")
        raise WebhookRefused("it is about {} objects, and our key is for {}".format(*kinds))
    reference, is_for_us = _about(event.type, event.data.object)
    return Webhook(event.id, reference, event.type, is_for_us=is_for_us)


async def events_since(
    calls: Calls, account: StripeAccount, clock: Clock, since: datetime, cursor: str | None
) -> FeedPage | Unanswered:
    """The next events after the one that the cursor names; by time if there is none.

    At the end of the list the cursor names an event before which all had time to be listed.
    """
    if cursor is not None:
        query = {**_query(), "limit": str(_LIMIT), "ending_before": cursor}
        reply = await calls.get(EVENTS, query)
        if not _is_forgotten(reply):
            return _after(reply, account)
    begin = int((since - _SHOWN_WITHIN).timestamp())
    found = await in_time(partial(_between, calls), begin, clock)
    if isinstance(found, Unanswered):
        return found
    return _page(found.items, account, is_last=found.is_complete)


def _query() -> dict[str, str]:
    return {f"types[{number}]": kind for number, kind in enumerate(LISTED)}


def _is_forgotten(reply: Reply) -> bool:
    """Whether Stripe no longer knows the event that the cursor names."""
    failure = read(wire.Failure, reply.body) if reply.status in (400, 404) else None
    return isinstance(failure, wire.Failure) and failure.error.code == errors.MISSING


def _after(reply: Reply, account: StripeAccount) -> FeedPage | Unanswered:
    if not reply.is_success:
        return reply.unanswered()
    page = read(wire.Events, reply.body)
    if isinstance(page, Unusable):
        return reply.unanswered(page.why, page.drift)
    return _page(page.data, account, is_last=not page.has_more)


async def _between(calls: Calls, begin: int, end: int | None) -> list[wire.ListedEvent] | Partly:
    """The events of these seconds, both included."""
    query = {**_query(), "created[gte]": str(begin)}
    if end is not None:
        query["created[lte]"] = str(end)
    listed = await whole(
        calls, EVENTS, wire.Events, query, lambda event: begin <= event.created <= (end or inf)
    )
    return listed if isinstance(listed, Partly) else list(listed.items)


def _page(
    newest_first: tuple[wire.ListedEvent, ...], account: StripeAccount, *, is_last: bool
) -> FeedPage:
    """The page, and the cursor behind what may not be listed yet.

    Within a burst the cursor has to follow each full page, however young its events are. If none of
    the last page is old enough to be the cursor, there is no cursor, so the next reading goes by
    time. It begins before the newest event, and finds what was listed late.
    """
    events = newest_first[::-1]
    settled = events
    if is_last and events:
        listed_by = max(event.at for event in events) - _SHOWN_WITHIN
        settled = tuple(event for event in events if event.at <= listed_by)
    entries = tuple(fed for event in events if (fed := _fed(event, account)) is not None)
    return FeedPage(entries, settled[-1].id if settled else None, is_last=is_last)


def _fed(event: wire.ListedEvent, account: StripeAccount) -> Fed | None:
    """The entry of an event. One that cannot be used does not hold up those that follow."""
    try:
        webhook = webhook_of(event, account)
    except WebhookRefused as refused:
        log.error("the listed event %.80r is left out: %s", event.id, refused)
        return None
    return Fed(webhook, event.model_dump_json().encode(), event.at)


def _about(kind: str, shown: Mapping[str, Any]) -> tuple[str | None, bool]:
    """The reference of the payment, and whether it can be one of ours.

    Raises:
        WebhookRefused: the reference is no text of a possible length.
    """
    prefix = next((each for each in REFERENCE if kind.startswith(each)), None)
    reference = shown.get(REFERENCE[prefix]) if prefix else None
    if prefix is None or reference is None:
        return None, False
    is_one = isinstance(reference, str) and reference.isprintable()
    if not is_one or not 0 < len(reference) <= _REFERENCE_LENGTH_MAX:
        raise WebhookRefused(f"it is signed, but {kind!r:.80} names no payment")
    metadata = shown.get("metadata")
    is_marked = isinstance(metadata, dict) and words.OUR_KEY in metadata
    return reference, kind not in _TOO_EARLY and (is_marked or prefix not in _MARKED)
