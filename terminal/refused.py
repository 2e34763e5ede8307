"""Lines of a file that are not paid, and why: tables for people, JSON lines for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from rich.table import Table
from rich.text import Text

from domain.money import Money
from domain.payments.intent import PossibleDuplicate
from domain.payments.payment import Certainty
from messages.credit_transfer import Line
from regimes.refusal import Refusal
from starter.files import PlannedOrder, RefusedLine
from store.file_lines import Place
from store.records import PaymentRecord
from terminal.screen import Screen
from terminal.table import print_json, table

#: ISO 20022 ExternalStatusReason1Code, Duplication.
DUPLICATION = "AM05"


class Repeat(NamedTuple):
    """A possible duplicate that is not acknowledged, or not by the operator who has to."""

    planned: PlannedOrder
    duplicate: PossibleDuplicate

    @property
    def line(self) -> Line:
        return self.planned.line

    @property
    def reason(self) -> str:
        return f"{DUPLICATION} {self.duplicate}"


def show_refused(screen: Screen, refused: Iterable[RefusedLine]) -> None:
    """Print a row for each distinct refusal, with the first of its lines and their number."""
    shown = Table(title="Refused lines", header_style="bold", expand=False)
    for heading in ("Line", "EndToEndId", "Code", "Field", "Why, and what to do"):
        shown.add_column(heading, overflow="fold")
    found: dict[Refusal, list[Line]] = {}
    for line, refusals in refused:
        for refusal in refusals:
            found.setdefault(refusal, []).append(line)
    for refusal, lines in found.items():
        more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
        words = (lines[0].end_to_end_id, refusal.code, refusal.field, refusal.text)
        shown.add_row(f"{lines[0].position}{more}", *map(Text, words))
    screen.print(shown)


def show_repeats(screen: Screen, repeats: Sequence[Repeat]) -> None:
    """Print a row for each line, with the earlier payments that it may repeat."""
    shown = Table(title=f"{DUPLICATION} possible duplicates", header_style="bold", expand=False)
    for heading in ("Line", "EndToEndId", "Amount", "Same accounts, amount, date and reference as"):
        shown.add_column(heading, overflow="fold")
    for repeat in repeats:
        line = repeat.line
        amount = str(Money(minor=line.amount_minor, currency=line.currency))
        earlier = "\n".join(map(str, repeat.duplicate.earlier))
        shown.add_row(str(line.position), Text(line.end_to_end_id), amount, Text(earlier))
    screen.print(shown)


def print_known(
    screen: Screen, file: str, known: Mapping[int, PaymentRecord], *, as_json: bool
) -> None:
    """Print the lines that an earlier run paid; they are not refused with the others."""
    if not known:
        return
    records = [known[position] for position in sorted(known)]
    if as_json:
        places = {(one.tenant, one.key): Place(file, position) for position, one in known.items()}
        print_json(records, places)
    else:
        screen.print("Known from an earlier run of this file:")
        screen.print(table(records))


def print_refused(
    file: str, refused: Iterable[RefusedLine], repeats: Iterable[Repeat], at: datetime
) -> None:
    """Print the refused lines and possible duplicates as JSON, with their reasons."""
    for line, refusals in refused:
        reason = "; ".join(f"{refusal.code} {refusal.text}" for refusal in refusals)
        print_line(file, line, reason, at)
    for repeat in repeats:
        earlier = repeat.duplicate.payment_ids
        print_line(file, repeat.line, repeat.reason, at, duplicate_of=earlier)


def print_nothing_paid(file: str, lines: Iterable[Line], reason: str, at: datetime) -> None:
    """Print lines as not paid for a reason that lies outside of them."""
    for line in lines:
        print_line(file, line, reason, at)


def print_unread(reason: str, at: datetime) -> None:
    """Print the JSON object of a file that could not be read."""
    print_line(None, None, reason, at)


def print_line(
    file: str | None,
    line: Line | None,
    reason: str,
    at: datetime,
    *,
    state: str = "refused",
    certainty: Certainty = Certainty.NOT_SENT,
    payment_id: str | None = None,
    duplicate_of: Sequence[str] = (),
) -> None:
    """Print the JSON object of a line that has no payment, or whose payment cannot be read.

    Args:
        at: the moment for which the state holds.
    """
    print(
        json.dumps(
            {
                "payment_id": payment_id,
                "file": file,
                "line": line and line.position,
                "source_line": line and line.source_line,
                "at": at.isoformat(),
                "end_to_end_id": line and line.end_to_end_id,
                "state": state,
                "certainty": certainty.value,
                "amount_minor": line and line.amount_minor,
                "currency": line and line.currency,
                "partner_reference": None,
                "reason": reason,
                "possible_duplicate_of": list(duplicate_of),
            }
        )
    )
