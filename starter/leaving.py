"""Sums up what orders take out of each balance and compares it with what is available.

People see this before they pay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from domain.lifecycle.answers import Unanswered
from domain.money import Money
from domain.payments.order import Order


class Balance(NamedTuple):
    """An account of ours with a partner, or a sub-account of it, in one currency."""

    partner: str
    partner_account: str
    on_behalf_of: str | None
    currency: str


class Leaving(NamedTuple):
    """What leaves a balance. The partner's charges are not included: they are not known before."""

    balance: Balance
    payments: int
    total: Money
    available: Money | Unanswered

    @property
    def is_covered(self) -> bool | None:
        """Whether the balance is enough; None if the partner did not say."""
        if isinstance(self.available, Unanswered):
            return None
        return self.available.minor >= self.total.minor


async def leaving(
    orders: Iterable[Order], available: Callable[[Balance], Awaitable[Money | Unanswered]]
) -> list[Leaving]:
    """Each balance from which money leaves, in the order of its first payment.

    Args:
        available: asks the partner. Money that other payments under way will take still counts as
            available.
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
