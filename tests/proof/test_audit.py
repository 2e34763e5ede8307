"""The card processor's book beside an app's journal and our store: each kind of flaw is found."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from domain.lifecycle.profile import InstructionKind
from domain.money import Money
from tests.proof.arena import Standing
from tests.proof.audit import Books
from tests.proof.claims_journal import ClaimsJournal, asked_of
from tests.proof.collecting import COLLECTIONS

CAPTURE, REFUND = InstructionKind.CAPTURE, InstructionKind.REFUND


def _said(**line: Any) -> str:
    return json.dumps(line)


JOURNAL: Final = [
    _said(intended="r", amount_minor=100),
    _said(acknowledged="r", payment_id="pay_1"),
    *(
        _said(**{verb: "r", "kind": kind, "amount_minor": minor})
        for verb in ("claimed", "claimed", "admitted")
        for kind, minor in (("capture", 60), ("refund", 20))
    ),
]
INTENT: Final = {
    "id": "pi_1", "description": "r", "amount": 100, "status": "requires_capture",
    "amount_received": 60, "capture_method": "manual", "currency": "eur",
}  # fmt: skip
BOOK: Final[dict[str, Any]] = {
    "payments": [INTENT],
    "charges": [{"id": "ch_1", "payment_intent": "pi_1", "status": "succeeded", "amount": 100,
                 "amount_captured": 60}],
    "refunds": [{"id": "re_1", "payment_intent": "pi_1", "status": "succeeded", "amount": 20}],
    "disputes": [{"id": "du_1", "payment_intent": "pi_1", "status": "lost", "amount": 7}],
    "balance_transactions": [
        {"source": "ch_1", "type": "charge", "amount": 60, "fee": 3},
        {"source": "re_1", "type": "refund", "amount": -20, "fee": 0},
        {"source": "du_1", "type": "adjustment", "amount": -7, "fee": 15},
    ],
    "postings": [{"amount_minor": 42}, {"amount_minor": -42}],
}  # fmt: skip
SHOWN: Final = {
    "state": "partly_captured", "certainty": "sent", "asks": False, "authorised": 100,
    "captured": 60, "refunded": 20, "disputed": 7, "net": -15, "funds": "credit",
    "reversals": {"re_1": "done", "du_1": "lost"},
    "claims": {("capture", 60): "with the processor", ("refund", 20): "with the processor"},
}  # fmt: skip


def _flaws(journal: list[str], book: dict[str, Any], row: dict[str, Any]) -> list[str]:
    return Books([], {}, [], journal, book, {"r": row}).collected().flaws


def test_what_agrees_has_no_flaw() -> None:
    assert _flaws(JOURNAL, BOOK, SHOWN) == []


def test_only_payments_of_the_prefix_are_compared() -> None:
    books = Books([], {}, [], JOURNAL, BOOK, {"r": SHOWN})
    assert books.collected("r").captured == 1
    assert books.collected("s").captured == 0


def _second_refund(book: dict[str, Any], row: dict[str, Any]) -> None:
    """As if a refund in doubt was sent again under a second key, and we have seen both."""
    book["refunds"].append({**book["refunds"][0], "id": "re_2"})
    book["balance_transactions"].append({**book["balance_transactions"][1], "source": "re_2"})
    row["refunded"], row["net"] = 40, 5
    row["reversals"]["re_2"] = "done"


def _too_much(book: dict[str, Any], row: dict[str, Any]) -> None:
    """As if two refunds were admitted, and only one of them fits."""
    _second_refund(book, row)
    book["refunds"][1]["amount"] = book["balance_transactions"][-1]["amount"] = 45


def _dispute_ignored(book: dict[str, Any], row: dict[str, Any]) -> None:
    row["disputed"], row["net"] = 0, -22
    del row["reversals"]["du_1"]


def _lost_capture(book: dict[str, Any], row: dict[str, Any]) -> None:
    del book["balance_transactions"][0]


BREAKS: Final[dict[str, Callable[[dict[str, Any], dict[str, Any]], object]]] = {
    "twice: 2 times refund of 20 of r": _second_refund,
    "over: 65 refunded of 60 of r": _too_much,
    "unasked: refund of 45 of r was never admitted": _too_much,
    "twice: r is 2 payments": lambda book, row: book["payments"].append({**INTENT, "id": "pi_2"}),
    "lost: capture of 60 of r": _lost_capture,
    "lost: r is captured, and not at the processor": lambda book, row: (
        book["payments"].clear(),
        row.update(state="captured"),
    ),
    "changed: 101 of 100 ordered of r": lambda book, row: book["payments"].__setitem__(
        0, {**INTENT, "amount": 101}
    ),
    "unasked: s was never ordered": lambda book, row: book["payments"].append(
        {**INTENT, "id": "pi_2", "description": "s"}
    ),
    "disagree: r: 100 captured, and 60 in the book": lambda book, row: row.update(captured=100),
    "disagree: r: 0 disputed, and 7 in the book": _dispute_ignored,
    "disagree: r: du_1 is None, and lost in the book": _dispute_ignored,
    "disagree: r: rejected, and partly_captured in the book": lambda book, row: row.update(
        state="rejected"
    ),
    "unbalanced": lambda book, row: book["postings"].pop(),
}


@pytest.mark.parametrize("flaw", BREAKS)
def test_each_kind_of_flaw_is_found(flaw: str) -> None:
    book, row = copy.deepcopy(BOOK), copy.deepcopy(SHOWN)
    BREAKS[flaw](book, row)
    assert any(found.startswith(flaw) for found in _flaws(JOURNAL, book, row)), flaw


def test_a_claim_that_was_never_admitted_may_not_be_executed() -> None:
    journal = [line for line in JOURNAL if "admitted" not in line]
    assert "unasked: refund of 20 of r was never admitted" in _flaws(journal, BOOK, SHOWN)


def test_an_order_that_was_acknowledged_is_in_the_store() -> None:
    assert Books([], {}, [], JOURNAL, BOOK, {}).collected().lost == 1


@pytest.mark.parametrize(
    ("word", "received", "state"),
    [
        ("requires_action", 0, "awaiting_user"),
        ("processing", 0, "processing"),
        ("requires_capture", 0, "authorised"),
        ("requires_capture", 60, "partly_captured"),
        ("succeeded", 100, "final"),
        ("canceled", 0, "cancelled"),
        ("canceled", 60, "captured"),
        ("requires_payment_method", 0, "rejected"),
    ],
)
def test_each_word_of_a_payment_stands_for_a_state_of_ours(
    word: str, received: int, state: str
) -> None:
    intent = {**INTENT, "status": word, "amount_received": received}
    book = {"payments": [intent], "postings": []}
    row = {
        **SHOWN, "state": state, "funds": "hold", "reversals": {}, "claims": {},
        **dict.fromkeys(("authorised", "captured", "refunded", "disputed", "net"), 0),
    }  # fmt: skip
    assert _flaws(JOURNAL[:2], book, row) == []
    assert _flaws(JOURNAL[:2], book, {**row, "state": "created"})


def test_a_journal_says_what_was_asked_for_and_what_was_admitted(tmp_path: Path) -> None:
    scenario = COLLECTIONS[0]
    amount, other = Money(minor=60, currency="EUR"), Money(minor=20, currency="EUR")
    with ClaimsJournal(tmp_path / "claims.jsonl") as journal:
        journal.intend("r", scenario.order("r", 1))
        journal.acknowledged("r", "pay_1")
        for kind, minor in ((CAPTURE, amount), (REFUND, other), (CAPTURE, amount)):
            journal.claim("r", kind, minor)
        journal.admitted("r", CAPTURE, amount)
    assert asked_of((tmp_path / "claims.jsonl").read_text().splitlines()) == [
        {"reference": "r", "kind": "order", "amount_minor": 100_01, "admitted": True},
        {"reference": "r", "kind": "capture", "amount_minor": 60, "admitted": True},
        {"reference": "r", "kind": "refund", "amount_minor": 20, "admitted": False},
    ]


@pytest.mark.parametrize(
    ("captured", "refunded", "reversals", "followed", "verdict"),
    [
        (100, 25_00, ["done", "done"], False, "ended"),
        (60, 25_00, ["done", "done"], False, "stuck"),
        (100, 15_00, ["done", "done"], False, "stuck"),
        (100, 25_00, ["done"], False, "stuck"),
        (100, 25_00, ["done", "done"], True, "stuck"),
    ],
)
def test_a_story_ends_only_when_all_of_it_was_done(
    captured: int, refunded: int, reversals: list[str], followed: bool, verdict: str
) -> None:
    scenario = next(one for one in COLLECTIONS if one.name == "refunded in two parts")
    sums = {"instructed": 100, "captured": captured, "refunded": refunded, "disputed": 0}
    folded = {
        "amounts": {name: {"minor": minor} for name, minor in sums.items()},
        "reversals": [{"state": state} for state in reversals],
        "is_followed": followed,
    }
    assert scenario.verdict(Standing("final", "sent", False, folded)) == verdict
    assert scenario.verdict(Standing("captured", "sent", False, folded)) == "stuck"
