"""Lays what apps asked, the card processor's book and our store side by side.

It imports nothing of the product. Amounts of one payment are never equal, so an amount alone says
which claim an object at the processor belongs to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations
from typing import Any

_STATES = {
    "requires_action": {"awaiting_user"},
    "processing": {"processing"},
    "declined": {"rejected"},
    "authorised": {"authorised"},
    "partly_captured": {"partly_captured"},
    "captured": {"captured", "final"},
    "cancelled": {"cancelled"},
}
#: Words of both, where a reversal has come to its end.
_GONE = ("failed", "won", "reinstated")


@dataclass
class Told:
    """What the three say of all payments of one world."""

    twice: int = 0
    lost: int = 0
    captured: int = 0
    flaws: list[str] = field(default_factory=list)

    def flaw(self, kind: str, text: str) -> None:
        self.twice += kind == "twice"
        self.lost += kind == "lost"
        self.flaws.append(f"{kind}: {text}")


def compare_cards(
    asked: Iterable[Mapping[str, Any]],
    book: Mapping[str, Any],
    shown: Mapping[str, Mapping[str, Any]],
) -> Told:
    """Compare them.

    Args:
        asked: one row for each order (`kind` "order"), increment, capture and refund: reference,
            amount_minor, and whether it was admitted.
        book: the processor's: each payment with its captures, refunds and disputes as `children`,
            and all that was booked for it.
        shown: by reference, what our store says of each payment.
    """
    told = Told()
    if sum(posting["amount_minor"] for posting in book["postings"]):
        told.flaw("unbalanced", "the processor's book does not add up")
    orders: dict[str, list[Mapping[str, Any]]] = {}
    for one in asked:
        orders.setdefault(one["reference"], []).append(one)
    for payment in book["payments"]:
        if payment["reference"] not in orders:
            told.flaw("unasked", f"{payment['reference']} was never ordered")
    for reference, wishes in orders.items():
        made = [p for p in book["payments"] if p["reference"] == reference]
        if len(made) > 1:
            told.flaw("twice", f"{reference} is {len(made)} payments")
        row = shown.get(reference)
        if row is None:
            if any(wish["admitted"] for wish in wishes):
                told.flaw("lost", f"{reference} was acknowledged, and is not in the store")
            continue
        for payment in made[:1]:
            _judge(told, payment, wishes, row)
        if not made and not (row["asks"] or row["state"] in ("rejected", "cancelled", "expired")):
            told.flaw("lost", f"{reference} is {row['state']}, and not at the processor")
    return told


def shown_too_early(payment: Mapping[str, Any], row: Mapping[str, int]) -> Iterator[str]:
    """Money that our store shows as moved, and that was never moved until now."""
    for what, kind in (("captured", "capture"), ("refunded", "refund"), ("disputed", "dispute")):
        if row.get(what, 0) > (moved := _booked(payment, kind)):
            yield f"{payment['reference']} shows {row[what]} {what} of {moved}"


def _judge(
    told: Told, payment: Mapping[str, Any], wishes: Sequence[Mapping[str, Any]],
    row: Mapping[str, Any],
) -> None:  # fmt: skip
    name, children = payment["reference"], payment["children"]
    _judge_hold(told, payment, wishes, row)
    for kind in ("capture", "refund"):
        wished = {w["amount_minor"]: w["admitted"] for w in wishes if w["kind"] == kind}
        made = Counter(c["amount_minor"] for c in children if c["kind"] == kind)
        for amount, times in made.items():
            if times > 1:
                told.flaw("twice", f"{times} times {kind} of {amount} of {name}")
            if not wished.get(amount):
                told.flaw("unasked", f"{kind} of {amount} of {name} was never admitted")
        for amount, admitted in wished.items():
            if admitted and not made[amount] and not row["asks"]:
                status = row["claims"].get((kind, amount))
                if status != "undone":
                    told.flaw("lost", f"{kind} of {amount} of {name} is {status} with us")
    captured, back = _booked(payment, "capture"), _booked(payment, "refund", "refund_failed")
    if captured > payment["amount_minor"]:
        told.flaw("over", f"{captured} captured of {payment['amount_minor']} of {name}")
    if back > captured:
        told.flaw("over", f"{back} refunded of {captured} of {name}")
    told.captured += captured > 0
    if row["certainty"] != "unknown" and not row["asks"]:
        for text in _differs(payment, row):
            told.flaw("disagree", f"{name}: {text}")


def _judge_hold(
    told: Told, payment: Mapping[str, Any], wishes: Sequence[Mapping[str, Any]],
    row: Mapping[str, Any],
) -> None:  # fmt: skip
    """It is what was ordered and, of the increments that were asked for, each once or not."""
    name, amount = payment["reference"], payment["amount_minor"]
    wished = {w["amount_minor"]: w["admitted"] for w in wishes if w["kind"] == "increment"}
    for ordered in (w["amount_minor"] for w in wishes if w["kind"] == "order"):
        made = next((parts for parts in _parts(wished) if ordered + sum(parts) == amount), None)
        if made is None:
            is_more = bool(wished) and amount > ordered + sum(wished)
            text = f"{amount} of {ordered} ordered of {name}"
            told.flaw("twice" if is_more else "changed", text)
            continue
        for minor, admitted in wished.items():
            if minor in made and not admitted:
                told.flaw("unasked", f"increment of {minor} of {name} was never admitted")
            status = row["claims"].get(("increment", minor))
            if admitted and minor not in made and status != "undone" and not row["asks"]:
                told.flaw("lost", f"increment of {minor} of {name} is {status} with us")


def _parts(amounts: Collection[int]) -> Iterator[tuple[int, ...]]:
    """Every choice among them."""
    return chain.from_iterable(combinations(amounts, n) for n in range(len(amounts) + 1))


def _differs(payment: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[str]:
    """Where our store says something else than the book."""
    if row["state"] not in _STATES[payment["status"]]:
        yield f"{row['state']}, and {payment['status']} in the book"
    sums = {
        "authorised": _booked(payment, "authorisation", "release"),
        "captured": _booked(payment, "capture"),
        "refunded": _booked(payment, "refund", "refund_failed"),
        "disputed": _booked(payment, "dispute", "reinstatement"),
    }
    for what, minor in sums.items():
        if row[what] != minor:
            yield f"{row[what]} {what}, and {minor} in the book"
    arrived = sums["captured"] - sums["refunded"] - sums["disputed"] - _booked(payment, "fee")
    if row["net"] != -arrived:
        yield f"{-row['net']} came in, and {arrived} in the book"
    if (row["funds"] == "credit") != (sums["captured"] > 0):
        yield f"the app is told to {row['funds']}, and {sums['captured']} were captured"
    reversals = {c["id"]: c["status"] for c in payment["children"]
                 if c["kind"] not in ("capture", "increment")}  # fmt: skip
    for reference, status in reversals.items():
        if row["reversals"].get(reference) != status:
            yield f"{reference} is {row['reversals'].get(reference)}, and {status} in the book"


def _booked(payment: Mapping[str, Any], out: str, back: str = "") -> int:
    signs = {out: 1, back: -1}
    return sum(signs.get(b["kind"], 0) * b["amount_minor"] for b in payment["bookings"])
