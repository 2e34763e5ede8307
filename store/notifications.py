"""Payments whose runs must be notified: of commands, lifted halts and overdue steps.

A run that waits for days looks again only when it is notified, and the process that recorded
something may have died before it notified the run. Every list is read by an indexed moment, a page
at a time, so its cost grows with the payments that are due and not with those that wait. Listing
the open runs in Temporal was refused, because that cost grows with all of them
(docs/decisions/0023).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import String, tuple_
from sqlmodel import Session, col, select, update

from store.columns import Moment
from store.database import Database
from store.halts import held_back
from store.tables.lifecycles import CommandRow, LifecycleRow
from store.tables.people import HaltRow

#: (tenant, payment id), from which a run's workflow id is made.
Refs = list[tuple[str, str]]
#: Payments of a lifted halt that one transaction marks, and locks meanwhile.
_MARKED_AT_ONCE: Final = 1000


class Notifications:
    """Upkeep's lists of runs to notify. Notifying a run twice is harmless."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def commands(self, *, asked_through: datetime, limit: int) -> Refs:
        """Payments with a command that their run was not notified of, the oldest command first.

        Ended payments are included.
        """
        rows = (
            select(LifecycleRow.tenant, LifecycleRow.resource_id)
            .where(LifecycleRow.resource_id == CommandRow.resource_id)
            .where(col(CommandRow.notified_at).is_(None), CommandRow.asked_at <= asked_through)
            .order_by(col(CommandRow.asked_at))
            .limit(limit)
        )
        return _refs(await self._database.read(lambda session: session.exec(rows).all()))

    async def notified(
        self, payment_ids: Collection[str], *, asked_through: datetime, now: datetime
    ) -> None:
        """Note that the runs of these payments were notified of commands up to that moment."""
        rows = (
            select(CommandRow)
            .where(col(CommandRow.resource_id).in_(payment_ids))
            .where(col(CommandRow.notified_at).is_(None), CommandRow.asked_at <= asked_through)
        )

        def transaction(session: Session) -> None:
            for found in session.exec(rows):
                found.notified_at = now
                session.add(found)

        await self._database.write(transaction)

    async def overdue(self, now: datetime, *, limit: int) -> Refs:
        """Payments whose runs must be notified of an overdue step, the longest due first.

        Such a run may be dead. Or it does not know that the step is due, because a process that
        was given up recorded the change. A payment stays in this list until it is folded again, or
        put off because it cannot be opened.
        """
        rows = (
            select(LifecycleRow.tenant, LifecycleRow.resource_id)
            .where(col(LifecycleRow.notify_at) <= now)
            .order_by(col(LifecycleRow.notify_at), LifecycleRow.resource_id)
            .limit(limit)
        )
        return _refs(await self._database.read(lambda session: session.exec(rows).all()))

    async def lifted(self) -> list[int]:
        """Numbers of lifted halts whose payments were not all marked to be notified yet."""
        rows = (
            select(HaltRow.number)
            .where(col(HaltRow.lifted_at).is_not(None), col(HaltRow.notified_at).is_(None))
            .order_by(col(HaltRow.number))
        )
        found = await self._database.read(lambda session: session.exec(rows).all())
        return [number for number in found if number is not None]

    async def notify_held_back(
        self, number: int, now: datetime, after: tuple[datetime, str] | None
    ) -> tuple[datetime, str] | None:
        """Mark the payments that a lifted halt kept unsent, so that upkeep notifies their runs.

        Args:
            after: what the previous page returned; None for the first page.

        Returns:
            Where the next page begins; None once all payments and the halt itself are marked.
        """
        by = (col(LifecycleRow.created_at), col(LifecycleRow.resource_id))
        place = tuple_(*by)

        def transaction(session: Session) -> tuple[datetime, str] | None:
            halt = session.get_one(HaltRow, number)
            rows = select(*by).where(*held_back(halt)).order_by(*by).limit(_MARKED_AT_ONCE)
            if after is not None:
                rows = rows.where(place > tuple_(*after, types=[Moment(), String()]))
            page = session.exec(rows).all()
            ids = [payment_id for _, payment_id in page]
            session.exec(
                update(LifecycleRow)
                .where(col(LifecycleRow.resource_id).in_(ids))
                .values(notify_at=now)
            )
            if len(page) == _MARKED_AT_ONCE:
                return page[-1][0], page[-1][1]
            halt.notified_at = now
            session.add(halt)
            return None

        return await self._database.write(transaction)


def _refs(found: Iterable[tuple[str, str]]) -> Refs:
    """Each payment once: it may have several commands."""
    return list(dict.fromkeys((tenant, payment_id) for tenant, payment_id in found))
