"""An app's journal of its collections: each order, capture and refund before it is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from domain.lifecycle.profile import InstructionKind
from domain.money import Money
from starter.journal import Journal


class ClaimsJournal(Journal):
    """The client's journal, with captures and refunds besides the orders."""

    def claim(self, reference: str, kind: InstructionKind, amount: Money) -> None:
        """Write, before it is asked for, what is claimed of the collection of that reference."""
        self._write({"claimed": reference, "kind": kind, "amount_minor": amount.minor})

    def admitted(self, reference: str, kind: InstructionKind, amount: Money) -> None:
        """Write, after the answer, that the claim was admitted."""
        self._write({"admitted": reference, "kind": kind, "amount_minor": amount.minor})


def asked_of(lines: Iterable[str]) -> list[dict[str, Any]]:
    """One row for each order and claim, however often it was written, as the card checker reads
    it: reference, kind, amount_minor, and whether we have admitted it.
    """
    rows: dict[tuple[str, str, int], dict[str, Any]] = {}
    orders: dict[str, dict[str, Any]] = {}
    for line in lines:
        said = json.loads(line)
        if "acknowledged" in said:
            orders[said["acknowledged"]]["admitted"] = True
            continue
        reference = said.get("intended") or said.get("claimed") or said["admitted"]
        kind, minor = said.get("kind", "order"), said["amount_minor"]
        row = {"reference": reference, "kind": kind, "amount_minor": minor, "admitted": False}
        row = rows.setdefault((reference, kind, minor), row)
        row["admitted"] |= "admitted" in said
        if kind == "order":
            orders[reference] = row
    return list(rows.values())
