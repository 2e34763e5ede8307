"""`finality tasks`: the open questions to people, and the next commands for each."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from rich.text import Text

from assembly import assembled
from domain.plain_text import plain
from settings import Settings
from starter.remedies import OpenTask, Remedy, RemedyKind, open_tasks
from store.feeds import EVENTS_MISSED
from store.unmatched import UNMATCHED
from store.webhooks.failing import WEBHOOK_FAILING
from store.wrong_clocks import CLOCK
from terminal.commanding import AS_WISHED, NOT_AS_WISHED, or_refused, say_refused, signer
from terminal.operator import refused_text
from terminal.screen import Screen
from terminal.table import place_object
from terminal.typed import typed_option

#: What follows after a task is dismissed, by its kind.
_AFTERWARDS: Final = {
    UNMATCHED: "No further task opens about these deliveries.",
    EVENTS_MISSED: "Later events of that account are read as before.",
    WEBHOOK_FAILING: "The endpoint is disabled at that moment all the same, if it still fails.",
    CLOCK: "If a process finds that machine's clock wrong again, the task opens again.",
}


async def list_tasks(settings: Settings, *, owner: str | None, overdue: bool, as_json: bool) -> int:
    """Print the open tasks, most urgent first."""
    async with assembled(settings) as assembly:
        now = assembly.clock.now()
        found = await open_tasks(
            assembly.operations,
            assembly.file_lines,
            owner=owner,
            due_before=now if overdue else None,
        )
        refused = await assembly.operators.refusals()
    if as_json:
        for one in found:
            print(json.dumps(_as_object(one, now)))
        return 0
    screen = Screen()
    if not found:
        screen.print("No tasks.")
    for one in found:
        task = one.task
        late = "overdue since" if task.due_at < now else "due"
        style = "bold yellow" if task.due_at < now else "bold"
        due = f"{late} {task.due_at:%Y-%m-%d %H:%M} UTC"
        about = f"  {task.task_id}"
        if task.payment_id is not None:
            about = f"  {task.payment_id}"
        if task.amount is not None:
            about += f"  {task.amount} to {task.creditor_account}"
        screen.print(Text.assemble((f"{task.owner}, {due}", style), about), soft_wrap=True)
        screen.print(Text(f"  {plain(task.question)}"))
        if task.signed_by:
            names = ", ".join(task.signed_by)
            text = f"  signed not-executed: {names}; another operator has to sign too"
            screen.print(Text(text, style="bold"))
        for remedy in one.remedies:
            # Not wrapped, so that it can be copied.
            screen.print(Text(f"  {command(remedy)}", style="cyan"), soft_wrap=True)
    for refusal in refused:
        screen.print(Text(f"signature refused: {refused_text(refusal)}", style="yellow"))
    return 0


async def dismiss_task(settings: Settings, task_id: str, *, by: str, why: str) -> int:
    """Close a task that is about no payment. Returns the exit code: 1 if no such task is open."""

    async def dismiss() -> int:
        async with assembled(settings) as assembly:
            operations = assembly.operations
            kind = await operations.dismiss(task_id, signer=signer(settings, by), why=why)
            if kind is None:
                say_refused(
                    f"no task {task_id} about unmatched deliveries, missed events or a clock is "
                    "open; `finality tasks` shows the open tasks, and the commands that answer each"
                )
                return NOT_AS_WISHED
        Screen().print(f"{task_id} is closed. {_AFTERWARDS[kind]}")
        return AS_WISHED

    return await or_refused(dismiss())


def command(remedy: Remedy) -> str:
    """The command of a remedy; the person fills in the capitals."""
    payment_id = remedy.payment_id or "PAYMENT"
    match remedy.kind:
        case RemedyKind.LOOK:
            return f"finality show {payment_id}"
        case RemedyKind.LOOK_AT_CONSENT:
            return f"finality consent show {payment_id}"
        case RemedyKind.EXAMINE:
            return "finality doctor"
        case RemedyKind.RETRY_LOGINS:
            return "finality doctor --retry-logins"
        case RemedyKind.CANCEL:
            return f"finality cancel {payment_id} --why TEXT"
        case RemedyKind.EXECUTED:
            # Without the partner's id the payment could not be read again, and would end
            # unconfirmed.
            reference = typed_option("--reference", remedy.reference or "ID")
            return f"finality resolve {payment_id} executed --by NAME --why TEXT {reference}"
        case RemedyKind.NOT_EXECUTED:
            return (
                f"finality resolve {payment_id} not-executed --by NAME --why TEXT --evidence FILE"
            )
        case RemedyKind.DISMISS:
            return f"finality tasks --dismiss {remedy.task_id} --by NAME --why TEXT"


def _as_object(found: OpenTask, now: datetime) -> dict[str, object]:
    task = found.task
    return {
        "task_id": task.task_id,
        "payment_id": task.payment_id,
        "tenant": task.tenant,
        "key": task.key,
        **place_object(found.place),
        "amount_minor": task.amount.minor if task.amount else None,
        "currency": task.amount.currency if task.amount else None,
        "creditor_account": task.creditor_account,
        "unmatched": task.unmatched._asdict() if task.unmatched else None,
        "kind": task.kind,
        "question": task.question,
        "not_executed_signed_by": list(task.signed_by),
        "owner": task.owner,
        "opened_at": task.opened_at.isoformat(),
        "due_at": task.due_at.isoformat(),
        "is_overdue": task.due_at < now,
        "next_commands": [command(remedy) for remedy in found.remedies],
    }
