"""Stripe's simulator for all tests of a module, and instructions for its adapter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from domain.payments.answers import Subject
from domain.payments.order import Order
from partners.interface import PaymentPartner
from tests.conftest import ROOT
from tests.partners.conformance.bench import Bank, Instruction, new_key
from tests.partners.conformance.partners import WORDS


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with serving(tmp_path_factory.mktemp("simulator") / "book.db") as bank:
        yield bank


@contextmanager
def serving(book: Path) -> Iterator[Bank]:
    """A simulator with a book of its own."""
    words = next(each for each in WORDS if each.title == "stripe-debits")
    command = [sys.executable, "-m", words.simulator, "serve", "--port", "0", "--db", str(book)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Bank(words, process.stdout.readline().split()[-1])
        process.terminate()


@pytest.fixture
def bank(served: Bank) -> Iterator[Bank]:
    """Its time stands still unless a test lets it pass."""
    served.control("clock", {"frozen": True})
    yield served
    served.control("faults", method="DELETE")


@pytest.fixture
async def adapter(bank: Bank) -> AsyncIterator[PaymentPartner]:
    adapter = bank.adapter()
    yield adapter
    await adapter.close()


@pytest.fixture
def ordered(bank: Bank, adapter: PaymentPartner) -> Ordered:
    return Ordered(bank, adapter)


class Ordered:
    """Makes payments of orders, ready to be sent."""

    def __init__(self, bank: Bank, adapter: PaymentPartner) -> None:
        self.bank = bank
        self.adapter = adapter

    async def __call__(self, order: Order) -> Instruction:
        subject = Subject("pay_1/pay/1", order, (new_key(self.adapter),))
        return await Instruction(self.bank, self.adapter, subject).prepared()

    def happen(self, pay: Instruction, intervention: str, **param: object) -> None:
        """Let something happen to the payment at the partner."""
        object_id = pay.subject.partner_reference
        self.bank.control(f"payments/{object_id}", {"fault": intervention, "param": param})
