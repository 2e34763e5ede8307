"""A client that is killed after its payment was recorded and before it was started.

Run as `python -m tests.proof.killable_client KEY MARKER` with the order as JSON on its input.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from assembly import assembled
from domain.order import Order
from process import run
from settings import Settings
from starter.journal import Journal
from store.payments import Acceptance, Payments
from tests.proof.killable_worker import Killer

BETWEEN_ROW_AND_START = "between payment row and start"


class KillingPayments(Payments):
    """The repository, with death when a payment's row is committed."""

    killer: Killer

    async def accept(self, order: Order, **given: Any) -> Acceptance:
        acceptance = await super().accept(order, **given)
        self.killer.strike(acceptance.view.payment_id)
        return acceptance


async def pay(settings: Settings, order: Order, key: str, killer: Killer) -> int:
    """As any app; it never hears what became of its order."""
    async with assembled(settings) as assembly:
        payments = KillingPayments(assembly.database, assembly.keyring)
        payments.killer = killer
        assembly.payments = payments
        with Journal(settings.home / "journal.jsonl") as journal:
            journal.intend(key, order)
            receipt = await assembly.orchestrator.pay(order, key)
            journal.told(key, receipt.payment_id)
    return 0


if __name__ == "__main__":
    key, marker = sys.argv[1], Path(sys.argv[2])
    killer = Killer(BETWEEN_ROW_AND_START, marker, "")
    run(pay(Settings(), Order.model_validate_json(sys.stdin.read()), key, killer))
