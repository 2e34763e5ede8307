"""`finality halt` and `finality halts`: stop new sends, and list such stops."""

from __future__ import annotations

import json

from rich import box
from rich.table import Table
from rich.text import Text

from assembly import assembled
from settings import Settings
from store.halts import Halt
from terminal.commanding import AS_WISHED, NOT_AS_WISHED, or_refused, say_refused, signer
from terminal.screen import Screen


async def halt_sends(
    settings: Settings,
    *,
    by: str,
    why: str,
    partner: str | None,
    tenant: str | None,
    rail: str | None,
) -> int:
    """Stop new sends and say how many open payments that holds back. Returns the exit code."""

    async def halt() -> int:
        async with assembled(settings) as assembly:
            made = await assembly.operations.halt(
                signer=signer(settings, by), why=why, partner=partner, tenant=tenant, rail=rail
            )
            held = dict(await assembly.operations.halts()).get(made, 0)
        screen = Screen()
        screen.print(
            f"Halt {made.number} covers {scope(made)}: nothing new is sent from now on. It holds "
            f"back {held} open payments. Payments that were sent before are still followed, and "
            "cancels still go out. To lift the halt:"
        )
        screen.print(f"finality halt --lift {made.number} --by NAME")
        return AS_WISHED

    return await or_refused(halt())


async def lift_halt(settings: Settings, number: int, *, by: str) -> int:
    """Lift a halt. Returns the exit code: 1 if no such halt is in force."""

    async def lift() -> int:
        async with assembled(settings) as assembly:
            if not await assembly.operations.lift(number, signer=signer(settings, by)):
                say_refused(f"no halt {number} is in force; `finality halts` shows those that are")
                return NOT_AS_WISHED
            seconds = settings.upkeep_every.total_seconds()
        Screen().print(
            f"Halt {number} is lifted. The payments that it held back go on within {seconds:.0f} "
            "seconds, unless another halt covers them."
        )
        return AS_WISHED

    return await or_refused(lift())


async def list_halts(settings: Settings, *, as_json: bool) -> int:
    """Print the halts in force."""
    async with assembled(settings) as assembly:
        found = await assembly.operations.halts()
    if as_json:
        for halt, held in found:
            print(json.dumps(halt_object(halt) | {"holds_back": held}))
    elif found:
        Screen().print(_table(found))
    else:
        Screen().print("No halt is in force: sends go on.")
    return AS_WISHED


def scope(halt: Halt) -> str:
    """What a halt covers, in words."""
    parts = {"partner": halt.partner, "tenant": halt.tenant, "rail": halt.rail}
    named = [f"{name} {value}" for name, value in parts.items() if value is not None]
    return " and ".join(named) or "everything"


def _table(found: list[tuple[Halt, int]]) -> Table:
    shown = Table(header_style="bold", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for heading in ("Halt", "Covers", "Holds back", "By", "Since (UTC)", "Why"):
        shown.add_column(heading, overflow="fold")
    for halt, held in found:
        shown.add_row(
            str(halt.number),
            Text(scope(halt)),
            str(held),
            Text(halt.by),
            f"{halt.halted_at:%Y-%m-%d %H:%M}",
            Text(halt.why),
        )
    return shown


def halt_object(halt: Halt) -> dict[str, object]:
    """The JSON object of a halt."""
    return {
        "number": halt.number,
        "partner": halt.partner,
        "tenant": halt.tenant,
        "rail": halt.rail,
        "by": halt.by,
        "why": halt.why,
        "halted_at": halt.halted_at.isoformat(),
    }
