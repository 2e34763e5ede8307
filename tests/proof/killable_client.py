"""A client that is killed after its payment was recorded and before it was started.

Run as `python -m tests.proof.killable_client KEY MARKER` with the order as JSON on its input. The
marker gets the payment's id, fsynced: proof that the point was hit.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from assembly import assembled
from domain.payments.intent import PossibleDuplicate
from domain.payments.order import Order
from process import run
from settings import Settings
from starter.journal import Journal
from store.accepting import Acceptance, Given
from store.payments import Payments
from tests.proof.registered import ProofSettings
from tests.store.books import PAYMENTS


class KillingPayments(Payments):
    """The repository, with death when a payment's row is committed."""

    marker: Path

    async def accept_many(
        self, many: Sequence[Given], now: datetime
    ) -> list[Acceptance | PossibleDuplicate]:
        (acceptance,) = await super().accept_many(many, now)
        assert isinstance(acceptance, Acceptance)
        die(self.marker, acceptance.view.payment_id)
        raise AssertionError("nobody survives SIGKILL")


def die(marker: Path, text: str) -> None:
    """Leave the text in the marker, on disk, and be killed."""
    descriptor = os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(descriptor, text.encode())
    os.fsync(descriptor)
    os.kill(os.getpid(), signal.SIGKILL)


async def pay(settings: Settings, order: Order, key: str, marker: Path) -> int:
    """As any app; it never hears what became of its order."""
    async with assembled(settings) as assembly:
        payments = KillingPayments(assembly.database, assembly.keyring, PAYMENTS)
        payments.marker = marker
        assembly.payments = payments
        with Journal(settings.home / "journal.jsonl") as journal:
            journal.intend(key, order)
            receipt = await assembly.orchestrator.pay(order, key)
            journal.acknowledged(key, receipt.payment_id)
    return 0


if __name__ == "__main__":
    key, marker = sys.argv[1], Path(sys.argv[2])
    run(pay(ProofSettings(), Order.model_validate_json(sys.stdin.read()), key, marker))
