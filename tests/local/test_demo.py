"""The demo says "not proven" when the books differ; that it runs, `make demo` shows."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from local import demo
from local.demo_file import demo_file, end_to_end_id
from local.demo_stories import CANCELLED_TOO_LATE, FAULTS, LINES, STORIES, rules
from local.stack import Stack
from messages.pain001 import read
from settings import Settings
from store.keyring import Keyring

ACCOUNT = "DE02120300000000202051"


def the_book(*, booked: int) -> dict[str, Any]:
    """A partner's book with so many bookings of one order, and every fault fired."""
    payments = [
        {
            "id": f"id-{number}",
            "unique_request_id": f"key-{number}",
            "status": "completed",
            "amount_minor": 1000,
            "returned_minor": 0,
            "currency": "EUR",
            "reference": "REF-1",
            "beneficiary_iban": ACCOUNT,
            "history": [],
        }
        for number in range(booked)
    ]
    fired = [{"fault": fault} for fault, _, _ in FAULTS]
    fired += [{"fault": story.fault} for story in STORIES]
    return {
        "payments": payments,
        "postings": [],
        "accounts": [],
        "balances": [],
        "beneficiaries": [],
        "transactions": [],
        "faults_fired": fired,
    }


@pytest.mark.parametrize("booked", [0, 2])
async def test_books_that_differ_are_not_proven(tmp_path: Path, booked: int) -> None:
    Keyring.make(tmp_path / "keyring")
    journal = tmp_path / "journal.jsonl"
    wanted = {"creditor_account": ACCOUNT, "creditor": "C", "amount_minor": 1000,
              "currency": "EUR", "end_to_end_id": "REF-1"}  # fmt: skip
    lines = [{"intended": "k", **wanted}, {"acknowledged": "k", "payment_id": "pay_1"}]
    journal.write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    async def control(_method: str, _path: str) -> dict[str, Any]:
        return the_book(booked=booked)

    stack = cast(Stack, SimpleNamespace(simulator=SimpleNamespace(control=control)))
    printed = io.StringIO()
    proven = await demo._compare(
        stack, Settings(home=tmp_path), journal, Console(file=printed, width=200), killed=True
    )
    assert not proven
    assert "not proven" in printed.getvalue()


def test_the_demo_file_is_one_we_read_and_each_fault_meets_its_own_payment() -> None:
    lines = read(demo_file(24)).lines
    assert len(lines) == 24
    assert not any(line.refusals for line in lines)
    matched = [rule["match"]["reference"] for rule in rules()]
    wanted = sum(count for _, count, _ in FAULTS) + len(STORIES)
    assert len(set(matched)) == len(matched) == wanted == LINES - 1
    assert end_to_end_id(CANCELLED_TOO_LATE) not in matched
    assert set(matched) <= {end_to_end_id(number) for number in range(22)}
