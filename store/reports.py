"""Reports over the payments of a period: totals by day and partner, fees, and what is open.

Every report is about the payments that were *recorded* in the period, so that the figures of one
day belong together: a fee counts on the day its payment was recorded, whenever it was booked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from domain.lifecycle.report import MovementKind
from domain.lifecycle.resource import Certainty
from domain.payments.report import PaymentState
from domain.payments.states import STATES, Where
from domain.payments.totals import Group, Standing, Totals, totals
from domain.payments.view import KIND
from store.database import Database
from store.tables.lifecycles import LifecycleRow
from store.tables.payments import MovementRow, PaymentRow

#: A longer period is asked for in parts.
DAYS_MAX: Final = 366


class PeriodRefused(ValueError):
    """A period that no report is made of. The text names the field and the remedy."""


@dataclass(frozen=True)
class Period:
    """Which payments a report is about.

    Attributes:
        first: the first day, in UTC.
        last: the last day, which is included.
        tenant: only those of this tenant; None: of all.
        partner: only those with this partner; None: with all.

    Raises:
        PeriodRefused: the days are in the wrong order, or more than a year.
    """

    first: date
    last: date
    tenant: str | None = None
    partner: str | None = None

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise PeriodRefused(f"to: {self.last} is before {self.first}; give a later day")
        if (self.last - self.first).days >= DAYS_MAX:
            raise PeriodRefused(
                f"to: {self.first} to {self.last} is longer than {DAYS_MAX} days; ask for less"
            )

    @property
    def days(self) -> Iterator[date]:
        """Each day, the first one first."""
        for number in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=number)


class Fees(NamedTuple):
    """What a partner charged for the payments that were recorded on one day."""

    day: date
    partner: str
    partner_account: str
    currency: str
    """The currency of the fees, which may differ from the payments'."""
    bookings: int
    fees_minor: int


class Unresolved(NamedTuple):
    """A payment that is not decided, or in doubt."""

    payment_id: str
    tenant: str
    recorded_at: datetime
    partner: str
    partner_account: str
    rail: str
    state: PaymentState
    certainty: Certainty
    amount_minor: int
    currency: str


class Reports:
    """Makes reports of what the database has when they are asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def payments(self, period: Period) -> list[Totals]:
        """Totals by day, account, rail and currency. A day without a payment has no line.

        Raises:
            StoreAway: the database does not answer.
        """

        def query(session: Session) -> list[Totals]:
            standings: list[Standing] = []
            for day in period.days:
                for *names, state, certainty, number, minor in session.exec(_counted(period, day)):
                    how = PaymentState(state), Certainty(certainty)
                    standings.append(Standing(Group(day, *names), *how, number, int(minor)))
            return totals(standings)

        return await self._database.read(query)

    async def fees(self, period: Period) -> list[Fees]:
        """Fees by day, account and currency.

        Raises:
            StoreAway: the database does not answer.
        """

        def query(session: Session) -> list[Fees]:
            found: list[Fees] = []
            for day in period.days:
                rows = session.exec(_charged(period, day))
                found += [
                    Fees._make((day, *names, number, int(minor))) for *names, number, minor in rows
                ]
            return sorted(found)

        return await self._database.read(query)

    async def unresolved(self, period: Period, *, limit: int) -> list[Unresolved]:
        """Payments that count as open in `payments`, the oldest first.

        Raises:
            StoreAway: the database does not answer.
        """
        still = [state.value for state, row in STATES.items() if row.money is Where.WITH_US]
        begin, end = _bounds(period.first, period.last)

        def query(session: Session) -> list[Unresolved]:
            is_open = (col(LifecycleRow.state).in_(still)) | (
                col(LifecycleRow.certainty) == Certainty.UNKNOWN
            )
            rows = session.exec(
                select(LifecycleRow, PaymentRow)
                .join(PaymentRow, col(PaymentRow.payment_id) == LifecycleRow.resource_id)
                .where(is_open, *_recorded_within(period, begin, end))
                .order_by(col(LifecycleRow.created_at), col(LifecycleRow.resource_id))
                .limit(limit)
            )
            return [_unresolved(found, payment) for found, payment in rows]

        return await self._database.read(query)


def _unresolved(found: LifecycleRow, payment: PaymentRow) -> Unresolved:
    return Unresolved(
        payment_id=found.resource_id,
        tenant=found.tenant,
        recorded_at=found.created_at,
        partner=found.partner,
        partner_account=found.partner_account,
        rail=found.rail,
        state=PaymentState(found.state),
        certainty=Certainty(found.certainty),
        amount_minor=payment.amount_minor,
        currency=payment.currency,
    )


def _counted(period: Period, day: date) -> Any:
    """Number and sum of the payments of one day, by account, rail, currency, state, certainty."""
    names: tuple[Any, ...] = (
        LifecycleRow.partner,
        LifecycleRow.partner_account,
        LifecycleRow.rail,
        PaymentRow.currency,
        LifecycleRow.state,
        LifecycleRow.certainty,
    )
    return (
        select_columns(*names, func.count(), func.sum(PaymentRow.amount_minor))
        .join(PaymentRow, col(PaymentRow.payment_id) == LifecycleRow.resource_id)
        .where(*_recorded_on(period, day))
        .group_by(*names)
    )


def _charged(period: Period, day: date) -> Any:
    """Number and sum of the fees of one day's payments, by account and currency."""
    names: tuple[Any, ...] = (
        LifecycleRow.partner,
        LifecycleRow.partner_account,
        MovementRow.currency,
    )
    return (
        select_columns(*names, func.count(), func.sum(MovementRow.amount_minor))
        .join(MovementRow, col(MovementRow.payment_id) == LifecycleRow.resource_id)
        .where(col(MovementRow.kind) == MovementKind.FEE, *_recorded_on(period, day))
        .group_by(*names)
    )


def _recorded_on(period: Period, day: date) -> Iterator[ColumnElement[bool]]:
    return _recorded_within(period, *_bounds(day, day))


def _recorded_within(
    period: Period, begin: datetime, end: datetime
) -> Iterator[ColumnElement[bool]]:
    yield col(LifecycleRow.kind) == KIND
    yield col(LifecycleRow.created_at) >= begin
    yield col(LifecycleRow.created_at) < end
    if period.tenant is not None:
        yield col(LifecycleRow.tenant) == period.tenant
    if period.partner is not None:
        yield col(LifecycleRow.partner) == period.partner


def _bounds(first: date, last: date) -> tuple[datetime, datetime]:
    begin = datetime.combine(first, time(), UTC)
    return begin, datetime.combine(last, time(), UTC) + timedelta(days=1)
