"""The demo's shop: collects its orders as an app does, and plays the payers too.

Every wait asks the store until a deadline. A sale that is late is shown as it stands, and the
checker says what is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from assembly import Assembly
from domain.payments.report import PaymentState
from local.demo_collections import DELAYS, SALES, Sale, euro, rules
from local.demo_payer import press
from local.simulator import Simulator
from store.records import PaymentRecord

#: A step that the killed worker had begun is done by another one after 90 s at the latest.
_LIMIT: Final = timedelta(seconds=130)
#: The button on the simulated bank's page.
_BUTTON: Final = "Complete"
_BY: Final = "demo"


@dataclass(frozen=True)
class Sold:
    """A sale, and its payment as it stands at the end."""

    sale: Sale
    record: PaymentRecord

    @property
    def is_over(self) -> bool:
        return self.sale.is_over(self.record)


class _Late(Exception):
    """The payment did not come so far in time."""


async def make_trouble(simulator: Simulator) -> Sequence[int]:
    """Tell the simulator what happens to the sales. Returns its numbers of `rules`."""
    await simulator.control("POST", "delays", DELAYS)
    ids: Sequence[int] = (await simulator.control("POST", "faults", rules()))["ids"]
    return ids


async def sell_all(assembly: Assembly) -> Sequence[Sold]:
    """All sales at the same time, each to its end or to its deadline."""
    return await asyncio.gather(*(_sell(assembly, sale) for sale in SALES))


async def _sell(assembly: Assembly, sale: Sale) -> Sold:
    client, deadline = assembly.orchestrator, assembly.clock.now() + _LIMIT
    payment_id = (await client.pay(sale.order(), sale.name, patience=None)).payment_id
    until = partial(_until, assembly, payment_id, deadline=deadline)
    try:
        if sale.payer_confirms:
            await until(_waits_for_payer)
            await _confirm(assembly, payment_id)
        for amount in sale.captures:
            await until(lambda record: record.payment.amounts.authorised.minor >= sale.amount)
            key = f"{sale.name}-shipped"
            claimed = await client.capture(payment_id, key, euro(amount), tenant=None, by=_BY)
            await assembly.following.claimed(claimed, deadline)
        if sale.refunds:
            await until(lambda record: record.payment.amounts.captured.minor >= sale.amount)
            await asyncio.gather(
                *(_refund(assembly, payment_id, f"{sale.name}-item-{number}", amount, deadline)
                  for number, amount in enumerate(sale.refunds, 1))
            )  # fmt: skip
        record = await until(sale.is_over)
    except _Late:
        record = await client.get(payment_id, tenant=None)
    return Sold(sale, record)


async def _refund(
    assembly: Assembly, payment_id: str, key: str, amount: int, deadline: datetime
) -> None:
    client = assembly.orchestrator
    claimed = await client.refund(payment_id, key, euro(amount), tenant=None, by=_BY)
    await assembly.following.claimed(claimed, deadline)


async def _confirm(assembly: Assembly, payment_id: str) -> None:
    """The payer opens the address that the shop was given, and confirms."""
    action = await assembly.orchestrator.action(payment_id, tenant=None)
    if action is None or action.url is None:
        raise _Late
    await asyncio.to_thread(press, action.url, _BUTTON)


async def _until(
    assembly: Assembly,
    payment_id: str,
    holds: Callable[[PaymentRecord], bool],
    *,
    deadline: datetime,
) -> PaymentRecord:
    """Wait until something holds for the payment.

    Raises:
        _Late: it does not hold at the deadline.
    """
    record = await assembly.orchestrator.wait(payment_id, holds, tenant=None, deadline=deadline)
    if not holds(record):
        raise _Late
    return record


def _waits_for_payer(record: PaymentRecord) -> bool:
    return record.payment.state is PaymentState.AWAITING_USER
