"""Halts: stops of new sends, for everything or for a part."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, or_, select

from store.database import Database
from store.tables import HaltRow, PaymentRow


@dataclass(frozen=True)
class Halt:
    """One stop in force. None stands for every partner, tenant or rail."""

    number: int
    partner: str | None
    tenant: str | None
    rail: str | None
    by: str
    why: str
    halted_at: datetime


class Halts:
    """Read in `begin`: what is halted sends nothing new, and goes on resolving what it sent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def halt(
        self,
        *,
        by: str,
        why: str,
        now: datetime,
        partner: str | None = None,
        tenant: str | None = None,
        rail: str | None = None,
    ) -> int:
        """Stop new sends from now on; the number by which it is lifted."""

        def transaction(session: Session) -> int:
            row = HaltRow(partner=partner, tenant=tenant, rail=rail, by=by, why=why, halted_at=now)
            session.add(row)
            session.flush()
            assert row.number is not None
            return row.number

        return await self._database.write(transaction)

    async def lift(self, number: int, *, by: str, now: datetime) -> bool:
        """Let sends go on; False where no such halt is in force."""

        def transaction(session: Session) -> bool:
            row = session.get(HaltRow, number)
            if row is None or row.lifted_at is not None:
                return False
            row.lifted_at, row.lifted_by = now, by
            session.add(row)
            return True

        return await self._database.write(transaction)

    async def in_force(self) -> list[Halt]:
        """All halts in force, the oldest first."""

        def query(session: Session) -> list[Halt]:
            rows = session.exec(
                select(HaltRow)
                .where(col(HaltRow.lifted_at).is_(None))
                .order_by(col(HaltRow.number))
            )
            return [
                Halt(row.number or 0, row.partner, row.tenant, row.rail, row.by, row.why,
                     row.halted_at)
                for row in rows
            ]  # fmt: skip

        return await self._database.read(query)


def is_halted(session: Session, payment: PaymentRow) -> bool:
    """Whether some halt in force covers this payment."""
    covering = select(HaltRow.number).where(
        col(HaltRow.lifted_at).is_(None),
        or_(col(HaltRow.partner).is_(None), HaltRow.partner == payment.partner),
        or_(col(HaltRow.tenant).is_(None), HaltRow.tenant == payment.tenant),
        or_(col(HaltRow.rail).is_(None), HaltRow.rail == payment.rail),
    )
    return session.exec(covering.limit(1)).first() is not None
