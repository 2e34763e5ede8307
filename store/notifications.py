"""What was recorded for payments whose runs were not told of it: commands, lifted halts, steps due.

A run that waits for days looks only when it is told, and whoever recorded may have died before.
Every list is asked of the database by an indexed moment, a page at a time, so its cost grows with
what is due and not with what waits.
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
from store.tables import CommandRow, HaltRow, PaymentRow

#: (tenant, payment id), as runs are found by.
Refs = list[tuple[str, str]]
#: Payments of a lifted halt that are marked in one transaction, which locks them meanwhile.
_MARKED_AT_ONCE: Final = 1000


class Notifications:
    """Upkeep's lists of what to tell. Telling twice is harmless."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def commands(self, *, asked_through: datetime, limit: int) -> Refs:
        """Payments, at their end too, with a command not told of; the longest ago first."""
        rows = (
            select(PaymentRow.tenant, PaymentRow.payment_id)
            .where(PaymentRow.payment_id == CommandRow.payment_id)
            .where(col(CommandRow.notified_at).is_(None), CommandRow.asked_at <= asked_through)
            .order_by(col(CommandRow.asked_at))
            .limit(limit)
        )
        return _refs(await self._database.read(lambda session: session.exec(rows).all()))

    async def notified(
        self, payment_ids: Collection[str], *, asked_through: datetime, now: datetime
    ) -> None:
        """Note that the runs of these payments were told of commands asked until then."""
        rows = (
            select(CommandRow)
            .where(col(CommandRow.payment_id).in_(payment_ids))
            .where(col(CommandRow.notified_at).is_(None), CommandRow.asked_at <= asked_through)
        )

        def transaction(session: Session) -> None:
            for found in session.exec(rows):
                found.notified_at = now
                session.add(found)

        await self._database.write(transaction)

    async def overdue(self, now: datetime, *, limit: int) -> Refs:
        """Payments whose runs are to be told that they are late with a step; the latest first.

        Their runs may be dead, or not know that it is due: a process that was taken for dead
        recorded what makes it so. Each stays in this list until it is folded again.
        """
        rows = (
            select(PaymentRow.tenant, PaymentRow.payment_id)
            .where(col(PaymentRow.notify_at) <= now)
            .order_by(col(PaymentRow.notify_at), PaymentRow.payment_id)
            .limit(limit)
        )
        return _refs(await self._database.read(lambda session: session.exec(rows).all()))

    async def lifted(self) -> list[int]:
        """Numbers of halts that were lifted, and what they held back was not told."""
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
        """Have upkeep tell what a halt kept unsent, now that it is lifted; a page at a time.

        Args:
            after: what the page before returned; None for the first.

        Returns:
            Where the next page begins, or None once all are marked, and the halt with them.
        """
        by = (col(PaymentRow.created_at), col(PaymentRow.payment_id))
        place = tuple_(*by)

        def transaction(session: Session) -> tuple[datetime, str] | None:
            halt = session.get_one(HaltRow, number)
            rows = select(*by).where(*held_back(halt)).order_by(*by).limit(_MARKED_AT_ONCE)
            if after is not None:
                rows = rows.where(place > tuple_(*after, types=[Moment(), String()]))
            page = session.exec(rows).all()
            ids = [payment_id for _, payment_id in page]
            session.exec(
                update(PaymentRow).where(col(PaymentRow.payment_id).in_(ids)).values(notify_at=now)
            )
            if len(page) == _MARKED_AT_ONCE:
                return page[-1][0], page[-1][1]
            halt.notified_at = now
            session.add(halt)
            return None

        return await self._database.write(transaction)


def _refs(found: Iterable[tuple[str, str]]) -> Refs:
    """Each once: a payment may have several commands."""
    return list(dict.fromkeys((tenant, payment_id) for tenant, payment_id in found))
