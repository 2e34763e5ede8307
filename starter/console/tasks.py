"""The questions to people, and the forms by which operators answer them.

A decision is signed by the operator's key and recorded by the code behind `finality resolve`, so
two signatures are by two people whichever doors they came by.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from domain.clock import ClocksApart
from domain.consents.instructions import KIND as CONSENT
from domain.lifecycle.command import CommandKind
from domain.lifecycle.statement import StatementKind
from domain.payments.display import Display
from domain.payments.payment import Payment, UnknownPayment
from domain.payments.view import KIND as PAYMENT
from starter.asking import OUTCOMES, CommandReceipt, InvalidCommand
from starter.console.desk import Desk, Visit
from starter.console.overview import tone
from starter.console.payments import PATH as PAYMENTS
from starter.console.signing_in import unlocked_for
from starter.remedies import open_tasks, remedies
from starter.signing import KeyUnusable
from store.commands import CannotResolve, CommandReused, MoreKnown
from store.operators import NotSigned
from store.tasks import Task
from store.timeline import Entry, EntryKind

PATH: Final = "/tasks"
ONE: Final = "/tasks/one"
#: Its body may be as long as evidence.
DECISION: Final = "/tasks/decision"
_CANCEL: Final = "/tasks/cancel"
_DISMISSAL: Final = "/tasks/dismissal"
_SHOWN: Final = 200
#: What people decide by; the page of the payment shows the rest.
_TOLD: Final = (EntryKind.ATTEMPT, EntryKind.REPORT, EntryKind.CHECK, EntryKind.DECISION)
_LAST_SHOWN: Final = 6
_LEFT_TO_RELAY: Final = " Temporal does not answer. It is carried out once Temporal is back."
_KINDS: Final = {
    CommandKind.EXECUTED: StatementKind.EXECUTED,
    CommandKind.NOT_EXECUTED: StatementKind.NOT_EXECUTED,
    CommandKind.ABANDON: StatementKind.ABANDON,
}
_REFUSALS: Final = (
    CannotResolve, ClocksApart, CommandReused, InvalidCommand, KeyUnusable, NotSigned,
    UnknownPayment,
)  # fmt: skip


def tasks(desk: Desk) -> list[Route]:
    """The routes of tasks."""
    parts = desk.parts

    async def listed(visit: Visit) -> Response:
        is_overdue = visit.request.query_params.get("due") == "overdue"
        found = await open_tasks(
            parts.operations,
            parts.file_lines,
            due_before=visit.now if is_overdue else None,
            limit=_SHOWN + 1,
        )
        return visit.page(
            "tasks.html",
            at=PATH,
            title="Tasks",
            tasks=found[:_SHOWN],
            shown=_SHOWN,
            is_cut=len(found) > _SHOWN,
            is_overdue=is_overdue,
        )

    async def one(visit: Visit) -> Response:
        return await _page(visit, visit.request.query_params.get("id", ""))

    async def decide(visit: Visit) -> Response:
        return await _or_refused(visit, _decide)

    async def cancel(visit: Visit) -> Response:
        return await _or_refused(visit, _cancel)

    async def dismiss(visit: Visit) -> Response:
        return await _or_refused(visit, _dismiss)

    return [
        Route(PATH, desk.behind_sign_in(listed)),
        Route(ONE, desk.behind_sign_in(one)),
        Route(DECISION, desk.behind_sign_in(decide), methods=["POST"]),
        Route(_CANCEL, desk.behind_sign_in(cancel), methods=["POST"]),
        Route(_DISMISSAL, desk.behind_sign_in(dismiss), methods=["POST"]),
    ]


async def _or_refused(visit: Visit, act: Callable[[Visit], Awaitable[Response]]) -> Response:
    """Do it, or show the task again with the reason why it was refused."""
    try:
        return await act(visit)
    except _REFUSALS as refused:
        return await _page(visit, visit.form.text("task"), status=422, error=f"{refused}.")


async def _page(visit: Visit, task_id: str, *, status: int = 200, error: str = "") -> Response:
    operations = visit.desk.parts.operations
    task, about = await _task_of(visit, task_id)
    if task is None and error:
        raise HTTPException(status, error)
    if task is None:
        raise HTTPException(404, "There is no such open task. Somebody may have answered it.")
    offered = await operations.offers_not_executed()
    found = remedies(task, not_executed_is_offered=offered)
    return visit.page(
        "task.html",
        at=PATH,
        title="Task",
        status=status,
        error=error,
        task=task,
        facts=await _facts_of(visit, task),
        kinds={remedy.kind.value for remedy in found},
        reference=next((one.reference for one in found if one.reference), ""),
        is_of_consent=task.resource_kind == CONSENT,
        about=about,
        # A form that is sent twice repeats one command, and does not make another.
        command_id=visit.form.text("command_id") or f"console-{secrets.token_hex(6)}",
        typed=visit.form,
    )


async def _task_of(visit: Visit, task_id: str) -> tuple[Task | None, str]:
    """An open task, and the digest of what is known of its payment; empty if it names none.

    The digest is read first. So a decision is never about more than its page shows; if it is about
    less, it is refused.
    """
    parts = visit.desk.parts
    task = await parts.operations.task(task_id, tenant=None)
    if task is None or task.payment_id is None:
        return task, ""
    _, about = await parts.operators.about(task.payment_id)
    return await parts.operations.task(task_id, tenant=None), about


@dataclass(frozen=True)
class _Facts:
    """What a task page shows of its payment."""

    payment: Payment
    display: Display
    tone: str
    last: Sequence[Entry]
    """What happened last, the oldest of it first."""


async def _facts_of(visit: Visit, task: Task) -> _Facts | None:
    """What is known of the payment of a task; None if the task is about none."""
    if task.payment_id is None or task.resource_kind != PAYMENT:
        return None
    found = await visit.desk.parts.dossiers.of(task.payment_id)
    payment = found.record.payment
    told = [entry for entry in found.timeline if entry.kind in _TOLD]
    colour = tone(payment.state, payment.certainty)
    return _Facts(payment, found.display, colour, told[-_LAST_SHOWN:])


async def _decide(visit: Visit) -> Response:
    operations, form = visit.desk.parts.operations, visit.form
    decision = _decision(form.text("decision"))
    payment_id, why = form.text("payment_id"), form.text("why")
    reference, evidence = form.text("reference") or None, form.file("evidence")
    if not payment_id:
        raise InvalidCommand("payment: is missing; give the id of the payment")
    _require_fitting(decision, reference, evidence)
    about = form.text("about") or None
    if about is None:
        task = await operations.task(form.text("task"), tenant=None)
        if task is None or task.payment_id is not None:
            raise InvalidCommand("about: is missing; load the page again, and then decide")
    key = await unlocked_for(visit, _KINDS[decision], payment_id)
    try:
        receipt = await operations.resolve(
            decision,
            payment_id,
            form.text("command_id"),
            signer=key,
            why=why,
            reference=reference,
            evidence=evidence,
            about=about,
        )
    except MoreKnown:
        raise CannotResolve(
            "more is known about the payment since you opened the page. Nothing was done; look at "
            "what this page shows now, and then decide"
        ) from None
    return _done(visit, receipt)


async def _cancel(visit: Visit) -> Response:
    form = visit.form
    receipt = await visit.desk.parts.orchestrator.cancel(
        form.text("payment_id"),
        form.text("command_id"),
        tenant=None,
        by=f"console/{visit.session.operator}",
        why=form.text("why"),
    )
    return _done(visit, receipt)


async def _dismiss(visit: Visit) -> Response:
    task_id = visit.form.text("task")
    key = await unlocked_for(visit, StatementKind.DISMISS, task_id)
    kind = await visit.desk.parts.operations.dismiss(
        task_id, signer=key, why=visit.form.text("why")
    )
    if kind is None:
        raise InvalidCommand("task: no such task is open that can be closed without an answer")
    return visit.done(f"Task {task_id} is closed.", PATH)


def _decision(text: str) -> CommandKind:
    for kind in _KINDS:
        if text == kind.value:
            return kind
    raise InvalidCommand("decision: is missing; choose what you found")


def _require_fitting(decision: CommandKind, reference: str | None, evidence: bytes) -> None:
    """Refuse fields of another decision. To ignore them could lose what the person intended.

    Raises:
        InvalidCommand: a field does not belong to the decision.
    """
    if reference is not None and decision is not CommandKind.EXECUTED:
        raise InvalidCommand("reference: goes only with `executed`; leave it empty")
    if evidence and decision is not CommandKind.NOT_EXECUTED:
        raise InvalidCommand("evidence: goes only with `not executed`; leave it out")


def _done(visit: Visit, receipt: CommandReceipt) -> Response:
    """Say what became of a command, on the page of the payment that it is about."""
    command = receipt.command
    text = f"{command.kind.value.replace('_', ' ')} {command.command_id}"
    later = "" if receipt.is_notified else _LEFT_TO_RELAY
    to = f"{PAYMENTS}/{command.payment_id}" if receipt.view.kind == PAYMENT else PATH
    return visit.done(f"{text}: {OUTCOMES[command.outcome]}.{later}".capitalize(), to)
