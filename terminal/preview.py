"""`finality pay --preview`: what a file would pay, and from which balances; records nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from rich.table import Table
from rich.text import Text

from assembly import Assembly
from domain.money import Money
from domain.payments.answers import Unanswered
from domain.plain_text import plain
from starter.files import PlannedOrder
from starter.leaving import Balance, Leaving, leaving
from terminal.examining import examine
from terminal.judging import Judged
from terminal.refused import (
    print_refused,
    show_refused,
    show_repeats,
)
from terminal.screen import Screen

_IS_COVERED = {
    True: Text("enough", style="green"),
    False: Text("too little", style="red"),
    None: Text(""),
}


class Previewed(NamedTuple):
    """The result of a preview."""

    judged: Judged
    """Lines that their partners would not take are among the refused."""
    is_sure: bool
    """Each balance is known and suffices, and the partners said that they take each line."""


async def preview(
    assembly: Assembly, judged: Judged, screen: Screen, *, as_json: bool
) -> Previewed:
    """Ask the partners all that a send asks, and show the answers."""
    judged, unanswered = await examine(assembly, judged)

    async def available(balance: Balance) -> Money | Unanswered:
        partner = assembly.partners.get((balance.partner, balance.partner_account))
        if partner is None:
            return Unanswered(f"{balance.partner}/{balance.partner_account} is not in the settings")
        return await partner.available(balance.currency, balance.on_behalf_of)

    sums = await leaving((line.order for line in judged.new), available)
    if as_json:
        for one in sums:
            print(json.dumps(_as_object(one)))
        print_payable(judged.content.message_id, judged.new)
        now = assembly.clock.now()
        print_refused(judged.content.message_id, judged.refused, judged.repeats, now)
    else:
        if judged.refused:
            show_refused(screen, judged.refused)
        if judged.repeats:
            show_repeats(screen, judged.repeats)
        if sums:
            screen.print(_table(sums))
        show_notices(screen, judged)
        for why, lines in unanswered.items():
            said = f"It is not known whether the partner takes {lines} of these lines: {why}"
            screen.print(plain(said), style="yellow")
        screen.print(_in_words(judged))
    return Previewed(judged, not unanswered and all(one.is_covered for one in sums))


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


def _table(sums: list[Leaving]) -> Table:
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
