"""All payments that were created under our account, to be reconciled with our store."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from domain.lifecycle.answers import Listed, Shown, Unanswered
from partners.currencycloud import wire
from partners.currencycloud.profile import COMPLETE
from partners.currencycloud.searches import FIND
from partners.kit.calls import Calls
from partners.kit.wire import Unusable

_PER_PAGE: Final = 100
#: Per listing: ten calls, out of 200 a minute for reads, or 60 in their demo environment.
_PAGES_MAX: Final = 10


async def created_since(calls: Calls, since: datetime) -> Listed | Unanswered:
    """Read page after page, oldest first, so that payments created meanwhile come at the end."""
    query = {
        **COMPLETE,
        "created_at_from": since.astimezone(UTC).isoformat(timespec="seconds"),
        "order": "created_at",
        "order_asc_desc": "asc",
        "per_page": str(_PER_PAGE),
    }
    found: dict[str, Shown] = {}
    for number in range(1, _PAGES_MAX + 1):
        reply = await calls.get(FIND, {**query, "page": str(number)})
        if not reply.is_success:
            return reply.unanswered()
        page = wire.read_list(reply.body)
        if isinstance(page, Unusable):
            return reply.unanswered("a list outside the known contract", page.drift)
        payments, pagination = page
        shown = [Shown(each.id, each.unique_request_id, each.created) for each in payments]
        moments = [since.replace(microsecond=0)]
        moments += [each.created_at for each in (*found.values(), *shown)]
        if any(later < earlier for earlier, later in pairwise(moments)):
            drift = ("payments.created_at: the list did not heed the order or the beginning",)
            return reply.unanswered("a list in another order than asked for", drift)
        found |= {each.partner_reference: each for each in shown}
        if pagination.next_page <= number:
            return Listed(tuple(found.values()), is_complete=True)
    return Listed(tuple(found.values()), is_complete=False)
