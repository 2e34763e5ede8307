"""A tenant's client knows of no other tenant's payment, not even that it is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from domain.payments.payment import UnknownPayment
from starter.client import Orchestrator
from tests.fakes import order
from tests.starter.test_client import client, clock, running, store

__all__ = ["client", "clock", "running", "store"]

ASKED: dict[str, Callable[[Orchestrator, str], Awaitable[object]]] = {
    "get": lambda client, payment: client.get(payment, tenant="other"),
    "wait": lambda client, payment: client.wait(payment, lambda _: True, tenant="other"),
    "cancel": lambda client, payment: client.cancel(payment, "c", by="other", tenant="other"),
    "answer_of": lambda client, payment: client.answer_of(payment, "c1", tenant="other"),
}


@pytest.mark.parametrize("asked", sorted(ASKED))
async def test_the_payment_of_another_tenant_reads_as_unknown(
    client: Orchestrator, asked: str
) -> None:
    theirs = (await client.pay(order(), "k")).payment_id
    await client.cancel(theirs, "c1", by="shop", tenant="shop")
    before = await client.get(theirs, tenant="shop")
    with pytest.raises(UnknownPayment) as of_another:
        await ASKED[asked](client, theirs)
    with pytest.raises(UnknownPayment) as of_nobody:
        await ASKED[asked](client, "pay_nobody")
    assert str(of_another.value).replace(theirs, "pay_nobody") == str(of_nobody.value)
    assert await client.get(theirs, tenant="shop") == before


async def test_operators_look_at_payments_of_all_tenants(client: Orchestrator) -> None:
    payment_id = (await client.pay(order(), "k")).payment_id
    assert (await client.get(payment_id, tenant=None)).tenant == "shop"
