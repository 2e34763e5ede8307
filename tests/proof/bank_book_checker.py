"""Lays an app's orders, a bank's book and what we show of an account side by side; names each flaw.

It imports nothing of the product: what it says must not depend on the rules it checks. The book is
the one of `simulators/berlin_group`. Run it as
`python -m tests.proof.bank_book_checker --book BOOK.json --shown SHOWN.json`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.proof.books import unbalanced

#: The bank's word for a payment that was debited, and ours.
_DEBITED, _SETTLED = "ACSC", "settled"
#: The bank's word for an access that may be used, and ours.
_VALID, _ACTIVE = "valid", "active"
#: What the bank does not show as a transaction: how its book begins.
_OPENING = "opening"


@dataclass
class Comparison:
    """What the book and we say together.

    Attributes:
        paid: orders that the bank debited.
        approved: those of them that a user approved on the bank's page.
        twice: payments, debits and transactions that are there once too often.
        lost: orders and transactions that are not there.
        lines: transactions of the account, by the book.
        shown: those of them that we show.
    """

    paid: int = 0
    approved: int = 0
    twice: int = 0
    lost: int = 0
    lines: int = 0
    shown: int = 0
    flaws: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return not self.flaws

    def flaw(self, kind: str, text: str) -> None:
        self.twice += kind == "twice"
        self.lost += kind == "lost"
        self.flaws.append(f"{kind}: {text}")


def compare(book: Mapping[str, Any], orders: Iterable[Mapping[str, Any]]) -> Comparison:
    """Compare what we show of each order, and of its account, with the bank's book.

    Raises:
        KeyError: something is no book, or not what we show.
    """
    told, known = Comparison(flaws=unbalanced(book)), set()
    for order in orders:
        known.add(order["order"])
        _judge_payment(told, book, order)
        _judge_access(told, book, order)
        _judge_lines(told, book, order)
    for payment in book["payments"]:
        if _reference(payment) not in known:
            told.flaw("unordered", f"payment {payment['id']} of {payment['amount_minor']}")
    return told


def _reference(payment: Mapping[str, Any]) -> str | None:
    """The order's number, as the initiation states it."""
    found: str | None = json.loads(payment["body"]).get("endToEndIdentification")
    return found


def _judge_payment(told: Comparison, book: Mapping[str, Any], order: Mapping[str, Any]) -> None:
    name = order["order"]
    payments = [each for each in book["payments"] if _reference(each) == name]
    if len(payments) != 1:
        kind = "twice" if payments else "lost"
        told.flaw(kind, f"{name} is {len(payments)} payments in the book")
    for payment in payments:
        there = (payment["amount_minor"], payment["debtor_iban"], payment["creditor_iban"])
        if there != (order["amount_minor"], order["account"], order["creditor"]):
            told.flaw("changed", f"{name} has another amount, payer or payee in the book")
        debits = [-each["amount_minor"] for each in _postings(book, order["account"])
                  if each["payment_id"] == payment["id"]]  # fmt: skip
        is_debited = payment["status"] == _DEBITED
        if sum(debits) != (order["amount_minor"] if is_debited else 0):
            told.flaw("changed", f"{name} is {payment['status']} and debited {sum(debits)}")
        if is_debited != (order["state"] == _SETTLED):
            told.flaw("disagree", f"{name} is {order['state']} and {payment['status']}")
        told.paid += is_debited
        if is_debited and not (is_approved := _is_approved(book, payment["id"])):
            told.flaw("unordered", f"{name} was debited and no user approved it")
        elif is_debited:
            told.approved += is_approved


def _is_approved(book: Mapping[str, Any], of: str) -> bool:
    """Whether a user confirmed it on the bank's page."""
    return any(
        each["payment_id"] == of and each["status"] == "finalised"
        for each in book["authorisations"]
    )


def _judge_access(told: Comparison, book: Mapping[str, Any], order: Mapping[str, Any]) -> None:
    """If we show an active access, the user gave it, and for this account."""
    granted = [
        each
        for each in book["consents"]
        if each["status"] == _VALID
        and order["account"] in json.loads(each["granted"])
        and _is_approved(book, each["id"])
    ]
    if (order["consent"] == _ACTIVE) != bool(granted):
        told.flaw("disagree", f"the access is {order['consent']}; granted are {len(granted)}")
    if order["transactions"] and not granted:
        told.flaw("unordered", "transactions are shown of an account that nobody gave access to")


def _judge_lines(told: Comparison, book: Mapping[str, Any], order: Mapping[str, Any]) -> None:
    """We show each posting of the account once, and nothing else."""
    own = [each for each in _postings(book, order["account"]) if each["what"] != _OPENING]
    there = Counter((str(each["seq"]), each["amount_minor"], each["currency"]) for each in own)
    here = Counter(
        (each["reference"], each["amount_minor"], each["currency"])
        for each in order["transactions"]
    )
    told.lines += there.total()
    told.shown += (there & here).total()
    for line, times in (here - there).items():
        kind = "twice" if line in there else "unordered"
        told.flaw(kind, f"transaction {line[0]} of {line[1]} is shown {times} times too often")
    for line in there - here:
        told.flaw("lost", f"transaction {line[0]} of {line[1]} is not shown")


def _postings(book: Mapping[str, Any], account: str) -> list[Mapping[str, Any]]:
    return [each for each in book["postings"] if each["account"] == account]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.proof.bank_book_checker", description=__doc__
    )
    parser.add_argument("--book", type=Path, required=True, help="the simulator's book, as JSON")
    parser.add_argument("--shown", type=Path, required=True, help="what we show, as a JSON list")
    parser.add_argument("--json", action="store_true", help="print the counts and flaws as JSON")
    given = parser.parse_args(arguments)
    found = compare(json.loads(given.book.read_text()), json.loads(given.shown.read_text()))
    text = json.dumps(asdict(found)) if given.json else _report(found)
    sys.stdout.write(text + "\n")
    return 0 if found.agrees else 1


def _report(found: Comparison) -> str:
    counts = {name: value for name, value in asdict(found).items() if name != "flaws"}
    lines = [f"{name:<10}{value:>10}" for name, value in counts.items()]
    lines += [f"  FLAW {text}" for text in found.flaws]
    lines.append("the books agree" if found.agrees else "THE BOOKS DO NOT AGREE")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
