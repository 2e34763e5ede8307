"""The partner of `docs/partners.md`, as it stands there, against a bank over HTTP."""

from __future__ import annotations

import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from assembly import MachineClock
from domain.lifecycle.profile import InstructionKind, Profile
from domain.payments.payment import Certainty
from domain.payments.report import PaymentState
from local.child import start_child
from local.temporal_server import DevServer, free_port
from tests.fakes import ACCOUNT, order
from tests.polling import until
from tests.world import World, world
from transport.http import Transport

_PAGE: Final = Path(__file__).parents[2] / "docs" / "partners.md"
_BEHAVIOUR: Final = "/replay_state/strong"
_HARBOUR: Final = "harbour"


@dataclass
class Bank:
    """A test bank's process, of the behaviour that the page describes."""

    address: str

    @property
    def base_url(self) -> str:
        return f"{self.address}{_BEHAVIOUR}"

    def control(self, what: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.address}/_control/{what}", data=json.dumps(body or {}).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.loads(response.read())

    def is_there(self) -> bool:
        try:
            self.control("health")
        except (urllib.error.URLError, OSError):
            return False
        return True

    @property
    def booked(self) -> list[str]:
        return [payment["status"] for payment in self.control("book")["payments"]]


@pytest.fixture(scope="module")
def page() -> ModuleType:
    blocks = re.findall(r"^```python\n(.*?)^```", _PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 3
    made = ModuleType("page")
    exec(compile("\n".join(blocks), str(_PAGE), "exec"), vars(made))
    return made


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    port = free_port()
    process = start_child(
        [sys.executable, "-m", "tests.proof.bank", "--port", str(port),
         "--db", str(tmp_path / "bank.db")],
        log_file=tmp_path / "bank.log",
    )  # fmt: skip
    made = Bank(f"http://127.0.0.1:{port}")
    until(made.is_there, "the bank answers")
    yield made
    process.kill()
    process.wait()


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
            "operations": {InstructionKind.PAY: pay},
            "watch": dict.fromkeys(profile.watch, timedelta(milliseconds=500)),
            "read_pause": timedelta(milliseconds=100),
        }
    )


@pytest.fixture
async def made(
    page: ModuleType, bank: Bank, server: DevServer, tmp_path: Path
) -> AsyncIterator[World]:
    clock = MachineClock()
    adapter = page.Harbour(Transport(bank.base_url, clock=clock), clock, _hurried(page.PROFILE))
    async with world(tmp_path / "home", server.address, beside={(_HARBOUR, ACCOUNT): adapter}) as w:
        await w.work()
        yield w


async def _paid(made: World, key: str, reference: str) -> str:
    given = order(made.assembly.clock.now(), partner=_HARBOUR, end_to_end_id=reference)
    return (await made.pay(key, of=given)).payment_id


@pytest.mark.parametrize(
    "faults", [(), ("lost_after",), ("error_after",), ("lost_before", "lost_before"), ("slow",)]
)
async def test_it_pays_once_whatever_becomes_of_the_answer(
    made: World, bank: Bank, faults: tuple[str, ...]
) -> None:
    bank.control("script", {"reference": "DOC-1", "faults": list(faults), "hold_seconds": 0.1})
    payment_id = await _paid(made, "k", "DOC-1")
    payment = await made.until(payment_id, PaymentState.FINAL)
    assert payment.certainty is Certainty.SENT
    assert bank.booked == ["completed"]


async def test_what_the_bank_refuses_is_rejected(made: World, bank: Bank) -> None:
    bank.control("script", {"reference": "DOC-2", "faults": ["refuse"], "hold_seconds": 0})
    payment = await made.until(await _paid(made, "k", "DOC-2"), PaymentState.REJECTED)
    assert payment.reason == "we do not pay that"
    assert bank.booked == []
