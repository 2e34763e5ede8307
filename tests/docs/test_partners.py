"""The partner of `docs/partners.md`, through the engine, against its simulator."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from domain.lifecycle.profile import InstructionKind, Profile
from domain.lifecycle.resource import Certainty
from domain.payments.report import PaymentState
from examples.harbour.client import HarbourPartner
from local.temporal_server import DevServer
from tests.conftest import ROOT
from tests.fakes import ACCOUNT, order
from tests.partners.conformance.bench import Bank
from tests.partners.conformance.partners import WORDS
from tests.world import World, world

_HARBOUR: Final = "harbour"
_FOLDER: Final = ROOT / "examples" / "harbour"


def _lines(folder: Path) -> int:
    texts = (file.read_text() for file in folder.glob("*.py"))
    return sum(bool(line.strip()) for text in texts for line in text.splitlines())


def test_a_partner_is_a_small_folder_and_a_small_simulator() -> None:
    assert _lines(_FOLDER) < 360
    assert _lines(_FOLDER / "simulator") < 400


def _imports(folder: Path) -> set[str]:
    lines = (line for file in folder.glob("*.py") for line in file.read_text().splitlines())
    return {line.split()[1] for line in lines if line.strip().startswith(("from ", "import "))}


def test_its_simulator_shares_nothing_with_its_adapter_and_both_build_on_the_kits() -> None:
    simulator = {
        name for name in _imports(_FOLDER / "simulator") if (ROOT / name.split(".")[0]).exists()
    }
    allowed = ("simulators.kit", "examples.harbour.simulator")
    assert [name for name in simulator if not name.startswith(allowed)] == []
    partners = {name for name in _imports(_FOLDER) if name.startswith(("partners", "simulators"))}
    assert {name.split(".")[1] for name in partners} == {"kit", "interface"}


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    words = next(each for each in WORDS if each.name == _HARBOUR)
    command = [sys.executable, "-m", words.simulator, "serve", "--port", "0"]
    command += ["--db", str(tmp_path / "bank.db"), "--send-after", "0.1", "--book-after", "0.1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Bank(words, process.stdout.readline().split()[-1])
        process.terminate()


def _hurried(profile: Profile) -> Profile:
    """With the pauses of a test."""
    pay = profile.operation(InstructionKind.PAY)
    quick = {"pause": timedelta(milliseconds=100), "settle_delay": timedelta(milliseconds=300)}
    pay = pay.model_copy(
        update={
            "lookup": pay.lookup.model_copy(update=quick),
            "pause": timedelta(milliseconds=100),
            "write_within": timedelta(seconds=2),
            "answer_within": timedelta(seconds=1),
        }
    )
    return profile.model_copy(
        update={
            "operations": {**profile.operations, InstructionKind.PAY: pay},
            "watch": dict.fromkeys(profile.watch, timedelta(milliseconds=500)),
            "read_pause": timedelta(milliseconds=100),
        }
    )


@pytest.fixture
async def made(bank: Bank, server: DevServer, tmp_path: Path) -> AsyncIterator[World]:
    adapter = bank.adapter()
    assert isinstance(adapter, HarbourPartner)
    adapter.profile = _hurried(adapter.profile)
    async with world(tmp_path / "home", server.address, beside={(_HARBOUR, ACCOUNT): adapter}) as w:
        await w.work()
        yield w


def _booked(bank: Bank) -> list[str]:
    return [payment["status"] for payment in bank.control("book")["payments"]]


async def _paid(made: World, key: str, reference: str) -> str:
    given = order(made.assembly.clock.now(), partner=_HARBOUR, end_to_end_id=reference)
    return (await made.pay(key, of=given)).payment_id


@pytest.mark.parametrize(
    "faults",
    [
        {},
        {"reply_lost_after": {}},
        {"error_500_after": {}},
        {"reply_lost_before": {}, "error_500_before": {}},
        {"unauthorised": {}},
        {"delay": {"seconds": 4, "when": "after"}},
    ],
    ids=str,
)
async def test_it_pays_once_whatever_becomes_of_the_answer(
    made: World, bank: Bank, faults: dict[str, dict[str, Any]]
) -> None:
    for fault, param in faults.items():
        bank.fault(fault, **param)
    payment_id = await _paid(made, "k", "DOC-1")
    payment = await made.until(payment_id, PaymentState.FINAL)
    assert payment.certainty is Certainty.SENT
    assert _booked(bank) == ["booked"]


async def test_what_the_bank_refuses_is_rejected(made: World, bank: Bank) -> None:
    bank.fault("refused", status=400, error="invalid_account")
    payment = await made.until(await _paid(made, "k", "DOC-2"), PaymentState.REJECTED)
    assert payment.reason == "invalid account"
    assert _booked(bank) == []


async def test_what_the_bank_declines_is_rejected_and_what_comes_back_is_returned(
    made: World, bank: Bank
) -> None:
    bank.fault("return")
    payment = await made.until(await _paid(made, "k", "DOC-3"), PaymentState.RETURNED)
    assert payment.certainty is Certainty.SENT
    bank.fault("decline")
    await made.until(await _paid(made, "l", "DOC-4"), PaymentState.REJECTED)
    assert _booked(bank) == ["returned", "declined"]
