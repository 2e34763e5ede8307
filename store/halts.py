"""Halts: they stop new sends, for everything or for a partner, tenant or rail.

A halted payment sends nothing new. What was sent before is still resolved.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, bindparam, func
from sqlmodel import Session, col, or_, select

from domain.lifecycle.statement import Signed, StatementKind
from domain.payments.states import UNSENT
from store.clocks import no_later
from store.database import Database
from store.locks import hold
from store.operators import UPKEEP, NotSigned, verified
from store.page import plain, plain_rows
from store.tables.lifecycles import LifecycleRow
from store.tables.people import HaltRow

#: `HaltRow.by` of a halt because the database was set back. No operator can have this name.
SET_BACK: Final = UPKEEP
#: Selects such halts. They have no scope. A halt by this name that has one was made by an operator
#: of an earlier release.
FROM_SET_BACK: Final = (
    (col(HaltRow.by) == SET_BACK)
    & col(HaltRow.partner).is_(None)
    & col(HaltRow.tenant).is_(None)
    & col(HaltRow.rail).is_(None)
)
#: The lock between a new halt and transactions that are about to send.
HALTING: Final = "halts"
#: The halts in force that cover one payment.
_COVERING: Final = (
    plain(HaltRow)
    .where(
        col(HaltRow.lifted_at).is_(None),
        *(
            or_(col(column).is_(None), col(column) == bindparam(name))
            for name, column in (
                ("partner", HaltRow.partner),
                ("tenant", HaltRow.tenant),
                ("rail", HaltRow.rail),
            )
        ),
    )
    .order_by(col(HaltRow.number))
)


#: The subject of a signed statement about a new halt, which has no number yet.
HALTS: Final = "halts"


@dataclass(frozen=True)
class Halt:
    """One halt in force. None stands for every partner, tenant or rail."""

    number: int
    partner: str | None
    tenant: str | None
    rail: str | None
    by: str
    why: str
    halted_at: datetime


class NotDoubtedYet(ValueError):
    """The halt may not be lifted yet. Nothing was done."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"halt {number} cannot be lifted yet: the next round of upkeep has to mark everything "
            "that may have been sent. Check that a worker runs, and lift the halt after that round"
        )


class Halts:
    """Creates, lifts and lists halts."""

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
        signed: Signed | None = None,
    ) -> int:
        """Stop new sends from now on. Returns the number by which the halt is lifted.

        Args:
            by, why, now, partner, tenant, rail: who stops what, and why.
            signed: what the operator signed, stored in the same transaction.

        Raises:
            NotSigned: no operator signed exactly this.
        """

        def transaction(session: Session) -> int:
            if signed is not None:
                scope = json.dumps([partner, tenant, rail])
                require_signed_halt(session, signed, StatementKind.HALT, HALTS, scope, now)
            hold(session, HALTING)
            at = no_later(session, now)
            row = HaltRow(partner=partner, tenant=tenant, rail=rail, by=by, why=why, halted_at=at)
            session.add(row)
            session.flush()
            assert row.number is not None
            return row.number

        return await self._database.write(transaction)

    async def lift(
        self, number: int, *, by: str, now: datetime, signed: Signed | None = None
    ) -> bool:
        """Lift the halt. False if no such halt is in force.

        Raises:
            NotSigned: no operator signed that this halt is lifted.
            NotDoubtedYet: the database was set back, and upkeep has not yet counted as sent
                everything that may have been sent.
        """

        def transaction(session: Session) -> bool:
            if signed is not None:
                require_signed_halt(session, signed, StatementKind.LIFT, str(number), "", now)
            row = session.get(HaltRow, number, with_for_update=True)
            if row is None or row.lifted_at is not None:
                return False
            unscoped = (row.partner, row.tenant, row.rail) == (None, None, None)
            if row.by == SET_BACK and unscoped and row.doubted_at is None:
                raise NotDoubtedYet(number)
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
            return [_halt(row) for row in rows]

        return await self._database.read(query)

    async def spelt_otherwise(self, tenant: str) -> str | None:
        """A known tenant whose name differs only in case or blanks; None if this one is known."""

        def query(session: Session) -> str | None:
            exactly = select(LifecycleRow.tenant).where(LifecycleRow.tenant == tenant).limit(1)
            alike = (
                select(LifecycleRow.tenant)
                .where(func.lower(LifecycleRow.tenant) == tenant.strip().lower())
                .limit(1)
            )
            return None if session.exec(exactly).first() else session.exec(alike).first()

        return await self._database.read(query)

    async def covering(self, payment_id: str) -> list[Halt]:
        """Halts in force that cover the payment, the oldest first; empty if there is no payment."""

        def query(session: Session) -> list[Halt]:
            resource = session.get(LifecycleRow, payment_id)
            if resource is None:
                return []
            return [_halt(row) for row in plain_rows(session, _COVERING, _of(resource))]

        return await self._database.read(query)

    async def held_back(self, number: int) -> int:
        """How many unsent payments are in the halt's scope, whether it is in force or lifted."""

        def query(session: Session) -> int:
            halt = session.get_one(HaltRow, number)
            return session.exec(
                select(func.count()).select_from(LifecycleRow).where(*held_back(halt))
            ).one()

        return await self._database.read(query)


def require_signed_halt(
    session: Session,
    signed: Signed,
    kind: StatementKind,
    subject: str,
    content: str,
    now: datetime,
) -> None:
    """Require an operator's signature for exactly this halt.

    Raises:
        NotSigned: it is no operator's signature, or one for something else.
    """
    said = signed.statement
    if (said.kind, said.subject, said.content) != (kind, subject, content):
        raise NotSigned(f"{said.by!r} signed something else than this halt; sign again")
    verified(session, signed, now)


def before_halts(session: Session) -> None:
    """See every halt that exists, and make a new one wait until this transaction ends.

    So once a halt was confirmed to its caller, no transaction that has not seen it can still decide
    to send.
    """
    hold(session, HALTING, shared=True)


def is_halted(session: Session, resource: LifecycleRow) -> bool:
    """Whether any halt in force covers this payment."""
    return bool(plain_rows(session, _COVERING, _of(resource)))


def _of(resource: LifecycleRow) -> dict[str, str]:
    return {"partner": resource.partner, "tenant": resource.tenant, "rail": resource.rail}


def held_back(halt: HaltRow) -> tuple[ColumnElement[bool], ...]:
    """Selects the unsent payments in this halt's scope."""
    parts = (
        (LifecycleRow.partner, halt.partner),
        (LifecycleRow.tenant, halt.tenant),
        (LifecycleRow.rail, halt.rail),
    )
    return (
        col(LifecycleRow.state).in_([state.value for state in UNSENT]),
        *(col(column) == wanted for column, wanted in parts if wanted is not None),
    )


def _halt(row: HaltRow) -> Halt:
    assert row.number is not None, "a stored halt has a number"
    return Halt(row.number, row.partner, row.tenant, row.rail, row.by, row.why, row.halted_at)
