"""What was made under our account, to be reconciled with our store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from math import inf
from typing import Final

from domain.clock import Clock
from domain.lifecycle.answers import Listed, Shown, Unanswered
from partners.kit.calls import Calls
from partners.stripe import mapping, requests, wire, words
from partners.stripe.lists import Partly, in_time, whole

#: How long an intent may have waited for its confirmation, in seconds. It is made just before it.
_WAITS_MAX: Final = 3600
#: Path, kind of page, how much earlier the object may have been made, and what comes with it.
_LISTS: Final[tuple[tuple[str, type[wire.Listed], int, Mapping[str, str]], ...]] = (
    (requests.INTENTS, wire.PaymentIntents, _WAITS_MAX, {"expand[]": "data.latest_charge"}),
    (requests.PAYOUTS, wire.Payouts, 0, {}),
    (requests.REFUNDS, wire.Refunds, 0, {}),
)
_Made = wire.PaymentIntent | wire.Payout | wire.Refund


async def created_since(calls: Calls, clock: Clock, since: datetime) -> Listed | Unanswered:
    """The confirmed intents, the payouts and the refunds since then, the oldest first.

    An intent that was not confirmed is not shown: it moves nothing, and is made before the attempt
    to confirm it is recorded. The others are dated by their charge, because that is when they were
    confirmed, and looked for from `_WAITS_MAX` before.
    """
    found = await in_time(partial(_between, calls), int(since.timestamp()), clock)
    if isinstance(found, Unanswered):
        return found
    return Listed(found.items, is_complete=found.is_complete)


async def _between(calls: Calls, begin: int, end: int | None) -> list[Shown] | Partly:
    """What was confirmed, paid out or refunded in these seconds, both included."""
    shown = []
    for path, kind, margin, expanded in _LISTS:
        query = {"created[gte]": str(begin - margin), **expanded}
        if end is not None:
            query["created[lte]"] = str(end)
        listed = await whole(calls, path, kind, query, partial(_is_within, begin - margin, end))
        if isinstance(listed, Partly):
            return listed
        shown += [_shown(each) for each in listed.items if _may_have_moved(each)]
    within = [each for each in shown if begin <= each.created_at.timestamp() <= (end or inf)]
    return sorted(within, key=lambda each: each.created_at)


def _is_within(begin: int, end: int | None, each: _Made) -> bool:
    return begin <= each.created <= (end or inf)


def _may_have_moved(each: _Made) -> bool:
    return not isinstance(each, wire.PaymentIntent) or mapping.was_confirmed(each) is not False


def _shown(each: _Made) -> Shown:
    charge = each.charge if isinstance(each, wire.PaymentIntent) else None
    at = charge.at if charge else each.at
    return Shown(each.id, each.metadata.get(words.OUR_KEY), at)
