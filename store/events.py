"""The list of events of a tenant, read by a cursor that skips none.

Each resource counts its own events, in the transaction of the change. The list over all resources
needs an order in which nothing appears behind a reader. A number from a sequence is no such order:
on PostgreSQL the transaction that took 7 can commit before the one that took 6, and a reader past 7
would never see 6. A lock around every change would be one that every payment takes. So an event is
written without a position. Whoever lists a tenant's events first gives the committed ones the next
positions, under a lock of that tenant's list, and then reads. Positions have no gaps, and a reader
sees every event once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import bindparam, func, update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from store.database import Database
from store.locks import hold
from store.tables.events import EventRow

#: Events that get their positions in one transaction. The next page places more.
_PLACED_AT_ONCE: Final = 1000


class UnknownEvent(LookupError):
    """There is no such event of the tenant."""


class CursorLost(ValueError):
    """The cursor names no event of this list. The database may have been set back."""


class Cursor(NamedTuple):
    """A place in a tenant's list: after the event with this position and mark."""

    position: int = 0
    mark: str = ""


#: Before the first event.
START: Final = Cursor()


@dataclass(frozen=True)
class Event:
    """One change of a resource."""

    resource_id: str
    kind: str
    """The resource's kind."""
    change: str
    sequence: int
    """Counts the events of its resource from 1, without gaps."""
    position: int
    """Counts the events of its tenant from 1, without gaps."""
    at: datetime
    detail: dict[str, str | None]

    @property
    def event_id(self) -> str:
        return f"evt_{self.resource_id}_{self.sequence}"

    @property
    def type(self) -> str:
        """Its name, such as `payment.state_changed`."""
        return f"{self.kind}.{self.change}"

    @property
    def cursor(self) -> Cursor:
        """The place after it. The mark tells it from an event that another history of a database
        that was set back has at this position."""
        marked = f"{self.event_id}/{self.at.isoformat()}"
        return Cursor(self.position, hashlib.sha256(marked.encode()).hexdigest()[:12])


class Events:
    """Reads the events of tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def after(
        self,
        tenant: str,
        cursor: Cursor = START,
        *,
        limit: int,
        resource_id: str | None = None,
        changes: Collection[str] = (),
    ) -> tuple[list[Event], Cursor]:
        """The next events, and the cursor to go on from.

        Args:
            resource_id: only those of this resource.
            changes: only those of these changes; empty: all.

        Raises:
            CursorLost: the cursor names no event of this list.
        """
        await self._place(tenant)

        def query(session: Session) -> tuple[list[Event], Cursor]:
            _require(session, tenant, cursor)
            rows = (
                select(EventRow)
                .where(EventRow.tenant == tenant, col(EventRow.position) > cursor.position)
                .order_by(col(EventRow.position))
                .limit(limit)
            )
            if resource_id is not None:
                rows = rows.where(EventRow.resource_id == resource_id)
            if changes:
                rows = rows.where(col(EventRow.change).in_(changes))
            found = [event_of(row) for row in session.exec(rows)]
            return found, found[-1].cursor if found else cursor

        return await self._database.read(query)

    async def place_at(self, tenant: str, since: datetime | None) -> Cursor:
        """The cursor before the first event since a moment; None: after the newest event."""
        await self._place(tenant)

        def query(session: Session) -> Cursor:
            of_tenant = (EventRow.tenant == tenant, col(EventRow.position).is_not(None))
            rows = select(EventRow).where(*of_tenant).order_by(col(EventRow.position).desc())
            if since is not None:
                first = select(func.min(EventRow.position)).where(*of_tenant, EventRow.at >= since)
                position = session.exec(first).one()
                if position is not None:
                    rows = rows.where(col(EventRow.position) < position)
            found = session.exec(rows.limit(1)).first()
            return START if found is None else event_of(found).cursor

        return await self._database.read(query)

    async def get(self, tenant: str, event_id: str) -> Event:
        """One event.

        Raises:
            UnknownEvent: the tenant has none with this id.
        """
        resource_id, _, sequence = event_id.removeprefix("evt_").rpartition("_")
        known = sequence.isascii() and sequence.isdecimal() and len(sequence) < _SEQUENCE_DIGITS_MAX
        if not (event_id.startswith("evt_") and known):
            raise UnknownEvent(f"no event {event_id}")
        await self._place(tenant)
        rows = select(EventRow).where(
            EventRow.tenant == tenant,
            EventRow.resource_id == resource_id,
            EventRow.sequence == int(sequence),
            col(EventRow.position).is_not(None),
        )
        found = await self._database.read(lambda session: session.exec(rows).first())
        if found is None or event_of(found).event_id != event_id:
            raise UnknownEvent(f"no event {event_id}")
        return event_of(found)

    async def _place(self, tenant: str) -> None:
        unplaced = _unplaced(tenant, 1)
        if await self._database.read(lambda session: session.exec(unplaced).first()) is not None:
            await self._database.write(lambda session: place(session, tenant))


#: A sequence is an integer of 32 bits.
_SEQUENCE_DIGITS_MAX: Final = 10


def _unplaced(tenant: str, limit: int) -> SelectOfScalar[int | None]:
    return (
        select(col(EventRow.number))
        .where(EventRow.tenant == tenant, col(EventRow.position).is_(None))
        .order_by(col(EventRow.number))
        .limit(limit)
    )


def place(session: Session, tenant: str) -> None:
    """Give the committed events of a tenant their positions, in a transaction that writes.

    Those of one resource are committed in the order of their numbers, since each transaction holds
    its lock. So they are placed in that order too.
    """
    hold(session, f"events/{tenant}")
    last = session.exec(select(func.max(EventRow.position)).where(EventRow.tenant == tenant)).one()
    placed = [
        {"its_number": number, "its_position": position}
        for position, number in enumerate(
            session.exec(_unplaced(tenant, _PLACED_AT_ONCE)), start=(last or 0) + 1
        )
    ]
    if placed:
        session.connection().execute(_PLACING, placed)


_PLACING: Final = (
    update(EventRow)
    .where(col(EventRow.number) == bindparam("its_number"))
    .values(position=bindparam("its_position"))
)


def _require(session: Session, tenant: str, cursor: Cursor) -> None:
    if cursor == START:
        return
    at = select(EventRow).where(EventRow.tenant == tenant, EventRow.position == cursor.position)
    found = session.exec(at).first()
    if found is None or event_of(found).cursor != cursor:
        raise CursorLost(
            "this cursor names no event of the list; if the database was restored from a backup, "
            "begin again without a cursor: events are told apart by resource and sequence"
        )


def event_of(row: EventRow) -> Event:
    """The event of a row that has its position."""
    assert row.position is not None, "only placed events are read"
    return Event(
        resource_id=row.resource_id,
        kind=row.kind,
        change=row.change,
        sequence=row.sequence,
        position=row.position,
        at=row.at,
        detail=json.loads(row.detail_json),
    )
