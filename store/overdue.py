"""Questions to people that nobody answered in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from store.database import Database
from store.tables import TaskRow


@dataclass(frozen=True)
class OverdueTask:
    """One open question past its due date."""

    task_id: str
    payment_id: str
    kind: str
    owner: str
    due_at: datetime


class Overdue:
    """Reads only; a task is closed by what answers it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tasks(self, now: datetime, *, limit: int) -> list[OverdueTask]:
        """The oldest first."""
        rows = (
            select(TaskRow)
            .where(col(TaskRow.closed_at).is_(None), TaskRow.due_at < now)
            .order_by(col(TaskRow.due_at), TaskRow.task_id)
            .limit(limit)
        )
        return [
            OverdueTask(row.task_id, row.payment_id, row.kind, row.owner, row.due_at)
            for row in await self._database.read(lambda session: session.exec(rows).all())
        ]
