"""A client that is killed after its refund was recorded, and before the payment's run heard of it.

Run as `python -m tests.proof.killable_claims PAYMENT REFERENCE MINOR MARKER`. The key is the
reference. The marker gets the instruction's id, fsynced: proof that the point was hit.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from assembly import assembled
from domain.lifecycle.profile import InstructionKind
from domain.money import Money
from process import run
from settings import Settings
from store.claims import Claimed, Claims
from store.folding import Folding
from tests.proof.arena import CLAIMS_JOURNAL
from tests.proof.claims_journal import ClaimsJournal
from tests.proof.killable_client import die
from tests.proof.registered import ProofSettings


class KillingClaims(Claims):
    """The claims, with death when one is committed."""

    marker: Path

    async def admit(
        self,
        payment_id: str,
        kind: InstructionKind,
        *,
        key: str,
        amount: Money,
        by: str,
        now: datetime,
    ) -> Claimed:
        claimed = await super().admit(payment_id, kind, key=key, amount=amount, by=by, now=now)
        die(self.marker, claimed.instruction.instruction_id)
        raise AssertionError("nobody survives SIGKILL")


async def refund(
    settings: Settings, payment_id: str, reference: str, amount: Money, marker: Path
) -> int:
    """As any app; it never hears what became of its refund."""
    async with assembled(settings) as assembly:
        client = assembly.orchestrator
        claims = KillingClaims(assembly.database, Folding(assembly.keyring, assembly.kinds))
        claims.marker = marker
        client._claims = claims
        with ClaimsJournal(settings.home / CLAIMS_JOURNAL) as journal:
            journal.claim(reference, InstructionKind.REFUND, amount)
            await client.refund(payment_id, reference, amount, tenant=None, by="shop")
            journal.admitted(reference, InstructionKind.REFUND, amount)
    return 0


if __name__ == "__main__":
    payment_id, reference, minor, marker = sys.argv[1:]
    asked = Money(minor=int(minor), currency="EUR")
    run(refund(ProofSettings(), payment_id, reference, asked, Path(marker)))
