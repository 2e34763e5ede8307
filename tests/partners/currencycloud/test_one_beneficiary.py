"""A fresh creditor in several payments at once, in several processes, is made once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from assembly import MachineClock
from domain.lifecycle.answers import Prepared, Unprepared
from domain.party import Party
from domain.payments.answers import Subject
from domain.payments.order import Order
from partners.currencycloud.account import Account as CurrencycloudAccount
from partners.currencycloud.client import CurrencycloudPartner
from store.faults import StoreAway
from store.prepared import LEASE, PreparedObjects
from tests.clock import SteppedClock
from tests.partners.currencycloud.lives import Bank
from tests.partners.currencycloud.scripted import ORDER, FakeLoginBook
from tests.store.books import KEYRING, Store
from tests.store.conftest import clock, migrated, store, where

__all__ = ["clock", "migrated", "store", "where"]

PROCESSES, LINES = 2, 6


@pytest.fixture
def beside(where: Path | str, clock: SteppedClock) -> Iterator[list[Store]]:
    """The store as so many processes have it open."""
    stores = [Store(where, clock) for _ in range(PROCESSES)]
    yield stores
    for each in stores:
        each.close()


@pytest.fixture
async def adapters(bank: Bank, beside: list[Store]) -> AsyncIterator[list[CurrencycloudPartner]]:
    account = CurrencycloudAccount(
        base_url=bank.address, login_id="demo@finality.test", api_key=SecretStr("51" * 32)
    )
    made = [
        CurrencycloudPartner(
            account,
            logins=FakeLoginBook(held=None),
            clock=MachineClock(),
            prepared=PreparedObjects(each.database, KEYRING, each.clock, "currencycloud"),
        )
        for each in beside
    ]
    for adapter in made:
        assert await adapter.ready() is None
    yield made
    for adapter in made:
        await adapter.close()


def _order(name: str) -> Order:
    return ORDER.model_copy(update={"creditor": Party(name=name)})


def _subjects(order: Order) -> list[Subject]:
    return [
        Subject(
            f"pay_{number}/pay/1",
            order.model_copy(update={"end_to_end_id": f"S4-{number}"}),
            (f"{number:032d}",),
        )
        for number in range(LINES)
    ]


async def _until_prepared(adapter: CurrencycloudPartner, subject: Subject) -> str:
    """As its workflow does it: a step that cannot be taken yet is taken again."""
    for _ in range(100):
        prepared = await adapter.prepare(subject)
        if isinstance(prepared, Prepared):
            return prepared.request.prepared["beneficiary_id"]
        await asyncio.sleep(0.05)
    raise AssertionError(prepared)


def _made(bank: Bank, name: str) -> list[dict[str, Any]]:
    book = bank.control("book")["beneficiaries"]
    return [one for one in book if one["bank_account_holder_name"] == name]


async def test_a_fresh_creditor_in_many_payments_of_two_processes_is_made_once(
    bank: Bank, adapters: list[CurrencycloudPartner], request: pytest.FixtureRequest
) -> None:
    name = f"Fresh {request.node.name}"[:60]
    work = [
        _until_prepared(adapters[number % PROCESSES], subject)
        for number, subject in enumerate(_subjects(_order(name)))
    ]
    found = await asyncio.gather(*work)
    [made] = _made(bank, name)
    assert set(found) == {made["id"]}


async def test_a_crash_between_making_and_recording_it_finds_the_one_that_was_made(
    bank: Bank,
    adapters: list[CurrencycloudPartner],
    clock: SteppedClock,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = f"Crash {request.node.name}"[:60]
    subject = _subjects(_order(name))[0]

    async def away(*_: object) -> None:
        raise StoreAway("as it is to be recorded")

    with monkeypatch.context() as patched:
        patched.setattr(PreparedObjects, "made", away)
        with pytest.raises(StoreAway):
            await adapters[0].prepare(subject)
    waits = await adapters[1].prepare(subject)
    assert isinstance(waits, Unprepared), "another one may be at work"
    clock.step(LEASE + timedelta(seconds=1))
    prepared = await adapters[1].prepare(replace(subject))
    assert isinstance(prepared, Prepared)
    [made] = _made(bank, name)
    assert prepared.request.prepared == {"beneficiary_id": made["id"]}
