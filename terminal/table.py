"""Prints payments as a table, or as one JSON object each."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping

from rich import box
from rich.table import Table
from rich.text import Text

from assembly import assembled
from domain.lifecycle.resource import Certainty
from domain.payments.due import due
from domain.payments.report import PaymentState
from domain.payments.states import STATES
from domain.plain_text import plain
from settings import Settings
from store.file_lines import Place
from store.finding import ANYTHING, Wanted
from store.payments import Found
from store.records import PaymentRecord
from terminal.screen import Screen


async def list_table(settings: Settings, wanted: Wanted, *, limit: int, as_json: bool) -> int:
    """Print the newest payments that match, and whether there may be more."""
    async with assembled(settings) as assembly:
        found = await assembly.orchestrator.find(wanted, limit=limit)
        places = await assembly.file_lines.places(
            [(record.tenant, record.key) for record in found.records] if as_json else ()
        )
    if as_json:
        print_json(found.records, places)
    elif found.records:
        Screen().print(table(found.records))
    else:
        Screen().print("No payments." if wanted == ANYTHING else "No payment matches.")
    if found.cut_after is not None:
        sys.stderr.write(f"finality: {_cut(found, limit)}\n")
    return 0


def _cut(found: Found, limit: int) -> str:
    """Says that a search ended before it had read all payments, and how to see more."""
    if len(found.records) == limit:
        return f"these are the newest {limit} that match, and there are more; --limit shows more"
    return (
        f"only the newest {found.cut_after} payments were searched; narrow the search with more "
        "options, such as --day"
    )


def print_json(records: Iterable[PaymentRecord], places: Mapping[tuple[str, str], Place]) -> None:
    """Print one JSON object per payment, each on its own line, in the order given.

    Args:
        places: file and line of payments that came with a file, by tenant and key.
    """
    for record in records:
        print(json.dumps(as_object(record, places.get((record.tenant, record.key)))))


def as_object(record: PaymentRecord, place: Place | None = None) -> dict[str, object]:
    """The JSON object of a payment."""
    payment = record.payment
    return {
        "payment_id": record.payment_id,
        "tenant": record.tenant,
        "key": record.key,
        "created_at": record.created_at.isoformat(),
        "updated_at": record.updated_at.isoformat(),
        "end_to_end_id": record.end_to_end_id,
        "state": payment.state.value,
        "certainty": payment.certainty.value,
        "amount_minor": payment.amounts.instructed.minor,
        "currency": payment.amounts.instructed.currency,
        "partner_reference": payment.partner_reference,
        "reason": payment.reason or _why_not_known(record),
        "sealed": record.sealed,
        **place_object(place),
    }


def place_object(place: Place | None) -> dict[str, object]:
    """The file and line of a payment; null if it came without a file."""
    return {"file": place.file if place else None, "line": place.line if place else None}


def table(records: Iterable[PaymentRecord], *, caption: str | None = None) -> Table:
    """A table with one row per payment."""
    shown = Table(caption=caption, header_style="bold", box=box.SIMPLE, padding=(0, 1, 0, 0))
    # Ids, amounts and states are never cut; on a narrow screen names are.
    shown.add_column("Payment", no_wrap=True)
    shown.add_column("EndToEndId")
    shown.add_column("Creditor")
    shown.add_column("Amount", no_wrap=True, justify="right")
    shown.add_column("State", no_wrap=True)
    for record in records:
        payment = record.payment
        shown.add_row(
            # Text, not markup: a creditor's name may contain anything.
            Text(record.payment_id),
            _name(record.end_to_end_id),
            Text(plain(record.sealed), style="yellow") if record.sealed else _name(record.creditor),
            str(payment.amounts.instructed),
            state_text(record),
        )
    return shown


def _name(text: str) -> Text:
    return Text(plain(text), no_wrap=True, overflow="ellipsis")


def state_text(record: PaymentRecord) -> Text:
    """The state in its colour; a payment in doubt is yellow instead."""
    payment = record.payment
    if payment.certainty is Certainty.UNKNOWN:
        return Text(f"{payment.state} (in doubt)", style="bold yellow")
    return Text(payment.state.value, style=STATES[payment.state].colour)


def _why_not_known(record: PaymentRecord) -> str | None:
    payment = record.payment
    if payment.state is PaymentState.SUBMITTING and payment.certainty is Certainty.NOT_SENT:
        # All attempts so far came to nothing: the reason for the wait, as `show` says it.
        return record.waiting_for or due(record.view, record.updated_at).because
    frozen = [finding.text for finding in payment.findings if finding.freezes]
    return "; ".join(frozen) or record.waiting_for
