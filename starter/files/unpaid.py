"""Lines of a file without a payment, or whose payment cannot be read, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.lifecycle.resource import Certainty
from messages.credit_transfer import Line
from starter.files.judging import Judged, Repeat
from starter.files.plan import RefusedLine


@dataclass(frozen=True)
class UnpaidLine:
    """A line without a payment, or whose payment cannot be read, and why."""

    line: Line | None
    """None if the file could not be read, so that its lines are not known."""
    reason: str
    state: str = "refused"
    certainty: Certainty = Certainty.NOT_SENT
    payment_id: str | None = None
    """Its payment, if it is recorded."""
    duplicate_of: Sequence[str] = ()
    """Ids of earlier payments that it may repeat."""


def refused_lines(refused: Iterable[RefusedLine], repeats: Iterable[Repeat]) -> list[UnpaidLine]:
    """Refused lines and possible duplicates, each with its own reasons."""
    found = [
        UnpaidLine(line, "; ".join(f"{refusal.code} {refusal.text}" for refusal in refusals))
        for line, refusals in refused
    ]
    return found + [
        UnpaidLine(one.line, one.reason, duplicate_of=one.duplicate.payment_ids) for one in repeats
    ]


def held_back(lines: Iterable[Line], reason: str) -> list[UnpaidLine]:
    """Lines that are not paid for a reason that is not their own."""
    return [UnpaidLine(line, reason) for line in lines]


def held_by_refused(judged: Judged) -> list[UnpaidLine]:
    """All new lines of a file that is not paid because some of its lines are refused."""
    others = held_back(judged.unpaid(), "not paid: other lines of the file are refused")
    return refused_lines(judged.refused, ()) + others


def held_by_repeats(judged: Judged) -> list[UnpaidLine]:
    """All new lines of a file that is not paid because some may repeat earlier payments."""
    new = (one.line for one in judged.new)
    others = held_back(new, "not paid: other lines of the file may be duplicates")
    return refused_lines((), judged.repeats) + others


def held_by_file(judged: Judged, reason: str) -> list[UnpaidLine]:
    """All lines that no earlier run has paid, of a file that is refused as a whole."""
    return held_back(
        (line for line in judged.content.lines if line.position not in judged.known), reason
    )
