"""`finality tasks`: the open questions to people, and the next commands for each."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from rich.text import Text

from assembly import assembled
from domain.lifecycle.resource import FREEZING
from domain.plain_text import plain
from settings import Settings
from store.file_lines import Place
from store.tasks import Task
from store.unmatched import UNMATCHED
from store.unopened import SEALED
from store.wrong_clocks import CLOCK
from terminal.commanding import AS_WISHED, NOT_AS_WISHED, or_refused, say_refused, signer
from terminal.operator import refused_text
from terminal.screen import Screen
from terminal.table import place_object
from terminal.typed import typed_option

#: What follows after a task is dismissed, by its kind.
_AFTERWARDS: Final = {
    UNMATCHED: "No further task opens about these deliveries.",
    CLOCK: "If a process finds that machine's clock wrong again, the task opens again.",
}
#: Kinds of task that an operator's decision (`finality resolve`) answers.
_IN_QUESTION: Final = {"parked", "in_doubt", *(kind.value for kind in FREEZING)}


async def list_tasks(settings: Settings, *, owner: str | None, overdue: bool, as_json: bool) -> int:
    """Print the open tasks, most urgent first."""
    async with assembled(settings) as assembly:
        operations, now = assembly.operations, assembly.clock.now()
        tasks = await operations.tasks(owner=owner, due_before=now if overdue else None)
        offered = await operations.offers_not_executed()
        refused = await assembly.operators.refusals()
        places = await assembly.file_lines.places(
            [(one.tenant, one.key) for one in tasks if one.tenant and one.key]
        )
    if as_json:
        for task in tasks:
            place = places.get((task.tenant or "", task.key or ""))
            print(json.dumps(_as_object(task, place, now, next_commands(task, offered))))
        return 0
    screen = Screen()
    if not tasks:
        screen.print("No tasks.")
    for task in tasks:
        late = "overdue since" if task.due_at < now else "due"
        style = "bold yellow" if task.due_at < now else "bold"
        due = f"{late} {task.due_at:%Y-%m-%d %H:%M} UTC"
        about = f"  {task.task_id}"
        if task.payment_id is not None:
            about = f"  {task.payment_id}  {task.amount} to {task.creditor_account}"
        screen.print(Text.assemble((f"{task.owner}, {due}", style), about), soft_wrap=True)
        screen.print(Text(f"  {plain(task.question)}"))
        if task.signed_by:
            names = ", ".join(task.signed_by)
            text = f"  signed not-executed: {names}; another operator has to sign too"
            screen.print(Text(text, style="bold"))
        for command in next_commands(task, offered):
            # Not wrapped, so that it can be copied.
            screen.print(Text(f"  {command}", style="cyan"), soft_wrap=True)
    for one in refused:
        screen.print(Text(f"signature refused: {refused_text(one)}", style="yellow"))
    return 0


async def dismiss_task(settings: Settings, task_id: str, *, by: str, why: str) -> int:
    """Close a task that is about no payment. Returns the exit code: 1 if no such task is open."""

    async def dismiss() -> int:
        async with assembled(settings) as assembly:
            operations = assembly.operations
            kind = await operations.dismiss(task_id, signer=signer(settings, by), why=why)
            if kind is None:
                say_refused(
                    f"no task {task_id} about unmatched deliveries or a clock is open; `finality "
                    "tasks` shows the open tasks, and the commands that answer each"
                )
                return NOT_AS_WISHED
        Screen().print(f"{task_id} is closed. {_AFTERWARDS[kind]}")
        return AS_WISHED

    return await or_refused(dismiss())


def next_commands(task: Task, not_executed_is_offered: bool) -> list[str]:
    """The next commands for a task, a look before decisions; the person fills in the capitals."""
    dismiss = f"finality tasks --dismiss {task.task_id} --by NAME --why TEXT"
    if task.kind == CLOCK:
        return ["finality doctor", dismiss]
    if task.unmatched is not None:
        reference = typed_option("--reference", task.unmatched.reference)
        return [f"finality resolve PAYMENT executed --by NAME --why TEXT {reference}", dismiss]
    look = f"finality show {task.payment_id}"
    resolve = f"finality resolve {task.payment_id}"
    if task.kind in _IN_QUESTION:
        # Without the partner's id the payment could not be read again and would end unconfirmed.
        commands = [look, f"{resolve} executed --by NAME --why TEXT --reference ID"]
        if not_executed_is_offered:
            commands.append(f"{resolve} not-executed --by NAME --why TEXT --evidence FILE")
        return commands
    if task.kind == SEALED:
        return [look, "finality doctor"]
    if task.kind == "not_ready":
        return [look, "finality doctor --retry-logins"]
    if task.kind.startswith("silent_"):
        return [look, "finality doctor"]
    return [look, f"finality cancel {task.payment_id} --why TEXT"]


def _as_object(
    task: Task, place: Place | None, now: datetime, commands: list[str]
) -> dict[str, object]:
    return {
        "task_id": task.task_id,
        "payment_id": task.payment_id,
        "tenant": task.tenant,
        "key": task.key,
        **place_object(place),
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
        "next_commands": commands,
    }
