"""Lines of a file that are not paid, and why: tables for people, JSON lines for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from domain.money import Money
from messages.credit_transfer import Line
from regimes.refusal import Refusal
from starter.files.judging import DUPLICATION, Repeat
from starter.files.plan import RefusedLine
from starter.files.unpaid import UnpaidLine
from store.file_lines import Place
from store.records import PaymentRecord
from terminal.screen import Screen
from terminal.table import print_json, table


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


def print_unpaid(file: str, lines: Iterable[UnpaidLine], at: datetime) -> None:
    """Print the JSON object of each line.

    Args:
        at: the moment for which the states hold.
    """
    for line in lines:
        print(json.dumps(_as_object(file, line, at)))


def print_unread(reason: str, at: datetime) -> None:
    """Print the JSON object of a file that could not be read."""
    print(json.dumps(_as_object(None, UnpaidLine(None, reason), at)))


def _as_object(file: str | None, unpaid: UnpaidLine, at: datetime) -> dict[str, object]:
    line = unpaid.line
    return {
        "payment_id": unpaid.payment_id,
        "file": file,
        "line": line and line.position,
        "source_line": line and line.source_line,
        "at": at.isoformat(),
        "end_to_end_id": line and line.end_to_end_id,
        "state": unpaid.state,
        "certainty": unpaid.certainty.value,
        "amount_minor": line and line.amount_minor,
        "currency": line and line.currency,
        "partner_reference": None,
        "reason": unpaid.reason,
        "possible_duplicate_of": list(unpaid.duplicate_of),
    }
