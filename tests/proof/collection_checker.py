"""Lays a shop's orders, the card processor's book and our store side by side, and names every flaw.

It imports nothing of the product: what it says must not depend on the rules it checks. The book is
the one of `simulators/stripe`. Run it as
`python -m tests.proof.collection_checker --asked ASKED.json --book BOOK.json [--store SHOWN.json]`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.proof.books import unbalanced

#: States of our store that say: the money was taken.
_TAKEN = frozenset({"partly_captured", "captured", "final"})
#: The state that says: the payer's bank declined, and nothing was taken.
_DECLINED = "rejected"
#: Words under which a refund has no effect, or none any more.
_UNDONE = frozenset({"failed", "canceled"})
_SUMS = ("captured", "refunded", "disputed")


@dataclass(frozen=True)
class Asked:
    """One order of the shop, and what the shop wanted to become of it.

    Attributes:
        order: the text that the processor shows with the payment. No other order has it.
        captures: the amounts to take; none if the payer's bank is going to decline.
        refunds: the amounts to give back.
        disputes: the amounts that the payer's bank takes back for good.
    """

    order: str
    amount_minor: int
    currency: str
    captures: Sequence[int] = ()
    refunds: Sequence[int] = ()
    disputes: Sequence[int] = ()

    def __str__(self) -> str:
        return f"{self.order} ({self.amount_minor} {self.currency} minor units)"


@dataclass
class Side:
    """What one side says of all orders: counts, and sums in minor units by currency."""

    charged: int = 0
    declined: int = 0
    captures: int = 0
    refunds: int = 0
    disputes: int = 0
    captured: dict[str, int] = field(default_factory=dict)
    refunded: dict[str, int] = field(default_factory=dict)
    disputed: dict[str, int] = field(default_factory=dict)

    def add(
        self, currency: str, captures: Iterable[int], refunds: Iterable[int],
        disputes: Iterable[int],
    ) -> None:  # fmt: skip
        """Count what became of one order."""
        for count, name, amounts in (
            ("captures", "captured", [*captures]),
            ("refunds", "refunded", [*refunds]),
            ("disputes", "disputed", [*disputes]),
        ):
            setattr(self, count, getattr(self, count) + len(amounts))
            if amounts:
                sums = getattr(self, name)
                sums[currency] = sums.get(currency, 0) + sum(amounts)


@dataclass
class Comparison:
    """What the three say together.

    Attributes:
        twice: payments, charges, captures and refunds that are there once too often.
        lost: what was ordered and is not there.
        in_doubt: orders that our store shows as unknown or waiting for a person.
    """

    requested: int = 0
    asked: Side = field(default_factory=Side)
    booked: Side = field(default_factory=Side)
    twice: int = 0
    lost: int = 0
    in_doubt: int = 0
    flaws: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return not self.flaws

    def flaw(self, kind: str, text: str, times: int = 1) -> None:
        self.twice += times if kind == "twice" else 0
        self.lost += times if kind == "lost" else 0
        self.flaws.append(f"{kind}: {text}")


def compare(
    asked: Iterable[Asked],
    book: Mapping[str, Any],
    shown: Iterable[Mapping[str, Any]] | None = None,
) -> Comparison:
    """Compare the orders with the processor's book and, if given, with what our store shows.

    Raises:
        KeyError: something is no book, or not what our store shows.
    """
    orders, told = [*asked], Comparison()
    told.requested = len(orders)
    told.flaws += unbalanced(book)
    processor = _Processor(book)
    rows: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in shown or ():
        rows[row["order"]].append(row)
    for one in orders:
        told.asked.charged += bool(one.captures)
        told.asked.declined += not one.captures
        told.asked.add(one.currency, one.captures, one.refunds, one.disputes)
        found = _judge(told, one, processor)
        if shown is not None:
            _judge_shown(told, one, found, rows.pop(one.order, []))
    for order in rows:
        told.flaw("disagree", f"our store shows {order}, which nobody ordered")
    for text in processor.strangers({one.order for one in orders}):
        told.flaw("unordered", text)
    return told


class _Processor:
    """The processor's book, by what belongs together."""

    def __init__(self, book: Mapping[str, Any]) -> None:
        # Intents that were never confirmed have moved nothing, and are not payments yet.
        self.payments: Sequence[Mapping[str, Any]] = book["payments"]
        self._charges: Sequence[Mapping[str, Any]] = book.get("charges", ())
        self._backs = {name: book.get(name, ()) for name in ("refunds", "disputes")}
        self._payouts: Sequence[Mapping[str, Any]] = book.get("payouts", ())
        self._bookings: defaultdict[str, list[int]] = defaultdict(list)
        for booking in book.get("balance_transactions", ()):
            if booking["type"] != "topup":
                self._bookings[booking["source"]].append(booking["amount"])

    def charges(self, payments: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        ids = [payment["id"] for payment in payments]
        return [charge for charge in self._charges if charge["payment_intent"] in ids]

    def backs(
        self, name: str, charges: Iterable[Mapping[str, Any]]
    ) -> list[Mapping[str, Any]]:  # fmt: skip
        """The refunds or disputes of these charges."""
        ids = [charge["id"] for charge in charges]
        return [back for back in self._backs[name] if back["charge"] in ids]

    def booked(self, thing: Mapping[str, Any]) -> list[int]:
        """What was booked on our balance for a charge, refund or dispute, without fees."""
        return self._bookings[thing["id"]]

    def strangers(self, orders: set[str]) -> Iterator[str]:
        """Everything that belongs to no order."""
        own = [payment for payment in self.payments if payment["description"] in orders]
        for payment in self.payments:
            if payment not in own:
                yield f"payment {payment['id']} of {payment['amount']} without an order"
        charges = self.charges(own)
        ids = {charge["id"] for charge in charges}
        known = set(ids)
        for name, backs in self._backs.items():
            for back in backs:
                if back["charge"] in ids:
                    known.add(back["id"])
                else:
                    yield f"{name[:-1]} {back['id']} of {back['amount']} without an order"
        for charge in self._charges:
            if charge["id"] not in ids:
                yield f"charge {charge['id']} of {charge['amount']} without an order"
        for payout in self._payouts:
            yield f"payout {payout['id']} of {payout['amount']} without an order"
        for source, amounts in self._bookings.items():
            if amounts and source not in known:
                yield f"booking of {sum(amounts)} for {source}, which belongs to no order"


@dataclass
class _Found:
    """What the book has of one order."""

    payment_id: str | None = None
    captures: list[int] = field(default_factory=list)
    refunds: list[int] = field(default_factory=list)
    disputes: list[int] = field(default_factory=list)

    def sum_of(self, what: str) -> int:
        parts = {"captured": self.captures, "refunded": self.refunds, "disputed": self.disputes}
        return sum(parts[what])


def _judge(told: Comparison, one: Asked, processor: _Processor) -> _Found:
    """Compare one order with the book."""
    payments = [each for each in processor.payments if each["description"] == one.order]
    if len(payments) > 1:
        told.flaw("twice", f"{one} is {len(payments)} payments", len(payments) - 1)
    for payment in payments:
        if (payment["amount"], payment["currency"].upper()) != (one.amount_minor, one.currency):
            amount = f"{payment['amount']} {payment['currency'].upper()}"
            told.flaw("changed", f"{one} is a payment of {amount} minor units")
    tried = processor.charges(payments)
    standing = [charge for charge in tried if charge["status"] != "failed"]
    found = _Found(payments[0]["id"] if payments else None)
    for charge in standing:
        found.captures += processor.booked(charge)
        _judge_booked(told, one, "charge", charge["amount_captured"], processor.booked(charge))
    for refund in processor.backs("refunds", standing):
        if refund["status"] not in _UNDONE:
            found.refunds.append(refund["amount"])
        moved = refund["amount"] if refund["status"] == "succeeded" else 0
        _judge_booked(told, one, "refund", -moved, processor.booked(refund))
    for dispute in processor.backs("disputes", standing):
        found.disputes += [-amount for amount in processor.booked(dispute)]
        if dispute["status"] != "lost":
            told.flaw("changed", f"the dispute of {one} is {dispute['status']}, and not lost")
    _judge_charges(told, one, tried, standing)
    for what, wanted, made in (
        ("capture", one.captures, found.captures),
        ("refund", one.refunds, found.refunds),
        ("dispute", one.disputes, found.disputes),
    ):
        _judge_amounts(told, one, what, wanted, made)
    told.booked.charged += bool(standing)
    told.booked.declined += bool(tried) and not standing
    told.booked.add(one.currency, found.captures, found.refunds, found.disputes)
    return found


def _judge_charges(
    told: Comparison, one: Asked, tried: Sequence[Mapping[str, Any]],
    standing: Sequence[Mapping[str, Any]],
) -> None:  # fmt: skip
    """An order is one charge of its whole amount, or none if the payer's bank declines."""
    if not tried:
        told.flaw("lost", f"{one} was never charged")
    elif standing and not one.captures:
        told.flaw("unordered", f"{one} was to be declined, and is charged")
    elif one.captures and not standing:
        told.flaw("lost", f"{one} is declined, and was to be charged")
    if len(standing) > 1:
        told.flaw("twice", f"{one} has {len(standing)} charges", len(standing) - 1)
    for charge in standing:
        if (charge["amount"], charge["currency"].upper()) != (one.amount_minor, one.currency):
            told.flaw("changed", f"{one} has a charge of {charge['amount']} {charge['currency']}")


def _judge_amounts(
    told: Comparison, one: Asked, what: str, wanted: Sequence[int], made: Sequence[int]
) -> None:
    """Compare amounts as multisets: two equal refunds are two."""
    more, less = Counter(made) - Counter(wanted), Counter(wanted) - Counter(made)
    for amount, times in more.items():
        if amount in wanted:
            told.flaw("twice", f"{what} of {amount} of {one}", times)
        else:
            told.flaw("unordered", f"{what} of {amount} of {one}")
    for amount, times in less.items():
        told.flaw("lost", f"{what} of {amount} of {one}", times)


def _judge_booked(
    told: Comparison, one: Asked, what: str, expected: int, booked: Sequence[int]
) -> None:
    """What the processor says of an object has to be on our balance there."""
    if sum(booked) != expected:
        text = f"a {what} of {one} has moved {sum(booked)}, and says {expected}"
        told.flaw("postings", text)


def _judge_shown(
    told: Comparison, one: Asked, found: _Found, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Our store says of the order what the book says."""
    if len(rows) != 1:
        told.flaw("disagree", f"our store shows {one} as {len(rows)} payments")
        return
    [row] = rows
    if row["certainty"] == "unknown" or row["state"] == "awaiting_us":
        told.in_doubt += 1
        told.flaw("disagree", f"our store shows {one} as {row['state']}, in doubt")
        return
    is_taken = bool(found.captures)
    if row["state"] not in (_TAKEN if is_taken else {_DECLINED}):
        word = "taken" if is_taken else "not taken"
        told.flaw("disagree", f"our store shows {one} as {row['state']}; its money is {word}")
    if row["partner_reference"] != found.payment_id:
        told.flaw("disagree", f"our store names {row['partner_reference']} for {one}")
    for what in _SUMS:
        minor = row[f"{what}_minor"]
        if minor != (moved := found.sum_of(what)):
            told.flaw("disagree", f"our store shows {minor} {what} of {one}; in the book {moved}")


def report(comparison: Comparison) -> str:
    """For a person: the counts, and the flaws."""
    lines = [f"{'requested':<10}{comparison.requested:>10}"]
    for name, wanted in asdict(comparison.asked).items():
        lines.append(f"{name:<10}{wanted!s:>20}{getattr(comparison.booked, name)!s:>20}")
    lines += [f"{name:<10}{getattr(comparison, name):>10}" for name in ("twice", "lost")]
    lines += [f"  FLAW {text}" for text in comparison.flaws]
    lines.append("the books agree" if comparison.agrees else "THE BOOKS DO NOT AGREE")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.proof.collection_checker", description=__doc__
    )
    parser.add_argument("--asked", type=Path, required=True, help="a list of orders, as JSON")
    parser.add_argument("--book", type=Path, required=True, help="the simulator's book, as JSON")
    parser.add_argument("--store", type=Path, help="what our store shows of each, as JSON")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    asked = [Asked(**one) for one in json.loads(given.asked.read_text())]
    shown = json.loads(given.store.read_text()) if given.store else None
    comparison = compare(asked, json.loads(given.book.read_text()), shown)
    text = json.dumps(asdict(comparison)) if given.json else report(comparison)
    sys.stdout.write(text + "\n")
    return 0 if comparison.agrees else 1


if __name__ == "__main__":
    sys.exit(main())
