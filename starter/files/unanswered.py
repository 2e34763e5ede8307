"""A file whose recording broke off: finds which of its lines are recorded all the same.

The lines of earlier transactions will be paid, so the file is never reported as unpaid. The store
is asked about every line that got no answer. If the store is away too, only the lines of the failed
transaction are uncertain: its commit may have taken effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.explained import Explained
from domain.lifecycle.resource import Certainty
from messages.credit_transfer import Line
from starter.acceptance import InvalidOrder
from starter.files.plan import PlannedOrder
from starter.files.recording import BrokeOff
from starter.files.unpaid import UnpaidLine, held_back
from starter.fingerprint import fingerprint
from store.accepting import KeyReused
from store.faults import StoreAway
from store.payments import Payments
from store.records import PaymentRecord

#: ISO 20022 ExternalStatusReason1Code, DuplicateFile; also used for a single line of the file.
REUSED: Final = "DU01"
#: Errors whose text a person can act on. Any other is a bug of ours and is raised at the end.
FORESEEN: Final = (Explained, KeyReused, InvalidOrder)


@dataclass(frozen=True)
class Unanswered:
    """What the store says of the lines without an answer."""

    why: str = ""
    """Why recording ended, in a sentence for people."""
    recorded: Sequence[str] = ()
    """Ids of payments recorded by the transaction that failed or by an earlier run of the file."""
    refused: Sequence[Line] = ()
    """Set if a line's key stands for another order, so the file was given before with other
    content: such lines, and all other lines that are not recorded."""
    uncertain: Sequence[Line] = ()
    """Lines that may be recorded."""
    missing: Sequence[Line] = ()
    """Lines that are not recorded."""

    @property
    def unpaid(self) -> list[UnpaidLine]:
        """Its lines without a payment, as far as is known."""
        lines = held_back(self.refused, f"{REUSED} {self.why}")
        lines += [
            UnpaidLine(line, f"not recorded: {self.why}", "not_recorded") for line in self.missing
        ]
        doubt = f"it is not known whether it was recorded: {self.why}"
        lines += [UnpaidLine(line, doubt, "unknown", Certainty.UNKNOWN) for line in self.uncertain]
        return lines


async def unanswered(
    payments: Payments, broke_off: BrokeOff, known: Mapping[int, PaymentRecord]
) -> Unanswered:
    """Ask the store which of the lines without an answer it has.

    Args:
        known: payments of an earlier run by line position, as read before recording.
    """
    lines = [*broke_off.in_hand, *broke_off.after]
    why = in_words(broke_off.why)
    recorded, reused, missing = [], [], []
    try:
        for line in lines:
            try:
                found = await _recorded(payments, line)
            except KeyReused:
                reused.append(line.line)
                continue
            if found is None:
                missing.append(line.line)
            else:
                recorded.append(found)
    except StoreAway:
        new = [line.line for line in lines if line.line.position not in known]
        may_be = isinstance(broke_off.why, StoreAway)
        in_hand = {line.line.position for line in broke_off.in_hand if may_be}
        return Unanswered(
            why,
            recorded=[known[line.line.position].payment_id for line in lines
                      if line.line.position in known],
            uncertain=[line for line in new if line.position in in_hand],
            missing=[line for line in new if line.position not in in_hand],
        )  # fmt: skip
    if reused:
        return Unanswered(why, recorded, refused=reused + missing)
    return Unanswered(why, recorded, missing=missing)


def in_words(why: Exception) -> str:
    """The error for people. The text of an unforeseen error is withheld: it may hold secrets."""
    if isinstance(why, FORESEEN):
        return str(why)
    return f"an error of Finality itself ({type(why).__name__}); please report it"


async def _recorded(payments: Payments, line: PlannedOrder) -> str | None:
    """The payment of a line, found by its key and content.

    Raises:
        KeyReused: the key stands for other content.
        StoreAway: the database cannot be asked.
    """
    of_fields = fingerprint(dict(line.received))
    found = await payments.known(line.debtor.tenant, line.key, of_fields)
    return found.view.payment_id if found else None
