"""A file whose recording broke off: finds which of its lines are recorded all the same.

The lines of earlier transactions will be paid, so the file is never reported as unpaid. The store
is asked about every line that got no answer. If the store is away too, only the lines of the failed
transaction are uncertain: its commit may have taken effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from assembly import Assembly
from domain.explained import Explained
from domain.payments.payment import Certainty
from domain.plain_text import plain
from messages.credit_transfer import Line
from starter.acceptance import InvalidOrder
from starter.files import PlannedOrder
from starter.fingerprint import fingerprint
from store.accepting import KeyReused
from store.faults import StoreAway
from store.records import PaymentRecord
from terminal.recording import BrokeOff, RecordedLine
from terminal.refused import print_line, print_nothing_paid
from terminal.screen import Screen, say_wrong

#: ISO 20022 ExternalStatusReason1Code, DuplicateFile; also used for a single line of the file.
REUSED = "DU01"
#: Errors whose text a person can act on. Any other is a bug of ours and is raised at the end.
FORESEEN = (Explained, KeyReused, InvalidOrder)


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


async def unanswered(
    assembly: Assembly, broke_off: BrokeOff, known: Mapping[int, PaymentRecord]
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
                found = await _recorded(assembly, line)
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


def show_unanswered(
    screen: Screen, file: str, found: Unanswered, at: datetime, *, as_json: bool
) -> None:
    """Show the lines that are not recorded, the lines that may be, and what to do."""
    if as_json:
        print_nothing_paid(file, found.refused, f"{REUSED} {found.why}", at)
        for line in found.missing:
            print_line(file, line, f"not recorded: {found.why}", at, state="not_recorded")
        for line in found.uncertain:
            print_line(file, line, f"it is not known whether it was recorded: {found.why}", at,
                       state="unknown", certainty=Certainty.UNKNOWN)  # fmt: skip
    say_wrong(screen, "Recording stopped before the end of the file:", found.why)
    for lines, what in (
        (found.refused, f"refused ({REUSED}), and not paid"),
        (found.missing, "not recorded, and not paid"),
        (found.uncertain, "may be recorded; this is not known while the database is away"),
    ):
        if lines:
            screen.print(f"{_places(lines)}: {what}.")
    if found.missing or found.uncertain:
        screen.print(
            "Remove the cause, then give the same file again. This records the missing lines, and "
            "pays nothing twice."
        )


def show_unread(
    screen: Screen,
    file: str,
    lines: Sequence[RecordedLine],
    why: str,
    at: datetime,
    *,
    as_json: bool,
) -> None:
    """Show payments that this run recorded but whose present state cannot be read."""
    reason = f"recorded; its present state cannot be read: {why}"
    lines = [one for one in lines if not one.receipt.is_replay]
    if as_json:
        for line, receipt in lines:
            payment = receipt.payment
            print_line(file, line.line, reason, at, state=payment.state.value,
                       certainty=payment.certainty, payment_id=receipt.payment_id)  # fmt: skip
    if lines:
        places = _places([line.line for line, _ in lines])
        screen.print(plain(f"{places}: recorded, and will be paid. Their present state cannot be "
                           f"read: {why}"))  # fmt: skip


async def _recorded(assembly: Assembly, line: PlannedOrder) -> str | None:
    """The payment of a line, found by its key and content.

    Raises:
        KeyReused: the key stands for other content.
        StoreAway: the database cannot be asked.
    """
    of_fields = fingerprint(dict(line.received))
    found = await assembly.payments.known(line.debtor.tenant, line.key, of_fields)
    return found.view.payment_id if found else None


def _places(lines: Iterable[Line]) -> str:
    """`Line 3`, or `Lines 1, 4 to 7`."""
    positions = sorted(line.position for line in lines)
    starts = [positions[0], *(b for a, b in pairwise(positions) if b != a + 1)]
    ends = [*(a for a, b in pairwise(positions) if b != a + 1), positions[-1]]
    spans = [str(a) if a == b else f"{a} to {b}" for a, b in zip(starts, ends, strict=True)]
    return f"Line{'s' * (len(positions) > 1)} {', '.join(spans)}"
