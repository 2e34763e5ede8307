"""What orders take out of which balance, against what is there: for people, before they pay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from domain.answers import Unanswered
from domain.money import Money
from domain.order import Order


class Balance(NamedTuple):
    """One of our accounts with a partner, or a sub-account of it, in one currency."""

    partner: str
    partner_account: str
    on_behalf_of: str | None
    currency: str


class Leaving(NamedTuple):
    """What leaves a balance. The partner's own charges are not in it: nobody tells them before."""

    balance: Balance
    payments: int
    total: Money
    available: Money | Unanswered

    @property
    def is_covered(self) -> bool | None:
        """None where the partner did not tell."""
        if isinstance(self.available, Unanswered):
            return None
        return self.available.minor >= self.total.minor


async def leaving(
    orders: Iterable[Order], available: Callable[[Balance], Awaitable[Money | Unanswered]]
) -> list[Leaving]:
    """Each balance that something leaves, in the order they first come.

    Args:
        available: asks the partner. What other payments under way will take is still in it.
    """
    sums: dict[Balance, tuple[int, int]] = {}
    for order in orders:
        amount = order.instructed_amount
        balance = Balance(order.partner, order.partner_account, order.on_behalf_of, amount.currency)
        count, minor = sums.get(balance, (0, 0))
        sums[balance] = count + 1, minor + amount.minor

    told = await asyncio.gather(*map(available, sums))
    return [
        Leaving(balance, count, Money(minor=minor, currency=balance.currency), found)
        for (balance, (count, minor)), found in zip(sums.items(), told, strict=True)
    ]
