"""Complete searches: every key is asked for, every page is read, every answer is checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

from domain.lifecycle.answers import Exchange
from domain.payments.answers import Subject
from partners.currencycloud import mapping, wire
from partners.currencycloud.profile import COMPLETE
from partners.kit.calls import Calls, Reply, together
from partners.kit.wire import Unusable

FIND: Final = "/v2/payments/find"
_TRANSACTIONS: Final = "/v2/transactions/find"
_PER_PAGE: Final = 100
#: A payment has a handful of bookings; an answer with more pages than this is wrong.
_PAGES_MAX: Final = 10


@dataclass(frozen=True)
class Search:
    """The payments found under all our keys. If `why` is set, the result proves nothing."""

    asked_at: datetime
    exchange: Exchange | None
    payments: tuple[wire.Payment, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Unclear:
    """The bookings could not be read to their end."""

    why: str


async def show(calls: Calls, subject: Subject) -> Reply:
    """Read the payment by its id, deleted or not.

    404 alone proves nothing: a sub-account's payment reads as 404 without `on_behalf_of`.
    """
    path = payment_path(subject.partner_reference or "")
    return await calls.get(path, {"with_deleted": "true", **acting(subject)})


def payment_path(payment_id: str) -> str:
    return f"/v2/payments/{quote(payment_id, safe='')}"


async def search(calls: Calls, subject: Subject, keys: Sequence[str]) -> Search:
    """Ask for each of these keys.

    `asked_at` is the moment of the first question, since the result proves nothing beyond it.
    """
    asked_at: datetime | None = None
    exchanges: list[Exchange] = []
    found: list[wire.Payment] = []

    def so_far(why: str = "") -> Search:
        assert asked_at is not None
        return Search(asked_at, together(*exchanges), tuple(found), why)

    for key in keys:
        query = {"unique_request_id": key, **COMPLETE, **acting(subject)}
        reply = await calls.get(FIND, query)
        asked_at = asked_at or reply.asked_at
        exchanges.append(reply.exchange)
        if not reply.is_success:
            return so_far(reply.why)
        page = wire.read_payments(reply.body)
        if isinstance(page, Unusable):
            return so_far(page.why)
        payments, pagination = page
        if any(each.unique_request_id != key for each in payments):
            return so_far("payments.unique_request_id: the search did not heed our key")
        if len(payments) != pagination.total_entries:
            return so_far("payments.pagination: the answer is not complete")
        found += payments
    return so_far()


async def bookings(
    calls: Calls, subject: Subject, payment_id: str
) -> tuple[mapping.Bookings | Unclear, Exchange | None]:
    """All bookings of the payment.

    The question leaves out `related_entity_type`. With it the reference requires
    `beneficiary_id`, and that filter could hide a booking after a person changed the beneficiary.
    """
    exchanges: list[Exchange] = []
    found: dict[str, wire.Transaction] = {}
    query = {
        "related_entity_id": payment_id,
        "scope": COMPLETE["scope"],
        "per_page": str(_PER_PAGE),
        **acting(subject),
    }
    for number in range(1, _PAGES_MAX + 1):
        reply = await calls.get(_TRANSACTIONS, {**query, "page": str(number)})
        exchanges.append(reply.exchange)
        if not reply.is_success:
            return Unclear(f"bookings: {reply.why}"), together(*exchanges)
        page = wire.read_transactions(reply.body)
        if isinstance(page, Unusable):
            return Unclear("; ".join(page.drift)), together(*exchanges)
        transactions, pagination = page
        if any(each.related_entity_id != payment_id for each in transactions):
            why = "transactions.related_entity_id: the search did not heed it"
            return Unclear(why), together(*exchanges)
        found |= {each.id: each for each in transactions}
        if pagination.next_page <= number:
            if len(found) != pagination.total_entries:
                break
            return mapping.bookings(list(found.values())), together(*exchanges)
    return Unclear("transactions.pagination: the answer is not complete"), together(*exchanges)


def acting(subject: Subject) -> dict[str, str]:
    """The sub-account as it was sent; without it even a complete search misses its payments."""
    contact = subject.order.on_behalf_of
    return {"on_behalf_of": contact} if contact else {}
