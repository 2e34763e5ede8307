"""`finality pay`: a file becomes payments, each once."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from assembly import Assembly, assembled
from domain.intent import Acknowledgement, PossibleDuplicate, require_acknowledged
from domain.payment import Certainty
from domain.report import PaymentState
from domain.states import ENDS
from messages.credit_transfer import CreditTransferFile, FileRefused
from messages.pain001 import read
from settings import Settings
from starter.file_keeping import keep
from starter.files import (
    DebtorAccount,
    FilePlan,
    PlannedOrder,
    account_named,
    file_fingerprint,
    file_key,
    plan,
)
from starter.journal import Journal
from starter.known_lines import known_lines
from starter.operations import NotSigned, Operators
from store.files import FileTaken
from store.keyring import KeyringError
from store.payments import KeyReused, PaymentRecord
from terminal.commanding import signature
from terminal.recording import record, until_rest
from terminal.refused import (
    Repeat,
    print_known,
    print_nothing_paid,
    print_refused,
    print_unread,
    show_refused,
    show_repeats,
)
from terminal.table import print_json, table
from terminal.wishes import Wishes

_UNSENT: Final = PaymentState.CREATED
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
    acknowledge: Collection[str] = (),
    operator: str | None = None,
    allow_truncation: bool = False,
) -> int:
    """Read, check, record, run, wait a while, and show; the exit code.

    A file with refused lines, or with lines that may repeat payments of other files and keys,
    is not paid at all: the refused ones are corrected or left out (`skip_invalid`), the others
    named in `acknowledge` or left out. Nothing of it is kept, so that it may be corrected under
    its own message id.

    Args:
        acknowledge: ids of earlier payments that the file's lines do not repeat. A line passes
            when all of its own are among them.
        operator: who acknowledges a payment in doubt.
        allow_truncation: cut a remittance that is too long, instead of refusing its line.
    """
    wishes = Wishes(
        file=file,
        as_of=as_of,
        skip_invalid=skip_invalid,
        wait_seconds=wait_seconds,
        journal=journal,
        as_json=as_json,
        acknowledge=frozenset(acknowledge),
        operator=operator,
        allow_truncation=allow_truncation,
    )
    screen = Console(stderr=as_json)
    try:
        content = read(file, allow_truncation=allow_truncation)
    except FileRefused as refused:
        screen.print(f"[red]The file is refused:[/red] {escape(str(refused))}", highlight=False)
        return _unread(wishes, str(refused))
    except OSError as error:
        screen.print(
            f"[red]{escape(str(file))} cannot be read:[/red] {error.strerror}", highlight=False
        )
        return _unread(wishes, f"the file cannot be read: {error.strerror}")
    try:
        async with assembled(settings) as assembly:
            return await _pay(assembly, content, screen, wishes)
    except KeyringError as error:
        screen.print(f"[red]{escape(str(error))}[/red]", highlight=False)
        return NOTHING_PAID


def _unread(wishes: Wishes, reason: str) -> int:
    if wishes.as_json:
        print_unread(reason)
    return NOTHING_PAID


async def _pay(
    assembly: Assembly, content: CreditTransferFile, screen: Console, wishes: Wishes
) -> int:
    planned = plan(
        content, debtor_accounts(assembly.settings), now=assembly.clock.now(), as_of=wishes.as_of
    )
    known = await known_lines(content, assembly.files, assembly.payments)
    refused = [one for one in planned.refused if one.line.position not in known]
    if refused:
        if not assembly.settings.debtors:
            screen.print("No debtor account is known here; does `finality up` run in this folder?")
        show_refused(screen, refused)
        if not wishes.skip_invalid:
            print_known(screen, known, as_json=wishes.as_json)
            advice = "Correct the lines, or pay" if not known else "Pay"
            screen.print(
                f"Nothing new is paid. {advice} the others with --skip-invalid.", highlight=False
            )
            if wishes.as_json:
                print_refused(refused, ())
                others = (one.line for one in planned.orders if one.line.position not in known)
                print_nothing_paid(others, "not paid: other lines of the file are refused")
            return NOTHING_PAID
    if wishes.operator is not None:
        try:
            Operators(assembly.settings.operators).signed(signature(wishes.operator))
        except NotSigned as unsigned:
            return _all_refused(screen, content, wishes, str(unsigned), known)
    orders, repeats = await _compare(assembly, planned.orders, wishes)
    if repeats and not wishes.skip_invalid:
        print_known(screen, known, as_json=wishes.as_json)
        _ask(screen, repeats, wishes, "Nothing new is paid.")
        if wishes.as_json:
            print_refused((), repeats)
            others = (one.line for one, _ in orders if one.line.position not in known)
            print_nothing_paid(others, "not paid: other lines of the file may be duplicates")
        return NOTHING_PAID
    try:
        # Not before: a file that is only asked about may still be corrected under its name.
        await assembly.files.take(
            {line.debtor.tenant for line, _ in orders},
            file_key=file_key(content),
            fingerprint=file_fingerprint(content),
            message_id=content.message_id,
            now=assembly.clock.now(),
        )
        left_out = {one.line.position: str(one.duplicate) for one in repeats}
        await keep(assembly.file_lines, content, planned, left_out)
        with ExitStack() as stack:
            kept = stack.enter_context(Journal(wishes.journal)) if wishes.journal else None
            receipts, late = await record(assembly, orders, screen, kept)
    except FileTaken as taken:
        reason = f"DU01 {taken}; {_taken_before(content)}"
        return _all_refused(screen, content, wishes, reason)
    except KeyReused as reused:
        # Same message id, other content. What was recorded before stays recorded.
        text = "DU01 a file of this message id was taken before with other content"
        return _all_refused(screen, content, wishes, f"{text}: {reused}; {_taken_before(content)}")
    repeats += late
    if not all(receipt.is_started for receipt in receipts if not receipt.is_replay):
        screen.print(
            "[yellow]No Temporal server answers: the payments are recorded and start by "
            "themselves when one does (`finality up`).[/yellow]"
        )
    records = await until_rest(assembly, receipts, screen, wishes.wait_seconds)
    # Lines that were paid, and could not be any more: their account is mapped no longer.
    payable = {line.line.position for line in planned.orders}
    before = [known[position] for position in sorted(known) if position not in payable]
    records += before
    if wishes.as_json:
        print_json(records)
        print_refused(refused, repeats)
    else:
        _show(screen, records, sum(one.is_replay for one in receipts) + len(before), planned)
    if any(one.view.halted and one.payment.state is _UNSENT for one in records):
        screen.print("Sending is halted, so some wait unsent: see `finality halts`.")
    if repeats:
        _ask(screen, repeats, wishes, "These lines are not paid.")
    failed = any(map(_is_failed, records))
    return SOME_NOT if failed or refused or repeats else ALL_WELL


def _all_refused(
    screen: Console,
    content: CreditTransferFile,
    wishes: Wishes,
    reason: str,
    known: Mapping[int, PaymentRecord] | None = None,
) -> int:
    screen.print(f"[red]The file is refused:[/red] {escape(reason)}", highlight=False)
    print_known(screen, known or {}, as_json=wishes.as_json)
    if wishes.as_json:
        others = (line for line in content.lines if line.position not in (known or {}))
        print_nothing_paid(others, reason)
    return NOTHING_PAID


def _taken_before(content: CreditTransferFile) -> str:
    """Under its message id something was paid, and maybe what is in this content too."""
    return f"what was paid of it, `finality file show {shlex.quote(content.message_id)}` says"


async def _compare(
    assembly: Assembly, lines: Sequence[PlannedOrder], wishes: Wishes
) -> tuple[list[tuple[PlannedOrder, Acknowledgement]], list[Repeat]]:
    """The lines to pay, each with what was acknowledged of it, and those to ask about.

    All are compared before any is recorded. Recording compares each again.
    """
    wanted = [(line.key, line.intent) for line in lines]
    found = await assembly.payments.possible_duplicates(wanted, assembly.clock.now())
    orders, repeats = [], []
    for line, earlier in zip(lines, found, strict=True):
        said = wishes.said_of([one.payment_id for one in earlier])
        try:
            require_acknowledged(earlier, said)
        except PossibleDuplicate as duplicate:
            repeats.append(Repeat(line, duplicate))
        else:
            orders.append((line, said))
    return orders, repeats


def _ask(screen: Console, repeats: Sequence[Repeat], wishes: Wishes, outcome: str) -> None:
    show_repeats(screen, repeats)
    skip = "" if wishes.skip_invalid else ", or pay the others with --skip-invalid"
    screen.print(
        f"{outcome} If they are meant besides the earlier ones, say so with the command below{skip}"
        ".",
        highlight=False,
    )
    if any(repeat.duplicate.needs_operator for repeat in repeats) and not wishes.operator:
        screen.print(
            "An earlier one is in doubt and may yet turn out to be this one: better wait until "
            "that is known. Only an operator may acknowledge it.",
            highlight=False,
        )
    # Not wrapped: it is there to be copied.
    screen.print(
        wishes.command([repeat.duplicate for repeat in repeats]),
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def debtor_accounts(settings: Settings) -> dict[str, DebtorAccount]:
    """The settings' debtors, each with whether its partner account is simulated."""
    accounts = {}
    for key, debtor in settings.debtors.items():
        account = account_named(key)
        partner = settings.partner_accounts(debtor.partner).get(debtor.partner_account)
        accounts[key] = DebtorAccount(
            iban=account.iban,
            other=account.other,
            tenant=debtor.tenant,
            partner=debtor.partner,
            partner_account=debtor.partner_account,
            currency=debtor.currency,
            simulated=partner is not None and partner.simulated,
            on_behalf_of=debtor.on_behalf_of,
        )
    return accounts


def _is_failed(record: PaymentRecord) -> bool:
    return record.payment.certainty is Certainty.UNKNOWN or record.payment.state in _FAILED


def _show(screen: Console, records: list[PaymentRecord], known: int, planned: FilePlan) -> None:
    screen.print(table(records))
    if known:
        screen.print(
            f"{known} of {len(records)} were known from an earlier run of this file: "
            "nothing was paid again."
        )
    for field, text in sorted({notice for line in planned.orders for notice in line.notices}):
        screen.print(f"[dim]{escape(f'{field}: {text}')}[/dim]", highlight=False)
