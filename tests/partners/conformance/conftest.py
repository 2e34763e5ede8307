"""For each partner: its simulator, an adapter with a login of its own, and one payment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator

import pytest

from partners.interface import PaymentLister, PaymentPartner
from tests.conftest import ROOT
from tests.partners.conformance.bench import Bank, Instruction, payment
from tests.partners.conformance.partners import WORDS
from tests.partners.conformance.words import Words
from tests.simulators.conftest import receiver

__all__ = ["receiver"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test is made for the partners that have what it is about: cancels, refunds, events, …"""
    names = metafunc.fixturenames
    if "served" in names:
        partners: Iterable[Words] = WORDS
        if "cancel" in names:
            partners = [words for words in partners if words.cancel]
        if "findable" in names:
            partners = [words for words in partners if words.find]
        if "lister" in names:
            partners = [words for words in partners if words.lists]
        if "reader" in names:
            partners = [words for words in partners if words.notifies]
        if "paid" in names:
            partners = [words for words in partners if words.refund]
        if "feed" in names:
            partners = [words for words in partners if words.feed]
        if "dead_token" in names:
            partners = [words for words in partners if words.token_lasts]
        metafunc.parametrize(
            "served",
            partners,
            indirect=True,
            scope="module",
            ids=lambda words: words.title or words.name,
        )


@pytest.fixture(scope="module")
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bank]:
    words: Words = request.param
    book = tmp_path_factory.mktemp("simulator") / "book.db"
    command = [sys.executable, "-m", words.simulator, "serve", "--port", "0", "--db", str(book)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        bank = Bank(words, process.stdout.readline().split()[-1])
        bank.control("delays", dict(words.delays))
        yield bank
        process.terminate()


@pytest.fixture
def bank(served: Bank) -> Iterator[Bank]:
    """Its time stands still unless a test lets it pass."""
    served.control("clock", {"frozen": True})
    yield served
    served.control("faults", method="DELETE")
    served.control("webhooks", {}, method="DELETE")


@pytest.fixture
async def adapter(bank: Bank) -> AsyncIterator[PaymentPartner]:
    adapter = bank.adapter()
    assert await adapter.ready() is None
    yield adapter
    await adapter.close()


@pytest.fixture
async def findable(pay: Instruction) -> Instruction:
    """A payment that its partner finds by our keys; ready to be sent."""
    assert pay.operation.lookup.is_complete
    return pay


@pytest.fixture
async def lister(adapter: PaymentPartner) -> PaymentLister:
    """An adapter that lists payments."""
    assert isinstance(adapter, PaymentLister)
    return adapter


@pytest.fixture
async def pay(bank: Bank, adapter: PaymentPartner) -> Instruction:
    """A payment, ready to be sent."""
    return await payment(bank, adapter).prepared()
