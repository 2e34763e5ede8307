"""`finality show`: one payment's timeline."""

from __future__ import annotations

import sys
from typing import Final

from rich.table import Table
from rich.text import Text

from assembly import Assembly, assembled
from domain.display import display
from domain.due import Owed, due
from domain.plain_text import plain
from domain.report import PaymentState
from settings import Settings
from store.finding import Wanted
from store.halts import Halt
from store.records import PaymentRecord
from store.timeline import Entry, EntryKind, Timelines
from terminal.commanding import NOT_AS_WISHED, NOTHING_RECORDED, or_refused, say_refused
from terminal.halt import scope
from terminal.screen import Screen
from terminal.table import state_text, table, waits_for

#: Listed at most where a search for one payment finds several.
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


async def show_payment(settings: Settings, payment_id: str, *, with_exchanges: bool) -> int:
    """Print what is known of a payment; 2 if there is none of that id."""
    return await or_refused(_show(settings, payment_id, with_exchanges))


async def show_found(settings: Settings, wanted: Wanted, *, with_exchanges: bool) -> int:
    """Print what is known of the one payment that fits; where several do, list them and say so."""

    async def show() -> int:
        async with assembled(settings) as assembly:
            found = await assembly.orchestrator.find(wanted, limit=_LISTED)
        if not found.records:
            say_refused("no payment fits; `finality list` shows those there are")
            return NOTHING_RECORDED
        if len(found.records) == 1 and found.cut_after is None:
            return await _show(settings, found.records[0].payment_id, with_exchanges)
        Screen().print(table(found.records))
        say_refused("several payments fit; show one by its id")
        return NOT_AS_WISHED

    return await or_refused(show())


async def write_evidence(settings: Settings, payment_id: str, command_id: str) -> int:
    """Write what was attached to a command, as it was given; 1 where there is nothing."""

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


async def _show(settings: Settings, payment_id: str, with_exchanges: bool) -> int:
    console = Screen()
    async with assembled(settings) as assembly:
        record = await assembly.orchestrator.get(payment_id, tenant=None)
        halts = await assembly.operations.halts_of(payment_id)
        _print_head(console, assembly, record, halts)
        timelines = Timelines(assembly.database, assembly.keyring)
        lines = Table(show_header=False, box=None, pad_edge=False)
        for entry in await timelines.of(payment_id):
            lines.add_row(
                f"{entry.at:%Y-%m-%d %H:%M:%S.%f}"[:-3],
                entry.kind.value,
                Text(plain(_text(entry))),
                style=_STYLE[entry.kind],
            )
        console.print(lines)
        if with_exchanges:
            for exchanged in await timelines.exchanges(payment_id):
                console.rule(Text(exchanged.summary))
                console.print(exchanged.request)
                console.print(exchanged.response)
    return 0


def _text(entry: Entry) -> str:
    if entry.last_at is None:
        return entry.text
    return f"{entry.text} (×{entry.times}, the last at {entry.last_at:%Y-%m-%d %H:%M:%S})"


def _print_head(
    console: Screen, assembly: Assembly, record: PaymentRecord, halts: list[Halt]
) -> None:
    payment, shown = record.payment, display(record.payment)
    console.print(Text.assemble((shown.headline, "bold"), f": {plain(shown.detail)}"))
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_row("payment", record.payment_id)
    facts.add_row("state", state_text(record))
    facts.add_row("amount", str(payment.amounts.instructed))
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
    if payment.amounts.returned.minor or payment.amounts.fees.minor:
        amounts = payment.amounts
        facts.add_row(
            "moved", f"{amounts.settled} out, {amounts.returned} back, {amounts.fees} fees"
        )
    now = assembly.clock.now()
    if due(record.view, now).owed is not Owed.OVER:
        facts.add_row("waits for", Text(plain(waits_for(record, now))))
    if record.silent_since is not None:
        text = f"has not answered since {record.silent_since:%Y-%m-%d %H:%M:%S} UTC"
        facts.add_row("the partner", Text(text, style="yellow"))
    for halt in halts:
        what = f"number {halt.number}, {scope(halt)}, by {halt.by}: {halt.why}"
        facts.add_row("halted", Text(what, style="yellow"))
    for finding in payment.findings:
        facts.add_row("finding", Text(plain(f"{finding.kind}: {finding.text}")))
    console.print(facts)
    console.print()


def _execution_day(record: PaymentRecord) -> str | None:
    """Theirs if they named one, else the day asked for; None where nobody did."""
    asked = record.times.requested_execution_date
    theirs = record.payment.effective_execution_date
    if theirs is None:
        return asked.isoformat() if asked else None
    return f"{theirs}" if theirs == asked else f"{theirs}, says the partner; asked for: {asked}"
