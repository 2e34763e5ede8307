"""`finality show`: one payment's timeline."""

from __future__ import annotations

import json
import sys
from typing import Final

from rich.table import Table
from rich.text import Text

from assembly import assembled
from domain.payments.order import Direction
from domain.payments.report import ActionKind, PaymentState
from domain.plain_text import plain
from settings import Settings
from starter.collecting import NOT_STATED
from starter.dossier import Dossier
from store.finding import Wanted
from store.records import PaymentRecord
from store.timeline import Entry, EntryKind
from terminal.commanding import NOT_AS_WISHED, NOTHING_RECORDED, or_refused, say_refused
from terminal.episodes import action_text, episode_table, moved
from terminal.halt import scope
from terminal.screen import Screen
from terminal.shown import shown_object
from terminal.table import state_text, table
from terminal.typed import typed

#: Payments listed if a search for one payment finds several.
_LISTED: Final = 20

_STYLE = {
    EntryKind.STATE: "bold",
    EntryKind.ATTEMPT: "cyan",
    EntryKind.LOOKUP: "cyan",
    EntryKind.REPORT: "green",
    EntryKind.EXCHANGE: "dim",
    EntryKind.CHECK: "blue",
    EntryKind.COMMAND: "magenta",
    EntryKind.DECISION: "bold magenta",
    EntryKind.TASK: "yellow",
}


async def show_payment(
    settings: Settings, payment_id: str, *, with_exchanges: bool, as_json: bool
) -> int:
    """Print all that is known about a payment. Returns the exit code: 2 if the id is unknown."""
    return await or_refused(_show(settings, payment_id, with_exchanges, as_json))


async def show_found(
    settings: Settings, wanted: Wanted, *, with_exchanges: bool, as_json: bool
) -> int:
    """Print all that is known about the one payment that matches; if several match, list them.

    Returns the exit code: 1 if several match, 2 if none does.
    """

    async def show() -> int:
        async with assembled(settings) as assembly:
            found = await assembly.orchestrator.find(wanted, limit=_LISTED)
        if not found.records:
            say_refused("no payment matches; `finality list` shows the payments")
            return NOTHING_RECORDED
        if len(found.records) == 1 and found.cut_after is None:
            return await _show(settings, found.records[0].payment_id, with_exchanges, as_json)
        Screen(stderr=as_json).print(table(found.records))
        say_refused("several payments match; show one by its id")
        return NOT_AS_WISHED

    return await or_refused(show())


async def write_evidence(settings: Settings, payment_id: str, command_id: str) -> int:
    """Write the evidence attached to a command to stdout, byte for byte.

    Returns the exit code: 1 if nothing is attached.
    """

    async def write() -> int:
        async with assembled(settings) as assembly:
            await assembly.orchestrator.get(payment_id, tenant=None)
            evidence = await assembly.operations.evidence(payment_id, command_id)
        if evidence is None:
            say_refused(f"nothing is attached to a command {command_id} of {payment_id}")
            return NOT_AS_WISHED
        sys.stdout.buffer.write(evidence)
        return 0

    return await or_refused(write())


async def print_link(settings: Settings, payment_id: str) -> int:
    """Print the address at which the payer acts now, and nothing else.

    Returns the exit code: 1 if there is none.
    """

    async def write() -> int:
        async with assembled(settings) as assembly:
            action = await assembly.orchestrator.action(payment_id, tenant=None)
        if action is None or action.url is None:
            say_refused(f"there is no page at which the payer of {payment_id} could act now")
            return NOT_AS_WISHED
        Screen().print(action.url, soft_wrap=True)
        return 0

    return await or_refused(write())


async def _show(settings: Settings, payment_id: str, with_exchanges: bool, as_json: bool) -> int:
    async with assembled(settings) as assembly:
        found = await assembly.dossiers.of(payment_id, with_exchanges=with_exchanges)
    if as_json:
        print(json.dumps(shown_object(found)))
    else:
        _print(Screen(), found)
    return 0


def _print(console: Screen, found: Dossier) -> None:
    _print_head(console, found)
    lines = Table(show_header=False, box=None, pad_edge=False)
    for entry in found.timeline:
        lines.add_row(
            f"{entry.at:%Y-%m-%d %H:%M:%S.%f}"[:-3],
            entry.kind.value,
            Text(plain(_text(entry))),
            style=_STYLE[entry.kind],
        )
    console.print(lines)
    for exchanged in found.exchanges or ():
        console.rule(Text(exchanged.summary))
        console.print(exchanged.request)
        console.print(exchanged.response)


def _text(entry: Entry) -> str:
    if entry.last_at is None:
        return entry.text
    return f"{entry.text} (×{entry.times}, the last at {entry.last_at:%Y-%m-%d %H:%M:%S})"


def _print_head(console: Screen, found: Dossier) -> None:
    record, payment, shown = found.record, found.record.payment, found.display
    console.print(Text.assemble((shown.headline, "bold"), f": {plain(shown.detail)}"))
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_row("payment", record.payment_id)
    facts.add_row("state", state_text(record))
    facts.add_row("amount", str(payment.amounts.instructed))
    if payment.direction is Direction.INCOMING:
        name = record.debtor if record.debtor != NOT_STATED else ""
        payer = f"{name} {record.debtor_account}".strip()
        facts.add_row("payer", Text(plain(payer)))
    if payment.action is not None:
        said = action_text(payment.action)
        if payment.action.kind is ActionKind.REDIRECT:
            said += f"; `{typed(['finality', 'show', '--link'], record.payment_id)}` prints it"
        facts.add_row("the payer", Text(plain(said), style="yellow"))
    facts.add_row("creditor", Text(plain(f"{record.creditor} {record.creditor_account}".strip())))
    if record.sealed:
        facts.add_row("order", Text(plain(record.sealed), style="yellow"))
    else:
        facts.add_row("end-to-end id", Text(plain(record.end_to_end_id)))
    facts.add_row("partner", f"{record.partner}/{record.partner_account}")
    facts.add_row("partner reference", plain(payment.partner_reference or "none yet"))
    if day := _execution_day(record):
        facts.add_row("execution date", day)
    if payment.basis:
        is_final = payment.state is PaymentState.FINAL
        facts.add_row("final because" if is_final else "decided", Text(payment.basis))
    if sums := moved(payment):
        facts.add_row("moved", sums)
    if place := found.place:
        facts.add_row("file", Text(plain(f"{place.file}, line {place.line}")))
    if (owed := found.owed) is not None:
        facts.add_row("waits for", Text(plain(owed.in_words)))
    if why := found.held_up_by:
        facts.add_row("held up by", Text(plain(why), style="yellow"))
    if record.silent_since is not None:
        text = f"has not answered since {record.silent_since:%Y-%m-%d %H:%M:%S} UTC"
        facts.add_row("the partner", Text(text, style="yellow"))
    for halt in found.halts:
        what = f"number {halt.number}, {scope(halt)}, by {halt.by}: {halt.why}"
        facts.add_row("halted", Text(what, style="yellow"))
    for finding in payment.findings:
        heading = "finding" if finding.freezes else "noted"
        facts.add_row(heading, Text(plain(f"{finding.kind}: {finding.text}")))
    for over in payment.closed_findings:
        text = f"{over.kind}: {over.text} (over: {over.closed_by})"
        facts.add_row("was found", Text(plain(text), style="dim"))
    console.print(facts)
    if found.episodes:
        console.print(episode_table(found.episodes))
    else:
        console.print()


def _execution_day(record: PaymentRecord) -> str | None:
    """The partner's execution date if it named one, else the requested one; None without both."""
    asked = record.times.requested_execution_date
    theirs = record.payment.effective_execution_date
    if theirs is None:
        return asked.isoformat() if asked else None
    return f"{theirs}" if theirs == asked else f"{theirs} by the partner; requested: {asked}"
