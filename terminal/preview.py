"""`finality pay --preview`: what a file would pay, and from which balances; records nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from domain.lifecycle.answers import Unanswered
from domain.plain_text import plain
from starter.files.judging import Judged
from starter.files.plan import PlannedOrder
from starter.files.preview import Preview
from starter.files.unpaid import refused_lines
from starter.leaving import Leaving
from terminal.refused import print_unpaid, show_refused, show_repeats
from terminal.screen import Screen

_IS_COVERED = {
    True: Text("enough", style="green"),
    False: Text("too little", style="red"),
    None: Text(""),
}


def show_preview(screen: Screen, found: Preview, at: datetime, *, as_json: bool) -> None:
    """Show what would be paid, and what the partners say of that."""
    judged = found.judged
    if as_json:
        for one in found.sums:
            print(json.dumps(_as_object(one)))
        print_payable(judged.content.message_id, judged.new)
        unpaid = refused_lines(judged.refused, judged.repeats)
        print_unpaid(judged.content.message_id, unpaid, at)
        return
    if judged.refused:
        show_refused(screen, judged.refused)
    if judged.repeats:
        show_repeats(screen, judged.repeats)
    if found.sums:
        screen.print(_table(found.sums))
    show_notices(screen, judged)
    for why, lines in found.unanswered.items():
        said = f"It is not known whether the partner takes {lines} of these lines: {why}"
        screen.print(plain(said), style="yellow")
    screen.print(_in_words(judged))


def show_notices(screen: Screen, judged: Judged) -> None:
    """Print how payments will differ from the file; a notice of several lines is printed once."""
    found = {each for line in judged.planned.orders for each in line.notices}
    for field, text in sorted(found):
        screen.print(plain(f"{field}: {text}"), style="dim")


def print_payable(file: str, lines: Iterable[PlannedOrder]) -> None:
    """Print a JSON object for each line that would be paid."""
    for line in lines:
        said = {
            "file": file,
            "line": line.line.position,
            "source_line": line.line.source_line,
            "key": line.key,
            "end_to_end_id": line.line.end_to_end_id,
            "state": "would be paid",
            "rail": line.line.rail.value,
            "amount_minor": line.line.amount_minor,
            "currency": line.line.currency,
            "execution_date": str(line.times.requested_execution_date),
            "notices": [f"{field}: {text}" for field, text in line.notices],
        }
        print(json.dumps(said))


def _in_words(judged: Judged) -> str:
    counts = {
        "Would be paid": len(judged.new),
        "known from an earlier run of this file": len(judged.known),
        "refused": len(judged.refused),
        "may repeat earlier payments": len(judged.repeats),
    }
    return (
        f"{', '.join(f'{what}: {count}' for what, count in counts.items())}. Nothing is recorded."
    )


def _table(sums: Sequence[Leaving]) -> Table:
    shown = Table(title="What would be paid from each balance", header_style="bold", expand=False)
    shown.add_column("From", overflow="fold")
    shown.add_column("Payments", justify="right")
    shown.add_column("Sum", justify="right", no_wrap=True)
    shown.add_column("Available there", justify="right")
    shown.add_column("")
    for one in sums:
        balance = one.balance
        whose = f" for {balance.on_behalf_of}" if balance.on_behalf_of else ""
        known = not isinstance(one.available, Unanswered)
        shown.add_row(
            Text(f"{balance.partner}/{balance.partner_account}{whose}"),
            str(one.payments),
            str(one.total),
            str(one.available) if known else Text(f"not known: {_why(one)}"),
            _IS_COVERED[one.is_covered],
        )
    return shown


def _as_object(one: Leaving) -> dict[str, object]:
    return {
        "partner": one.balance.partner,
        "partner_account": one.balance.partner_account,
        "on_behalf_of": one.balance.on_behalf_of,
        "currency": one.balance.currency,
        "payments": one.payments,
        "total_minor": one.total.minor,
        "available_minor": None if isinstance(one.available, Unanswered) else one.available.minor,
        "reason": _why(one) or None,
    }


def _why(one: Leaving) -> str:
    return one.available.why if isinstance(one.available, Unanswered) else ""
