"""The checker of a bank's book names each flaw, and none of a good book."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.proof.bank_book_checker import compare

ACCOUNT, LANDLORD = "DE73100500000000000001", "DE14200500000000004711"
Both = tuple[dict[str, Any], dict[str, Any]]
Change = Callable[[dict[str, Any], dict[str, Any]], None]


def a_posting(seq: int, what: str, minor: int, payment: str | None = None) -> list[dict[str, Any]]:
    """An entry: the account's side, and that of the rest of the world."""
    sides = ((seq, ACCOUNT, minor), (seq + 100, "world", -minor))
    return [
        {
            "seq": number, "entry": f"entry-{seq}", "what": what, "payment_id": payment,
            "account": account, "currency": "EUR", "amount_minor": amount,
        }
        for number, account, amount in sides
    ]  # fmt: skip


def good() -> Both:
    """A book with one payment that its user approved, and what we show of it."""
    book = {
        "payments": [
            {
                "id": "p1", "status": "ACSC", "amount_minor": 47_11, "debtor_iban": ACCOUNT,
                "creditor_iban": LANDLORD, "body": json.dumps({"endToEndIdentification": "RENT"}),
            }
        ],
        "consents": [{"id": "c1", "status": "valid", "granted": json.dumps([ACCOUNT])}],
        "authorisations": [
            {"payment_id": of, "status": "finalised"} for of in ("p1", "c1")
        ],
        "postings": [
            *a_posting(1, "opening", 1000_00), *a_posting(2, "Salary", 2500_00),
            *a_posting(3, "settled", -47_11, "p1"),
        ],
    }  # fmt: skip
    shown = {
        "order": "RENT", "amount_minor": 47_11, "account": ACCOUNT, "creditor": LANDLORD,
        "state": "settled", "consent": "active",
        "transactions": [
            {"reference": "3", "amount_minor": -47_11, "currency": "EUR"},
            {"reference": "2", "amount_minor": 2500_00, "currency": "EUR"},
        ],
    }  # fmt: skip
    return book, shown


def _pay_again(book: dict[str, Any], shown: dict[str, Any]) -> None:
    book["payments"].append({**book["payments"][0], "id": "p2", "status": "RCVD"})


def _forget_payment(book: dict[str, Any], shown: dict[str, Any]) -> None:
    book["payments"].clear()


def _pay_a_stranger(book: dict[str, Any], shown: dict[str, Any]) -> None:
    book["payments"][0]["creditor_iban"] = ACCOUNT


def _debit_twice(book: dict[str, Any], shown: dict[str, Any]) -> None:
    book["postings"] += a_posting(4, "settled", -47_11, "p1")


def _unbalance(book: dict[str, Any], shown: dict[str, Any]) -> None:
    book["postings"][0]["amount_minor"] += 1


def _nobody_ordered(book: dict[str, Any], shown: dict[str, Any]) -> None:
    other = json.dumps({"endToEndIdentification": "OTHER"})
    book["payments"].append({**book["payments"][0], "id": "p9", "body": other})


def _nobody_approved(book: dict[str, Any], shown: dict[str, Any]) -> None:
    book["authorisations"][0]["status"] = "received"


def _say_settled_too_early(book: dict[str, Any], shown: dict[str, Any]) -> None:
    book["payments"][0]["status"] = "ACTC"
    del book["postings"][4:]


def _revoke(book: dict[str, Any], shown: dict[str, Any]) -> None:
    book["consents"][0]["status"] = "revokedByPsu"


def _grant_another_account(book: dict[str, Any], shown: dict[str, Any]) -> None:
    book["consents"][0]["granted"] = json.dumps([LANDLORD])


def _miss_a_line(book: dict[str, Any], shown: dict[str, Any]) -> None:
    shown["transactions"].pop()


def _show_a_line_twice(book: dict[str, Any], shown: dict[str, Any]) -> None:
    shown["transactions"].append(shown["transactions"][0])


def _show_the_wrong_sign(book: dict[str, Any], shown: dict[str, Any]) -> None:
    shown["transactions"][0]["amount_minor"] = 47_11


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        (_pay_again, "twice: RENT is 2 payments"),
        (_forget_payment, "lost: RENT is 0 payments"),
        (_pay_a_stranger, "changed: RENT has another amount, payer or payee"),
        (_debit_twice, "changed: RENT is ACSC and debited 9422"),
        (_unbalance, "postings: entry entry-1 adds up to 1 EUR"),
        (_nobody_ordered, "unordered: payment p9 of 4711"),
        (_nobody_approved, "unordered: RENT was debited and no user approved it"),
        (_say_settled_too_early, "disagree: RENT is settled and ACTC"),
        (_revoke, "disagree: the access is active; granted are 0"),
        (_grant_another_account, "unordered: transactions are shown of an account"),
        (_miss_a_line, "lost: transaction 2 of 250000"),
        (_show_a_line_twice, "twice: transaction 3 of -4711"),
        (_show_the_wrong_sign, "unordered: transaction 3 of 4711"),
    ],
)
def test_a_flaw_is_named(change: Change, flaw: str) -> None:
    book, shown = copy.deepcopy(good())
    change(book, shown)
    found = compare(book, [shown])
    assert [each for each in found.flaws if each.startswith(flaw)], found.flaws


def test_a_good_book_has_no_flaw() -> None:
    book, shown = good()
    found = compare(book, [shown])
    assert found.flaws == []
    assert (found.paid, found.approved, found.lines, found.shown) == (1, 1, 2, 2)


def test_it_runs_as_a_program(tmp_path: Path) -> None:
    book, shown = good()
    (tmp_path / "book").write_text(json.dumps(book))
    (tmp_path / "shown").write_text(json.dumps([shown]))
    command = [sys.executable, "-m", "tests.proof.bank_book_checker"]
    command += ["--book", str(tmp_path / "book"), "--shown", str(tmp_path / "shown")]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, "the books agree")
    (tmp_path / "shown").write_text("[]")
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (1, "THE BOOKS DO NOT AGREE")
