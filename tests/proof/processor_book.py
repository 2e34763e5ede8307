"""The simulated card processor's book in the words of the card checker.

It imports nothing of the product, and nothing of the simulator. The words on the left are those of
the processor's published API.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

#: What a balance transaction of each type does, by its sign where both occur.
_BOOKED: Final = {
    "charge": "capture",
    "payment": "capture",
    "refund": "refund",
    "payment_refund": "refund",
    "refund_failure": "refund_failed",
    "payment_failure_refund": "refund_failed",
}
_PAYMENT: Final = {
    "requires_action": "requires_action",
    "requires_capture": "authorised",
    "processing": "processing",
    "succeeded": "captured",
    "canceled": "cancelled",
    # Only what was confirmed is shown, so the payer's bank has refused it.
    "requires_payment_method": "declined",
}
_REFUND: Final = {
    "pending": "pending",
    "requires_action": "pending",
    "succeeded": "done",
    "failed": "failed",
    "canceled": "failed",
}
_DISPUTE: Final = {
    "needs_response": "needs_evidence",
    "under_review": "pending",
    "won": "won",
    "lost": "lost",
}
_OVER: Final = ("succeeded", "canceled")

Row = Mapping[str, Any]


def in_card_words(book: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Payments whose references begin like that, and all postings.

    The reference is in the description. A PaymentIntent that was never confirmed has moved nothing,
    and is none of the payments.

    Raises:
        KeyError: a word that the book is not known to have.
    """
    around = _Around(book)
    payments = [
        around.payment(intent)
        for intent in book["payments"]
        if str(intent["description"]).startswith(prefix)
    ]
    return {"payments": payments, "postings": book["postings"]}


class _Around:
    """All objects, by what they belong to."""

    def __init__(self, book: Mapping[str, Any]) -> None:
        self._charges = _by("payment_intent", book.get("charges", ()))
        self._refunds = _by("payment_intent", book.get("refunds", ()))
        self._disputes = _by("payment_intent", book.get("disputes", ()))
        self._booked = _by("source", book.get("balance_transactions", ()))

    def payment(self, intent: Row) -> dict[str, Any]:
        intent_id, is_held = intent["id"], intent["capture_method"] == "manual"
        bookings: list[dict[str, Any]] = []
        children: list[dict[str, Any]] = []
        for charge in self._charges[intent_id]:
            if charge["status"] != "succeeded":
                continue
            if is_held:
                bookings.append(_booking("authorisation", charge["amount"]))
                rest = charge["amount"] - charge["amount_captured"]
                if intent["status"] in _OVER and rest:
                    bookings.append(_booking("release", rest))
            captured = list(self._bookings(charge["id"]))
            bookings += captured
            if is_held:
                children += [
                    {**one, "status": "done"} for one in captured if one["kind"] == "capture"
                ]
        for refund in self._refunds[intent_id]:
            bookings += self._bookings(refund["id"])
            children.append(_child("refund", refund, _REFUND[refund["status"]]))
        for dispute in self._disputes[intent_id]:
            own = list(self._bookings(dispute["id"]))
            bookings += own
            status = _DISPUTE[dispute["status"]]
            if status == "won" and any(one["kind"] == "reinstatement" for one in own):
                status = "reinstated"
            children.append(_child("dispute", dispute, status))
        status = _PAYMENT[intent["status"]]
        if intent["amount_received"] and status in ("authorised", "cancelled"):
            status = "partly_captured" if status == "authorised" else "captured"
        return {
            "id": intent_id,
            "reference": intent["description"],
            "amount_minor": intent["amount"],
            "status": status,
            "children": children,
            "bookings": bookings,
        }

    def _bookings(self, source: str) -> Iterator[dict[str, Any]]:
        """What was booked for one object, and the fees besides."""
        for booked in self._booked[source]:
            kind, amount = booked["type"], booked["amount"]
            if kind == "adjustment":
                name = "dispute" if amount < 0 else "reinstatement"
            else:
                name = _BOOKED[kind]
            yield _booking(name, abs(amount))
            if booked["fee"]:
                yield _booking("fee", booked["fee"])


def _booking(kind: str, minor: int) -> dict[str, Any]:
    return {"kind": kind, "amount_minor": minor}


def _child(kind: str, about: Row, status: str) -> dict[str, Any]:
    return {"id": about["id"], "kind": kind, "amount_minor": about["amount"], "status": status}


def _by(name: str, rows: Any) -> defaultdict[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[name]].append(row)
    return found
