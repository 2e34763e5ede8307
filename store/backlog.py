"""What is open now, as counts: lifecycles by partner and state, and the tasks of people."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col

from store.database import Database
from store.tables.lifecycles import LifecycleRow
from store.tables.people import TaskRow


class Open(NamedTuple):
    """The open resources of one kind and partner that are in the same state."""

    kind: str
    partner: str
    state: str
    certainty: str
    number: int
    oldest_at: datetime
    """When the oldest of them was recorded."""


class OpenTasks(NamedTuple):
    """The number of open tasks, and of those the overdue ones."""

    number: int
    overdue: int


class Backlog:
    """Counts what is not over."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lifecycles(self) -> list[Open]:
        """Everything that is not over, in groups, the group with the oldest resource first."""
        names: tuple[Any, ...] = (
            LifecycleRow.kind,
            LifecycleRow.partner,
            LifecycleRow.state,
            LifecycleRow.certainty,
        )
        oldest = func.min(LifecycleRow.created_at)
        rows = (
            select_columns(*names, func.count(), oldest)
            .where(col(LifecycleRow.is_over).is_(False))
            .group_by(*names)
            .order_by(oldest, *names)
        )

        def query(session: Session) -> list[Open]:
            return [Open._make(row) for row in session.connection().execute(rows)]

        return await self._database.read(query)

    async def tasks(self, now: datetime) -> OpenTasks:
        """The open tasks."""
        is_overdue = col(TaskRow.due_at) < now
        rows = select_columns(func.count(), func.count().filter(is_overdue)).where(
            col(TaskRow.closed_at).is_(None)
        )

        def query(session: Session) -> OpenTasks:
            return OpenTasks._make(session.connection().execute(rows).one())

        return await self._database.read(query)
