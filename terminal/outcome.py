"""Shows what became of a file when `pay` ends: counts, lines not recorded, reasons to wait."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from domain.plain_text import plain
from messages.credit_transfer import Line
from starter.files.outcome import FileOutcome
from starter.files.unanswered import REUSED, Unanswered
from terminal.screen import Screen, say_wrong


def show_counts(screen: Screen, outcome: FileOutcome) -> None:
    """Print one line of counts, and a line for each reason why payments are not sent yet."""
    said = [f"{what}: {count}" for what, count in outcome.counts.items() if count]
    if said:
        screen.print(f"{', '.join(said)}.")
    for why, count in outcome.unsent.most_common():
        screen.print(plain(f"{count} not sent yet: {why}"))


def show_unanswered(screen: Screen, found: Unanswered) -> None:
    """Show the lines that are not recorded, the lines that may be, and what to do."""
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


def show_unread(screen: Screen, outcome: FileOutcome) -> None:
    """Show payments that this run recorded but whose present state cannot be read."""
    if lines := [one.line for one in outcome.unread_lines if one.line]:
        screen.print(plain(f"{_places(lines)}: recorded, and will be paid. Their present state "
                           f"cannot be read: {outcome.unread}"))  # fmt: skip


def _places(lines: Iterable[Line]) -> str:
    """`Line 3`, or `Lines 1, 4 to 7`."""
    positions = sorted(line.position for line in lines)
    starts = [positions[0], *(b for a, b in pairwise(positions) if b != a + 1)]
    ends = [*(a for a, b in pairwise(positions) if b != a + 1), positions[-1]]
    spans = [str(a) if a == b else f"{a} to {b}" for a, b in zip(starts, ends, strict=True)]
    return f"Line{'s' * (len(positions) > 1)} {', '.join(spans)}"
