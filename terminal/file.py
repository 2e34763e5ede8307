"""`finality file`: the status of a whole file, and its cancellation."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from assembly import Assembly, assembled
from domain.ids import hashed
from domain.lifecycle.command import Outcome
from domain.money import Money
from domain.payments.payment import Certainty
from domain.plain_text import as_references
from messages.pain002 import VERSIONS, common_status
from settings import Settings
from starter.asking import CommandReceipt
from starter.file_status import file_status, line_status
from store.file_lines import KeptFile, LineNow
from terminal.cancel import answered, user
from terminal.commanding import (
    AS_WISHED,
    NOT_AS_WISHED,
    NOTHING_RECORDED,
    OUTCOMES,
    or_refused,
    say_refused,
)
from terminal.recording import AT_ONCE
from terminal.screen import Screen
from terminal.status_report import NotWritten, as_xml, put


class _NoSuchFile(LookupError):
    """No file has the message id, or several have it."""


async def list_files(settings: Settings, *, limit: int, as_json: bool) -> int:
    """Print the accepted files, newest first."""
    async with assembled(settings) as assembly:
        files = await assembly.file_lines.files(limit=limit)
    if as_json:
        for file in files:
            print(json.dumps(_file_object(file)))
        return AS_WISHED
    if not files:
        Screen().print("No files.")
        return AS_WISHED
    shown = _table("MsgId", "From", "Tenant", "Lines", "Sum", "Taken (UTC)")
    for file in files:
        head = file.header
        shown.add_row(
            Text(file.message_id),
            Text(head.initiating_party),
            Text(file.tenant),
            str(head.count),
            f"{head.control_sum:f}",
            f"{file.taken_at:%Y-%m-%d %H:%M}",
        )
    Screen().print(shown)
    return AS_WISHED


async def show_file(
    settings: Settings, message_id: str, *, party: str | None, as_json: bool
) -> int:
    """Print every line of the file with its payment's state, or why it is not paid."""
    async with assembled(settings) as assembly:
        try:
            file, lines = await _found(assembly, message_id, party)
        except _NoSuchFile as problem:
            return _refused(problem)
    if as_json:
        for now in lines:
            print(json.dumps(_line_object(file, now)))
        return AS_WISHED
    shown = _table("Line", "EndToEndId", "Amount", "Payment", "State")
    for now in lines:
        line = now.line
        amount = (
            str(Money(minor=line.amount_minor, currency=line.currency)) if line.currency else ""
        )
        shown.add_row(
            str(line.position), Text(line.end_to_end_id), amount,
            Text(now.payment_id or ""), Text(_state(now)),
        )  # fmt: skip
    screen = Screen()
    screen.print(shown)
    whole = common_status(line_status(now).status for now in lines)
    screen.print(f"{len(lines)} of {file.header.count} lines; as a whole: {whole}")
    return AS_WISHED


async def show_status(
    settings: Settings,
    message_id: str,
    *,
    party: str | None,
    version: str,
    out: Path | None,
    as_json: bool,
) -> int:
    """Write a pain.002 with the file's present status, to a file or to the screen."""
    if version not in VERSIONS:
        return _refused(f"--version: there is no {version!r}; known: {', '.join(VERSIONS)}")
    async with assembled(settings) as assembly:
        try:
            file, lines = await _found(assembly, message_id, party)
        except _NoSuchFile as problem:
            return _refused(problem)
        now = assembly.clock.now()
    if as_json:
        print(json.dumps(_status_object(file, lines, now)))
        return AS_WISHED
    report = file_status(file, lines, now)
    xml = as_xml(report, version)
    if out is None:
        print(as_references(xml.decode()))
        return AS_WISHED
    try:
        put(xml, out)
    except NotWritten as problem:
        return _refused(f"--out: {problem}")
    Screen().print(f"{out}: {version}, {len(lines)} lines")
    return AS_WISHED


async def cancel_file(
    settings: Settings,
    message_id: str,
    *,
    party: str | None,
    why: str,
    wait_seconds: int,
    as_json: bool,
) -> int:
    """Cancel each payment of the file. A repeated call finds the same commands again."""

    async def cancel() -> int:
        async with assembled(settings) as assembly:
            file, lines = await _found(assembly, message_id, party)
            paid = [now for now in lines if now.payment_id is not None]
            unrecorded = [now for now in lines if now.payment_id is None and not now.line.refusals]
            if not paid:
                return _refused(f"no line of {message_id!r} has a payment to cancel")
            receipts = await _cancelled(assembly, file, paid, why, wait_seconds)
        done = sum(receipt.command.outcome is Outcome.DONE for receipt in receipts)
        for now, receipt in zip(paid, receipts, strict=True):
            _show_outcome(file, now, receipt, as_json=as_json)
        screen = Screen(stderr=as_json)
        screen.print(f"{done} of {len(paid)} payments are cancelled.")
        if unrecorded:
            # Another `finality pay` may be recording them at this moment.
            screen.print(
                f"{len(unrecorded)} lines are not recorded, so they have no payment to cancel. If "
                "`finality pay` still runs, cancel the file again when it has ended."
            )
        return AS_WISHED if done == len(paid) and not unrecorded else NOT_AS_WISHED

    try:
        return await or_refused(cancel())
    except _NoSuchFile as problem:
        return _refused(problem)


async def _cancelled(
    assembly: Assembly, file: KeptFile, paid: Sequence[LineNow], why: str, wait_seconds: int
) -> list[CommandReceipt]:
    """The receipt of each payment, in the order of `paid`; `wait_seconds` is for all together."""
    # Derived from the file alone, so that a second run finds the commands of the first.
    digest = hashed(file.tenant, file.file_key, "cancel", length=24, alphabet="0123456789abcdef")
    gate = asyncio.Semaphore(AT_ONCE)
    deadline = assembly.clock.now() + timedelta(seconds=wait_seconds)

    async def ask(payment_id: str) -> CommandReceipt:
        async with gate:
            return await assembly.orchestrator.cancel(
                payment_id, f"file-{digest}", by=f"terminal/{user()}", why=why, tenant=None
            )

    # All are commanded before any is waited for, since a payment may leave during a wait.
    asked = await asyncio.gather(*(ask(now.payment_id) for now in paid if now.payment_id))

    async def wait(receipt: CommandReceipt) -> CommandReceipt:
        async with gate:
            return await answered(assembly, receipt, deadline)

    return list(await asyncio.gather(*map(wait, asked)))


def _show_outcome(file: KeptFile, now: LineNow, receipt: CommandReceipt, *, as_json: bool) -> None:
    position = now.line.position
    outcome, state = receipt.command.outcome, receipt.payment.state.value
    if as_json:
        said = {
            "file": file.message_id,
            "line": position,
            "tenant": file.tenant,
            "key": now.line.payment_key,
            "payment_id": now.payment_id,
            "outcome": outcome.value,
            "state": state,
        }
        print(json.dumps(said))
    else:
        Screen().print(f"line {position}: {now.payment_id} is {state}: {OUTCOMES[outcome]}")


async def _found(
    assembly: Assembly, message_id: str, party: str | None
) -> tuple[KeptFile, list[LineNow]]:
    files = await assembly.file_lines.files(message_id=message_id)
    chosen = [file for file in files if party in (None, file.header.initiating_party, file.tenant)]
    if not chosen:
        whose = "" if party is None else f" of {party!r}"
        raise _NoSuchFile(
            f"no file with message id {message_id!r}{whose} is recorded; `finality file list` "
            "shows the files"
        )
    if len(chosen) > 1:
        known = "; ".join(f"{one.header.initiating_party} (tenant {one.tenant})" for one in chosen)
        raise _NoSuchFile(
            f"{len(chosen)} files have the message id {message_id!r}: {known}; choose one with "
            "--party, by name or tenant"
        )
    return chosen[0], await assembly.file_lines.lines(chosen[0])


def _refused(problem: object) -> int:
    say_refused(str(problem))
    return NOTHING_RECORDED


def _state(now: LineNow) -> str:
    if now.payment is not None:
        doubt = " (in doubt)" if now.payment.certainty is Certainty.UNKNOWN else ""
        return f"{now.payment.state}{doubt}"
    reasons = [f"{one.code} {one.field}: {one.text}" for one in now.line.refusals]
    return f"refused: {'; '.join(reasons)}" if reasons else "not recorded; give the file again"


def _file_object(file: KeptFile) -> dict[str, object]:
    head = file.header
    return {
        "file": file.message_id,
        "message_id": file.message_id,
        "initiating_party": head.initiating_party,
        "tenant": file.tenant,
        "version": head.version,
        "lines": head.count,
        "control_sum": f"{head.control_sum:f}",
        "taken_at": file.taken_at.isoformat(),
    }


def _status_object(file: KeptFile, lines: Sequence[LineNow], at: datetime) -> dict[str, object]:
    statuses = [line_status(now).status for now in lines]
    counts = Counter(status.value for status in statuses)
    return _file_object(file) | {
        "at": at.isoformat(),
        "transaction_status": common_status(statuses).value,
        "lines_by_status": dict(sorted(counts.items())),
    }


def _line_object(file: KeptFile, now: LineNow) -> dict[str, object]:
    line, payment = now.line, now.payment
    return {
        "file": file.message_id,
        "line": line.position,
        "tenant": file.tenant,
        "key": line.payment_key,
        "payment_information_id": line.payment_information_id,
        "end_to_end_id": line.end_to_end_id,
        "amount_minor": line.amount_minor,
        "currency": line.currency,
        "payment_id": now.payment_id,
        "created_at": now.created_at.isoformat() if now.created_at else None,
        "updated_at": now.updated_at.isoformat() if now.updated_at else None,
        "state": payment.state.value if payment else None,
        "certainty": payment.certainty.value if payment else None,
        "transaction_status": line_status(now).status.value,
        "refusals": [one.model_dump() for one in line.refusals],
    }


def _table(*columns: str) -> Table:
    shown = Table(header_style="bold", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for name in columns:
        shown.add_column(name)
    return shown
