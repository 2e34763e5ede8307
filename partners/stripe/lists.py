"""Lists, read to their end, and everything that hangs on a payment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, Generic, TypeVar

from domain.clock import Clock
from domain.lifecycle.answers import CannotTell, Exchange, Unanswered
from domain.payments.order import Order, Rail
from partners.kit.calls import Calls, Reply, together
from partners.kit.wire import Unusable, read
from partners.stripe import wire, words

#: The most that one page shows.
_LIMIT: Final = 100
_PAGES_MAX: Final = 10
#: How often the time that is listed at once is halved, or moved on.
_STEPS_MAX: Final = 30
T = TypeVar("T")


@dataclass(frozen=True)
class Whole:
    """A list to its end, the newest first, as Stripe shows it."""

    items: tuple[Any, ...]
    asked_at: datetime
    exchange: Exchange


@dataclass(frozen=True)
class Partly:
    """A list that could not be read to its end, so it proves nothing.

    Attributes:
        reply: the answer at which the reading ended.
        is_long: it has more pages than are read at a time.
    """

    why: str
    reply: Reply
    exchange: Exchange | None
    drift: tuple[str, ...] = ()
    is_long: bool = False

    def unanswered(self) -> Unanswered:
        return replace(self.reply.unanswered(self.why, self.drift), exchange=self.exchange)

    def cannot_tell(self) -> CannotTell:
        return CannotTell(self.reply.asked_at, self.why, self.exchange)


async def whole(
    calls: Calls,
    path: str,
    kind: type[wire.Listed],
    query: Mapping[str, str],
    belongs: Callable[[Any], bool] = lambda item: True,
) -> Whole | Partly:
    """All items of a list.

    The next page follows the last item of the one before. So nothing is missed or shown twice if
    something is made meanwhile, which appears at the beginning.

    Args:
        belongs: whether an item may be in the list at all.
    """
    found: dict[str, Any] = {}
    exchanges: list[Exchange] = []
    asked = {**query, "limit": str(_LIMIT)}
    while True:
        reply = await calls.get(path, asked)
        exchanges.append(reply.exchange)
        so_far = together(*exchanges)
        if not reply.is_success:
            return Partly(reply.why, reply, so_far)
        page = read(kind, reply.body)
        if isinstance(page, Unusable):
            return Partly(page.why, reply, so_far, page.drift)
        if not all(map(belongs, page.data)):
            drift = (f"{path}: shows what was not asked for",)
            return Partly("a list of other objects", reply, so_far, drift)
        is_longer = not found.keys() >= {each.id for each in page.data}
        found |= {each.id: each for each in page.data}
        if not page.has_more:
            return Whole(tuple(found.values()), exchanges[0].sent_at, so_far or reply.exchange)
        if not is_longer:
            return Partly("a list without an end", reply, so_far, (f"{path}: shows no end",))
        if len(exchanges) == _PAGES_MAX:
            return Partly("the list is too long", reply, so_far, is_long=True)
        asked["starting_after"] = page.data[-1].id


@dataclass(frozen=True)
class InTime(Generic[T]):
    """What lists showed of some time.

    Attributes:
        is_complete: False if there is more, after the last of these.
    """

    items: tuple[T, ...]
    is_complete: bool


async def in_time(
    between: Callable[[int, int | None], Awaitable[Sequence[T] | Partly]], begin: int, clock: Clock
) -> InTime[T] | Unanswered:
    """What lists show from a second on.

    A list shows the newest first, and only its end completes it. If a list is too long, only the
    first half of its time is listed, and so on; the caller asks again from there.

    Args:
        between: lists what was made in these seconds, both included; without the second one, all.
    """
    end = None
    for _ in range(_STEPS_MAX):
        listed = await between(begin, end)
        if isinstance(listed, Partly):
            if not listed.is_long:
                return listed.unanswered()
            last = end or int(clock.now().timestamp())
            if last <= begin + 1:
                return Unanswered("more was made within a second than a list shows")
            end = begin + (last - begin) // 2
        elif listed or end is None:
            return InTime(tuple(listed), is_complete=end is None)
        else:
            begin, end = end, None  # Nothing until then.
    return Unanswered("the list is too long to be read")


@dataclass(frozen=True)
class Around:
    """All that was booked for a PaymentIntent, and all that took its money back."""

    bookings: tuple[wire.BalanceTransaction, ...] = ()
    refunds: tuple[wire.Refund, ...] = ()
    disputes: tuple[wire.Dispute, ...] = ()
    warnings: tuple[wire.EarlyFraudWarning, ...] = ()
    exchanges: tuple[Exchange, ...] = field(default=(), repr=False)


async def around(calls: Calls, order: Order, intent: wire.PaymentIntent) -> Around | Partly:
    """What hangs on the intent. Before money was taken, nothing does, and nothing is asked."""
    charge = intent.charge
    if charge is None or charge.status != words.CHARGED or not charge.amount_captured:
        return Around()
    of_intent = {"payment_intent": intent.id}
    wanted: list[tuple[str, str, type[wire.Listed], Mapping[str, str]]] = [
        ("bookings", "/v1/balance_transactions", wire.Bookings, {"source": charge.id}),
        ("refunds", "/v1/refunds", wire.Refunds, of_intent),
        ("disputes", "/v1/disputes", wire.Disputes, of_intent),
    ]
    if order.rail is Rail.CARD:
        wanted.append(("warnings", "/v1/radar/early_fraud_warnings", wire.Warnings, of_intent))
    found: dict[str, tuple[Any, ...]] = {}
    exchanges: list[Exchange] = []
    for name, path, kind, query in wanted:
        ((by, value),) = query.items()
        listed = await whole(calls, path, kind, query, partial(_names, by, value))
        if isinstance(listed, Partly):
            return replace(listed, exchange=together(*exchanges, listed.exchange))
        found[name] = listed.items
        exchanges.append(listed.exchange)
    return Around(**found, exchanges=tuple(exchanges))


async def bookings(calls: Calls, source: str) -> Whole | Partly:
    """All bookings on our balance for one object."""
    query = {"source": source}
    belongs = partial(_names, "source", source)
    return await whole(calls, "/v1/balance_transactions", wire.Bookings, query, belongs)


def _names(field: str, value: str, item: Any) -> bool:
    """Whether an item is about this object. Some do not say."""
    return getattr(item, field) in (None, value)
