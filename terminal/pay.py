"""`finality pay`: a file becomes payments, each once."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from assembly import Assembly, assembled
from domain.due import Owed, due
from domain.payment import Certainty
from domain.report import PaymentState
from domain.states import ENDS
from messages.credit_transfer import CreditTransferFile, FileRefused, Line
from messages.pain001 import read
from settings import Settings
from starter.client import Receipt
from starter.files import (
    DebtorAccount,
    FilePlan,
    PlannedOrder,
    file_fingerprint,
    file_key,
    plan,
)
from starter.journal import Journal
from store.files import FileTaken
from store.keyring import KeyringError
from store.payments import KeyReused, PaymentRecord
from terminal.table import print_json, table

#: Orders given at the same time; more only queue up behind the database's one writer.
_AT_ONCE: Final = 8

#: Somebody other than time has to act, or nothing is owed: no reason to wait here any longer.
_RESTS: Final = ENDS | {
    PaymentState.SETTLED,
    PaymentState.AWAITING_US,
    PaymentState.AWAITING_USER,
    PaymentState.AWAITING_PARTNER,
}
_FAILED: Final = ENDS - {PaymentState.FINAL, PaymentState.UNCONFIRMED}

#: Exit codes: all well; some payment failed, is in doubt or was refused; nothing was paid.
ALL_WELL, SOME_NOT, NOTHING_PAID = 0, 1, 2


async def pay_file(
    settings: Settings,
    file: Path,
    *,
    as_of: date | None,
    skip_invalid: bool,
    wait_seconds: int,
    journal: Path | None,
    as_json: bool,
) -> int:
    """Read, check, record, run, wait a while, and show; the exit code."""
    screen = Console(stderr=as_json)
    try:
        content = read(file)
    except FileRefused as refused:
        screen.print(f"[red]The file is refused:[/red] {escape(str(refused))}", highlight=False)
        return NOTHING_PAID
    except OSError as error:
        screen.print(
            f"[red]{escape(str(file))} cannot be read:[/red] {error.strerror}", highlight=False
        )
        return NOTHING_PAID
    try:
        async with assembled(settings) as assembly:
            return await _pay(
                assembly,
                content,
                screen,
                as_of=as_of,
                skip_invalid=skip_invalid,
                wait_seconds=wait_seconds,
                journal=journal,
                as_json=as_json,
            )
    except KeyringError as error:
        screen.print(f"[red]{escape(str(error))}[/red]", highlight=False)
        return NOTHING_PAID


async def _pay(
    assembly: Assembly,
    content: CreditTransferFile,
    screen: Console,
    *,
    as_of: date | None,
    skip_invalid: bool,
    wait_seconds: int,
    journal: Path | None,
    as_json: bool,
) -> int:
    planned = plan(
        content, debtor_accounts(assembly.settings), now=assembly.clock.now(), as_of=as_of
    )
    if planned.refused:
        _show_refused(screen, planned)
        if not skip_invalid:
            screen.print(
                "Nothing is paid. Correct the lines, or pay the others with --skip-invalid.",
                highlight=False,
            )
            if as_json:
                _print_refused(planned)
            return NOTHING_PAID
    try:
        await assembly.files.take(
            {line.order.tenant for line in planned.orders},
            file_key=file_key(content),
            fingerprint=file_fingerprint(content),
            message_id=content.message_id,
            now=assembly.clock.now(),
        )
    except FileTaken as taken:
        screen.print(f"[red]DU01[/red] {escape(str(taken))}", highlight=False)
        return NOTHING_PAID
    with ExitStack() as stack:
        kept = stack.enter_context(Journal(journal)) if journal else None
        receipts = await _record(assembly, planned, screen, kept)
    if not all(receipt.is_started for receipt in receipts if not receipt.is_replay):
        screen.print(
            "[yellow]No Temporal server answers: the payments are recorded and start by "
            "themselves when one does (`finality up`).[/yellow]"
        )
    records = await _rest(assembly, receipts, screen, wait_seconds)
    if as_json:
        print_json(records)
        _print_refused(planned)
    else:
        _show(screen, records, receipts, planned)
    failed = any(_is_failed(record) for record in records)
    return SOME_NOT if failed or planned.refused else ALL_WELL


def debtor_accounts(settings: Settings) -> dict[str, DebtorAccount]:
    """The settings' debtors, each with whether its partner account is simulated."""
    accounts = {}
    for iban, debtor in settings.debtors.items():
        partner = settings.partner_accounts(debtor.partner).get(debtor.partner_account)
        accounts[iban] = DebtorAccount(
            iban=iban,
            tenant=debtor.tenant,
            partner=debtor.partner,
            partner_account=debtor.partner_account,
            currency=debtor.currency,
            simulated=partner is not None and partner.simulated,
            on_behalf_of=debtor.on_behalf_of,
        )
    return accounts


async def _record(
    assembly: Assembly, planned: FilePlan, screen: Console, journal: Journal | None
) -> list[Receipt]:
    """Give every order, some at a time; in the order of the file."""
    gate = asyncio.Semaphore(_AT_ONCE)
    orchestrator = assembly.orchestrator

    with _progress(screen) as progress:
        bar = progress.add_task("recorded and started", total=len(planned.orders))

        async def give(line: PlannedOrder) -> Receipt:
            async with gate:
                if journal:
                    journal.intend(line.key, line.order)
                receipt = await orchestrator.pay(
                    line.order,
                    line.key,
                    received=line.received,
                    rules_of=line.rules_of,
                    patience=None,
                )
                if journal:
                    journal.told(line.key, receipt.payment_id)
                progress.advance(bar)
                return receipt

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(give(line)) for line in planned.orders]
        except* KeyReused as reused:
            # Same message id, other content: ISO DU01. What was recorded before stays recorded.
            screen.print(
                "[red]DU01[/red] a file of this message id was taken before with other content: "
                f"{escape(str(reused.exceptions[0]))}",
                highlight=False,
            )
            raise SystemExit(NOTHING_PAID) from None
    return [task.result() for task in tasks]


async def _rest(
    assembly: Assembly, receipts: list[Receipt], screen: Console, wait_seconds: int
) -> list[PaymentRecord]:
    """Wait until every payment rests somewhere, or the patience is over."""
    deadline = assembly.clock.now() + timedelta(seconds=wait_seconds)
    with _progress(screen) as progress:
        bar = progress.add_task("settled or waiting for somebody", total=len(receipts))

        async def rest(receipt: Receipt) -> PaymentRecord:
            record = await assembly.orchestrator.wait(
                receipt.payment_id, lambda found: rests(assembly, found), deadline=deadline
            )
            progress.advance(bar, rests(assembly, record))
            return record

        return list(await asyncio.gather(*map(rest, receipts)))


def rests(assembly: Assembly, record: PaymentRecord) -> bool:
    """Whether waiting here cannot bring more: settled, at an end, or somebody else's move."""
    if record.payment.is_frozen:
        return True
    if record.payment.certainty is Certainty.UNKNOWN:
        owed = due(record.view, assembly.clock.now())
        return owed.owed is Owed.WAIT and owed.because.startswith("parked")
    if record.view.not_before is not None and record.view.payment.partner_reference is None:
        return False
    return record.payment.state in _RESTS


def _is_failed(record: PaymentRecord) -> bool:
    return record.payment.certainty is Certainty.UNKNOWN or record.payment.state in _FAILED


def _show(
    screen: Console, records: list[PaymentRecord], receipts: list[Receipt], planned: FilePlan
) -> None:
    screen.print(table(records))
    known = sum(receipt.is_replay for receipt in receipts)
    if known:
        screen.print(
            f"{known} of {len(receipts)} were known from an earlier run of this file: "
            "nothing was paid again."
        )
    for field, text in sorted({notice for line in planned.orders for notice in line.notices}):
        screen.print(f"[dim]{escape(f'{field}: {text}')}[/dim]", highlight=False)


def _show_refused(screen: Console, planned: FilePlan) -> None:
    shown = Table(title="Refused lines", header_style="bold", expand=False)
    for heading in ("Line", "EndToEndId", "Code", "Field", "Why, and what to do"):
        shown.add_column(heading, overflow="fold")
    for line, refusals in planned.refused:
        for refusal in refusals:
            words = (line.end_to_end_id, refusal.code, refusal.field, refusal.text)
            shown.add_row(str(line.position), *map(Text, words))
    screen.print(shown)


def _print_refused(planned: FilePlan) -> None:
    for line, refusals in planned.refused:
        print(json.dumps(_refused_object(line, "; ".join(f"{r.code} {r.text}" for r in refusals))))


def _refused_object(line: Line, reason: str) -> dict[str, object]:
    return {
        "payment_id": None,
        "end_to_end_id": line.end_to_end_id,
        "state": "refused",
        "certainty": Certainty.NOT_SENT.value,
        "amount_minor": line.amount_minor,
        "currency": line.currency,
        "partner_reference": None,
        "reason": reason,
    }


def _progress(screen: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        console=screen, transient=True, disable=not screen.is_terminal,
    )  # fmt: skip
