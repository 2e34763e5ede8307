"""Tasks: open questions to people, with owner and due date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from domain.money import Money
from store.database import Database
from store.signatures import signatures
from store.tables import CommandRow, PaymentRow, SignatureRow, TaskRow


@dataclass(frozen=True)
class Task:
    """One open question about a payment."""

    task_id: str
    payment_id: str
    kind: str
    question: str
    owner: str
    due_at: datetime
    opened_at: datetime
    amount: Money
    creditor_account: str
    """Masked."""
    signed_by: tuple[str, ...] = ()
    """Who found that it was not executed, where another signature is missing."""


class Tasks:
    """Reads only; a task is closed by what answers it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(
        self, *, owner: str | None = None, due_before: datetime | None = None, limit: int
    ) -> list[Task]:
        """What waits for an answer, the most urgent first.

        Args:
            owner: only questions to this one.
            due_before: only those that were to be answered before; None: all.
            limit: how many at most.
        """
        rows = (
            select(TaskRow, PaymentRow)
            .where(PaymentRow.payment_id == TaskRow.payment_id)
            .where(col(TaskRow.closed_at).is_(None))
            .order_by(col(TaskRow.due_at), TaskRow.task_id)
            .limit(limit)
        )
        if owner is not None:
            rows = rows.where(TaskRow.owner == owner)
        if due_before is not None:
            rows = rows.where(TaskRow.due_at < due_before)

        def query(session: Session) -> list[Task]:
            return [
                _task(row, payment, signatures(session, payment))
                for row, payment in session.exec(rows)
            ]

        return await self._database.read(query)

    async def overdue(self, now: datetime, *, limit: int) -> Sequence[TaskRow]:
        """What was to be answered before now, the longest ago first; the bare rows."""
        rows = (
            select(TaskRow)
            .where(col(TaskRow.closed_at).is_(None), TaskRow.due_at < now)
            .order_by(col(TaskRow.due_at), TaskRow.task_id)
            .limit(limit)
        )
        return await self._database.read(lambda session: session.exec(rows).all())


def _task(
    row: TaskRow, payment: PaymentRow, signed: Sequence[tuple[CommandRow, SignatureRow]]
) -> Task:
    return Task(
        task_id=row.task_id,
        payment_id=row.payment_id,
        kind=row.kind,
        question=row.question,
        owner=row.owner,
        due_at=row.due_at,
        opened_at=row.opened_at,
        amount=Money(minor=payment.amount_minor, currency=payment.currency),
        creditor_account=payment.creditor_masked,
        signed_by=tuple(sorted({one.by for one, _ in signed})),
    )
