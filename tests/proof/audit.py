"""The sides of every comparison in an arena: what was asked, partners' books, our store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.proof.card_checker import Told, compare_cards
from tests.proof.checker import Comparison, compare
from tests.proof.claims_journal import asked_of
from tests.proof.processor_book import in_card_words

#: In the references of the control's transfers, which are judged by other rules.
CONTROL: Final = "control-"


@dataclass(frozen=True)
class Books:
    """All sides, as they are at one moment.

    Attributes:
        journal: of credit transfers, with `book` and `store` beside it.
        claims: the journal of collections and their claims.
        processor: the card processor's book.
        shown: what our store says of each collection, by reference.
    """

    journal: list[str]
    book: dict[str, Any]
    store: list[dict[str, Any]]
    claims: list[str]
    processor: dict[str, Any]
    shown: Mapping[str, Mapping[str, Any]]

    def compared(self, prefix: str = "") -> Comparison:
        """What they say together of the credit transfers whose references begin like that."""
        payments = [
            payment
            for payment in self.book["payments"]
            if payment["reference"].startswith(prefix) and CONTROL not in payment["reference"]
        ]
        ids = {payment["id"] for payment in payments}
        creditors = {payment["beneficiary_id"] for payment in payments}
        mine = {
            "payments": payments,
            "beneficiaries": [b for b in self.book["beneficiaries"] if b["id"] in creditors],
            "postings": [p for p in self.book["postings"] if p["payment_id"] in ids],
        }
        lines = [line for line in self.journal if _key(line).startswith(prefix)]
        store = [row for row in self.store if str(row["end_to_end_id"]).startswith(prefix)]
        return compare(lines, mine, store)

    def collected(self, prefix: str = "") -> Told:
        """The same of the collections."""
        asked = [one for one in asked_of(self.claims) if one["reference"].startswith(prefix)]
        shown = {name: row for name, row in self.shown.items() if name.startswith(prefix)}
        return compare_cards(asked, in_card_words(self.processor, prefix), shown)


def _key(line: str) -> str:
    said = json.loads(line)
    return str(said.get("intended") or said["acknowledged"])
