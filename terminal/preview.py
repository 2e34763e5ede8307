"""What a file would pay, and out of which balance: nothing is recorded."""

from __future__ import annotations

import json

from rich.table import Table
from rich.text import Text

from assembly import Assembly
from domain.answers import Untold
from domain.money import Money
from domain.plain_text import plain
from starter.leaving import Balance, Leaving, leaving
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


async def preview(assembly: Assembly, judged: Judged, screen: Screen, *, as_json: bool) -> bool:
    """Show it; True where each balance is known to suffice."""

    async def available(balance: Balance) -> Money | Untold:
        partner = assembly.partners.get((balance.partner, balance.partner_account))
        if partner is None:
            return Untold(f"{balance.partner}/{balance.partner_account} is not in the settings")
        return await partner.available(balance.currency, balance.on_behalf_of)

    sums = await leaving((line.order for line in judged.new), available)
    if as_json:
        for one in sums:
            print(json.dumps(_as_object(one)))
        print_refused(judged.refused, judged.repeats)
    else:
        if judged.refused:
            show_refused(screen, judged.refused)
        if judged.repeats:
            show_repeats(screen, judged.repeats)
        if sums:
            screen.print(_table(sums))
        show_notices(screen, judged)
        screen.print(_in_words(judged))
    return all(one.is_covered for one in sums)


def show_notices(screen: Screen, judged: Judged) -> None:
    """What of the lines goes otherwise than the file says; the same of many is said once."""
    for field, text in sorted({each for line in judged.planned.orders for each in line.notices}):
        screen.print(plain(f"{field}: {text}"), style="dim")


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
    shown = Table(title="What would leave", header_style="bold", expand=False)
    shown.add_column("From", overflow="fold")
    shown.add_column("Payments", justify="right")
    shown.add_column("Sum", justify="right", no_wrap=True)
    shown.add_column("Available there", justify="right")
    shown.add_column("")
    for one in sums:
        balance = one.balance
        whose = f" for {balance.on_behalf_of}" if balance.on_behalf_of else ""
        known = not isinstance(one.available, Untold)
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
        "available_minor": None if isinstance(one.available, Untold) else one.available.minor,
        "reason": _why(one) or None,
    }


def _why(one: Leaving) -> str:
    return one.available.why if isinstance(one.available, Untold) else ""
