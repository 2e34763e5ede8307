"""`finality file`: the status of a whole file, and its cancellation."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from assembly import assembled
from domain.lifecycle.resource import Certainty
from domain.money import Money
from domain.plain_text import as_references
from messages.pain002 import VERSIONS
from settings import Settings
from starter.asking import OUTCOMES
from starter.files.accepted import CancelledLine, FileNow, NoSuchFile
from starter.files.status import line_status
from store.file_lines import KeptFile, LineNow
from terminal.cancel import user
from terminal.commanding import (
    AS_WISHED,
    NOT_AS_WISHED,
    NOTHING_RECORDED,
    or_refused,
    say_refused,
)
from terminal.screen import Screen
from terminal.status_report import NotWritten, as_xml, put


async def list_files(settings: Settings, *, limit: int, as_json: bool) -> int:
    """Print the accepted files, newest first."""
    async with assembled(settings) as assembly:
        files = await assembly.accepted_files.newest(limit=limit)
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
            found = await assembly.accepted_files.find(message_id, party)
        except NoSuchFile as problem:
            return _refused(_in_words(problem))
    if as_json:
        for now in found.lines:
            print(json.dumps(_line_object(found.file, now)))
        return AS_WISHED
    shown = _table("Line", "EndToEndId", "Amount", "Payment", "State")
    for now in found.lines:
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
    count = found.file.header.count
    screen.print(f"{len(found.lines)} of {count} lines; as a whole: {found.whole}")
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
            found = await assembly.accepted_files.find(message_id, party)
        except NoSuchFile as problem:
            return _refused(_in_words(problem))
    if as_json:
        print(json.dumps(_status_object(found)))
        return AS_WISHED
    xml = as_xml(found.report, version)
    if out is None:
        print(as_references(xml.decode()))
        return AS_WISHED
    try:
        put(xml, out)
    except NotWritten as problem:
        return _refused(f"--out: {problem}")
    Screen().print(f"{out}: {version}, {len(found.lines)} lines")
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
            found = await assembly.accepted_files.find(message_id, party)
            if not found.paid:
                return _refused(f"no line of {message_id!r} has a payment to cancel")
            cancelled = await assembly.accepted_files.cancel(
                found, by=f"terminal/{user()}", why=why, within=timedelta(seconds=wait_seconds)
            )
        done = sum(one.is_done for one in cancelled)
        for one in cancelled:
            _show_outcome(found.file, one, as_json=as_json)
        screen = Screen(stderr=as_json)
        screen.print(f"{done} of {len(cancelled)} payments are cancelled.")
        if found.unrecorded:
            # Another `finality pay` may be recording them at this moment.
            screen.print(
                f"{len(found.unrecorded)} lines are not recorded, so they have no payment to "
                "cancel. If `finality pay` still runs, cancel the file again when it has ended."
            )
        return AS_WISHED if done == len(cancelled) and not found.unrecorded else NOT_AS_WISHED

    try:
        return await or_refused(cancel())
    except NoSuchFile as problem:
        return _refused(_in_words(problem))


def _show_outcome(file: KeptFile, cancelled: CancelledLine, *, as_json: bool) -> None:
    now, receipt = cancelled
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


def _in_words(problem: NoSuchFile) -> str:
    """Why there is not one file, and what to type instead."""
    message_id, found = problem.message_id, problem.found
    if not found:
        whose = "" if problem.party is None else f" of {problem.party!r}"
        return (
            f"no file with message id {message_id!r}{whose} is recorded; `finality file list` "
            "shows the files"
        )
    known = "; ".join(f"{one.header.initiating_party} (tenant {one.tenant})" for one in found)
    return (
        f"{len(found)} files have the message id {message_id!r}: {known}; choose one with "
        "--party, by name or tenant"
    )


def _refused(problem: str) -> int:
    say_refused(problem)
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


def _status_object(found: FileNow) -> dict[str, object]:
    return _file_object(found.file) | {
        "at": found.at.isoformat(),
        "transaction_status": found.whole.value,
        "lines_by_status": found.lines_by_status,
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
