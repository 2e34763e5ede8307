"""The door for claims: `tests/proof/simulation/cards.py` goes through it as well."""

from __future__ import annotations

import pytest

from domain.money import Money
from domain.payments.payment import UnknownPayment
from starter.asking import InvalidCommand
from starter.client import Orchestrator
from store.claims import CannotClaim
from tests.fakes import order
from tests.starter.test_client import client, running
from tests.store.conftest import clock, migrated, store, where

__all__ = ["client", "clock", "migrated", "running", "store", "where"]
ONE = Money(minor=100, currency="EUR")


async def test_another_tenants_payment_is_unknown(client: Orchestrator) -> None:
    paid = await client.pay(order(), "k")
    with pytest.raises(UnknownPayment):
        await client.refund(paid.payment_id, "r", ONE, tenant="other", by="shop")


async def test_a_claim_that_the_payment_does_not_allow_is_refused(client: Orchestrator) -> None:
    paid = await client.pay(order(), "k")
    for ask in (client.capture, client.increment, client.refund):
        with pytest.raises(CannotClaim, match="offers no"):
            await ask(paid.payment_id, "r", ONE, tenant="shop", by="shop")
    with pytest.raises(InvalidCommand, match="command_id"):
        await client.refund(paid.payment_id, "", ONE, tenant="shop", by="shop")
    assert await client.action(paid.payment_id, tenant="shop") is None
