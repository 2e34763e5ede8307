"""`finality show`: one payment's timeline."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from assembly import Assembly, assembled
from domain.display import display
from domain.due import Owed, due
from settings import Settings
from store.payments import PaymentRecord, UnknownPayment
from store.timeline import EntryKind, Timelines
from terminal.table import state_text, waits_for

_STYLE = {
    EntryKind.STATE: "bold",
    EntryKind.ATTEMPT: "cyan",
    EntryKind.LOOKUP: "cyan",
    EntryKind.REPORT: "green",
    EntryKind.EXCHANGE: "dim",
    EntryKind.TASK: "yellow",
}


async def show_payment(settings: Settings, payment_id: str, *, with_exchanges: bool) -> int:
    """Print what is known of a payment; 1 if there is none of that id."""
    console = Console()
    async with assembled(settings) as assembly:
        try:
            record = await assembly.orchestrator.get(payment_id)
        except UnknownPayment:
            console.print(
                f"There is no payment {payment_id}; `finality list` shows those there are."
            )
            return 1
        _print_head(console, assembly, record)
        timelines = Timelines(assembly.database, assembly.keyring)
        lines = Table(show_header=False, box=None, pad_edge=False)
        for entry in await timelines.of(payment_id):
            lines.add_row(
                f"{entry.at:%Y-%m-%d %H:%M:%S.%f}"[:-3],
                entry.kind.value,
                Text(entry.text),
                style=_STYLE[entry.kind],
            )
        console.print(lines)
        if with_exchanges:
            for exchanged in await timelines.exchanges(payment_id):
                console.rule(Text(exchanged.summary))
                console.print(exchanged.request, markup=False)
                console.print(exchanged.response, markup=False)
    return 0


def _print_head(console: Console, assembly: Assembly, record: PaymentRecord) -> None:
    payment, shown = record.payment, display(record.payment)
    console.print(f"[bold]{shown.headline}[/bold]: {escape(shown.detail)}")
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_row("payment", record.payment_id)
    facts.add_row("state", state_text(record))
    facts.add_row("amount", str(payment.amounts.instructed))
    facts.add_row("creditor", Text(f"{record.creditor} {record.creditor_account}"))
    facts.add_row("end-to-end id", Text(record.end_to_end_id))
    facts.add_row("partner", f"{record.partner}/{record.partner_account}")
    facts.add_row("partner reference", payment.partner_reference or "none yet")
    if payment.basis:
        facts.add_row("final because", payment.basis)
    if payment.amounts.returned.minor or payment.amounts.fees.minor:
        amounts = payment.amounts
        facts.add_row(
            "moved", f"{amounts.settled} out, {amounts.returned} back, {amounts.fees} fees"
        )
    now = assembly.clock.now()
    if due(record.view, now).owed is not Owed.OVER:
        facts.add_row("waits for", Text(waits_for(record, now)))
    for finding in payment.findings:
        facts.add_row("finding", Text(f"{finding.kind}: {finding.text}"))
    console.print(facts)
    console.print()
