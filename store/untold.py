"""What was recorded for payments whose runs were not told of it: commands, lifted halts, steps due.

A run that waits for days looks only when it is told, and whoever recorded may have died before.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, or_, select

from store.database import Database
from store.halts import held_back
from store.tables import CommandRow, HaltRow, PaymentRow

#: How late a step is when its run is told of it, and how long it is told at each of these ages: a
#: few rounds of upkeep. After an hour people are asked besides.
_AGES: Final = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
_NAMED_FOR: Final = timedelta(minutes=1)


class Untold:
    """The relay's list of what to tell. Telling twice is harmless."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def commands(self, *, asked_through: datetime, limit: int) -> list[tuple[str, str]]:
        """(tenant, payment id) of payments, at their end too, with a command not told of."""
        rows = (
            select(PaymentRow.tenant, PaymentRow.payment_id)
            .where(PaymentRow.payment_id == CommandRow.payment_id)
            .where(col(CommandRow.told_at).is_(None), CommandRow.asked_at <= asked_through)
            .distinct()
            .order_by(PaymentRow.payment_id)
            .limit(limit)
        )
        found = await self._database.read(lambda session: session.exec(rows).all())
        return [(tenant, payment_id) for tenant, payment_id in found]

    async def told(
        self, payment_ids: Collection[str], *, asked_through: datetime, now: datetime
    ) -> None:
        """Note that the runs of these payments were told of commands asked until then."""
        rows = (
            select(CommandRow)
            .where(col(CommandRow.payment_id).in_(payment_ids))
            .where(col(CommandRow.told_at).is_(None), CommandRow.asked_at <= asked_through)
        )

        def transaction(session: Session) -> None:
            for found in session.exec(rows):
                found.told_at = now
                session.add(found)

        await self._database.write(transaction)

    async def overdue(self, now: datetime, *, after: str, limit: int) -> list[tuple[str, str]]:
        """(tenant, payment id) of payments that are late with a step, by id after `after`.

        Their runs may not know that it is due: who recorded what makes it so was taken for dead,
        and was not. Each is named for a minute at some ages only, or a worker that has much to do
        would be told of it without end.
        """

        def query(session: Session) -> list[tuple[str, str]]:
            owed_at = col(PaymentRow.owed_at)
            rows = (
                select(PaymentRow.tenant, PaymentRow.payment_id)
                .where(or_(*(owed_at.between(now - age - _NAMED_FOR, now - age) for age in _AGES)))
                .where(PaymentRow.payment_id > after)
                .order_by(PaymentRow.payment_id)
                .limit(limit)
            )
            return [(tenant, payment_id) for tenant, payment_id in session.exec(rows)]

        return await self._database.read(query)

    async def lifted(self) -> list[int]:
        """Numbers of halts that were lifted, and what they held back was not told."""
        rows = (
            select(HaltRow.number)
            .where(col(HaltRow.lifted_at).is_not(None), col(HaltRow.told_at).is_(None))
            .order_by(col(HaltRow.number))
        )
        found = await self._database.read(lambda session: session.exec(rows).all())
        return [number for number in found if number is not None]

    async def held_back(self, number: int, *, after: str, limit: int) -> list[tuple[str, str]]:
        """(tenant, payment id) of open payments that the halt kept unsent, by id after `after`."""

        def query(session: Session) -> list[tuple[str, str]]:
            halt = session.get_one(HaltRow, number)
            rows = (
                select(PaymentRow.tenant, PaymentRow.payment_id)
                .where(*held_back(halt), PaymentRow.payment_id > after)
                .order_by(PaymentRow.payment_id)
                .limit(limit)
            )
            return [(tenant, payment_id) for tenant, payment_id in session.exec(rows)]

        return await self._database.read(query)

    async def lift_told(self, number: int, now: datetime) -> None:
        """Note that everything this halt had held back was told."""

        def transaction(session: Session) -> None:
            halt = session.get_one(HaltRow, number)
            halt.told_at = now
            session.add(halt)

        await self._database.write(transaction)
