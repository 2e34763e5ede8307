"""Tasks: questions to people, with owner and due date.

A fold closes a payment's task once its question is no longer asked. Only a task that is about no
payment can be dismissed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple

from sqlmodel import Session, col, select

from domain.lifecycle.statement import Signed, StatementKind
from domain.money import Money
from store.database import Database
from store.feeds import EVENTS_MISSED
from store.operators import NotSigned, verified
from store.signatures import signatures
from store.tables.lifecycles import LifecycleRow
from store.tables.payments import PaymentRow
from store.tables.people import TaskRow
from store.unmatched import UNMATCHED, Reference
from store.webhooks.failing import WEBHOOK_FAILING
from store.wrong_clocks import CLOCK

#: Kinds of tasks that are about no payment. A person may close them, since no fold does.
_DISMISSIBLE: Final = (UNMATCHED, CLOCK, EVENTS_MISSED, WEBHOOK_FAILING)

#: Open tasks, each with what it is about.
_OPEN: Final = (
    select(TaskRow, LifecycleRow, PaymentRow)
    .outerjoin(LifecycleRow, col(LifecycleRow.resource_id) == col(TaskRow.resource_id))
    .outerjoin(PaymentRow, col(PaymentRow.payment_id) == col(TaskRow.resource_id))
    .where(col(TaskRow.closed_at).is_(None))
)


@dataclass(frozen=True)
class Task:
    """An open question about a payment, unmatched deliveries, missed events or a wrong clock."""

    task_id: str
    payment_id: str | None
    """The id of the payment, or of another resource that the task is about."""
    tenant: str | None
    key: str | None
    """The payment's key."""
    kind: str
    question: str
    owner: str
    due_at: datetime
    opened_at: datetime
    amount: Money | None = None
    creditor_account: str | None = None
    """Masked."""
    unmatched: Reference | None = None
    """The reference that the deliveries name, if the task is about unmatched deliveries."""
    resource_kind: str | None = None
    """`payment`, or what else the task is about."""
    signed_by: tuple[str, ...] = ()
    """Operators who have signed that it was not executed, while another signature is missing."""


class Overdue(NamedTuple):
    """What the log says of an overdue task."""

    task_id: str
    kind: str
    payment_id: str | None
    partner_reference: str | None
    owner: str
    due_at: datetime


class Tasks:
    """Lists tasks, and dismisses those that are about no payment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(
        self,
        *,
        owner: str | None = None,
        due_before: datetime | None = None,
        tenant: str | None = None,
        resource_id: str | None = None,
        limit: int,
    ) -> list[Task]:
        """Open tasks, the most urgent first.

        Args:
            owner: only tasks of this owner; None: of all.
            resource_id: only tasks about this payment or other resource; None: all.
            tenant: only tasks about payments of this tenant; None: all.
            due_before: only tasks due before this moment; None: all.
            limit: how many at most.
        """
        rows = _OPEN.order_by(col(TaskRow.due_at), TaskRow.task_id).limit(limit)
        if owner is not None:
            rows = rows.where(TaskRow.owner == owner)
        if due_before is not None:
            rows = rows.where(TaskRow.due_at < due_before)
        if tenant is not None:
            rows = rows.where(LifecycleRow.tenant == tenant)
        if resource_id is not None:
            rows = rows.where(TaskRow.resource_id == resource_id)

        def query(session: Session) -> list[Task]:
            return [_task(session, *found) for found in session.exec(rows)]

        return await self._database.read(query)

    async def one(self, task_id: str, *, tenant: str | None) -> Task | None:
        """The open task; None if there is no such task.

        Args:
            tenant: only if it is about something of this tenant's; None: whatever it is about.
        """
        rows = _OPEN.where(TaskRow.task_id == task_id)
        if tenant is not None:
            rows = rows.where(LifecycleRow.tenant == tenant)

        def query(session: Session) -> Task | None:
            found = session.exec(rows).first()
            return _task(session, *found) if found is not None else None

        return await self._database.read(query)

    async def overdue(self, now: datetime, *, limit: int) -> Sequence[Overdue]:
        """Overdue tasks, the longest overdue first."""
        columns = TaskRow.task_id, TaskRow.kind, TaskRow.resource_id, TaskRow.partner_reference
        rows = (
            select(*columns, TaskRow.owner, TaskRow.due_at)  # type: ignore[call-overload]
            .where(col(TaskRow.closed_at).is_(None), TaskRow.due_at < now)
            .order_by(col(TaskRow.due_at), TaskRow.task_id)
            .limit(limit)
        )
        found = await self._database.read(lambda session: session.exec(rows).all())
        return [Overdue(*row) for row in found]

    async def dismiss(self, task_id: str, *, signed: Signed, now: datetime) -> str | None:
        """Close a task that is about no payment. Returns its kind; None if no such task is open.

        Nothing is lost: if a payment takes the reference of dismissed deliveries later, it gets
        them, and a clock that is still wrong opens its task again.

        Raises:
            NotSigned: no operator signed that this task is dismissed.
        """
        said = signed.statement

        def transaction(session: Session) -> str | None:
            if (said.kind, said.subject) != (StatementKind.DISMISS, task_id):
                raise NotSigned(f"{said.by!r} signed something else than this task; sign again")
            operator = verified(session, signed, now)
            row = session.get(TaskRow, task_id, with_for_update=True)
            if row is None or row.closed_at is not None or row.kind not in _DISMISSIBLE:
                return None
            row.closed_at, row.closed_by, row.closed_why = now, operator.name, said.why
            session.add(row)
            return row.kind

        return await self._database.write(transaction)


def _task(
    session: Session, row: TaskRow, resource: LifecycleRow | None, payment: PaymentRow | None
) -> Task:
    task = Task(
        task_id=row.task_id,
        payment_id=row.resource_id,
        tenant=resource.tenant if resource else None,
        key=resource.key if resource else None,
        kind=row.kind,
        question=row.question,
        owner=row.owner,
        due_at=row.due_at,
        opened_at=row.opened_at,
        unmatched=_unmatched(row),
        resource_kind=resource.kind if resource else None,
    )
    if resource is None or payment is None:
        return task
    return replace(
        task,
        amount=Money(minor=payment.amount_minor, currency=payment.currency),
        creditor_account=payment.creditor_masked,
        signed_by=tuple(sorted({one.by for one, _ in signatures(session, resource)})),
    )


def _unmatched(row: TaskRow) -> Reference | None:
    if row.partner is None or row.partner_account is None or row.partner_reference is None:
        return None
    return Reference(row.partner, row.partner_account, row.partner_reference)
