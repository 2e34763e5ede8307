"""Deliveries of events to webhook endpoints, as people and programs see them, and resends."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, NamedTuple

from sqlalchemy import and_
from sqlmodel import Session, col, select

from domain.webhooks import TEST_TYPE
from store.database import Database
from store.events import Event, event_of
from store.tables.events import EventRow
from store.tables.webhooks import WebhookAttemptRow, WebhookDeliveryRow, WebhookEndpointRow
from store.webhooks.endpoints import EndpointConflict, Endpoints, UnknownEndpoint, locked
from store.webhooks.requests import note_key, take_key

#: Events that one request may have resent.
RESENT_MAX: Final = 500


#: Waits for an attempt; was accepted; was given up after the last attempt.
DeliveryState = Literal["pending", "delivered", "dead"]


class UnknownDelivery(LookupError):
    """The tenant has no such delivery."""


class Attempt(NamedTuple):
    """One time that a delivery was sent."""

    at: datetime
    took_ms: int
    status: int | None
    why: str | None

    @property
    def is_success(self) -> bool:
        return self.why is None


@dataclass(frozen=True)
class Delivery:
    """One event for one endpoint."""

    number: int
    delivery_id: str
    endpoint_id: str
    event_id: str
    type: str
    tries: int
    next_at: datetime | None
    is_dead: bool
    created_at: datetime
    ended_at: datetime | None
    attempts: tuple[Attempt, ...] = ()

    @property
    def state(self) -> DeliveryState:
        if self.next_at is not None:
            return "pending"
        return "dead" if self.is_dead else "delivered"


class Resent(NamedTuple):
    """How far a range was resent."""

    deliveries: int
    """Deliveries that are sent again."""
    next_position: int | None
    """Where to go on, if the range has more events than one request may have."""


class Deliveries:
    """Lists deliveries, and has them sent again."""

    def __init__(self, database: Database, endpoints: Endpoints) -> None:
        self._database = database
        self._endpoints = endpoints

    async def all(
        self,
        tenant: str | None,
        endpoint_id: str,
        *,
        state: str | None = None,
        before: int | None = None,
        limit: int,
    ) -> list[Delivery]:
        """The endpoint's deliveries, the newest first.

        Args:
            state: `pending`, `delivered` or `dead`; None: all.
            before: the number of the last one of the page before.

        Raises:
            UnknownEndpoint: the tenant has none with this id.
        """
        its = WebhookDeliveryRow
        rows = select(its).where(its.endpoint_id == endpoint_id)
        rows = rows.order_by(col(its.number).desc()).limit(limit)
        if before is not None:
            rows = rows.where(col(its.number) < before)
        if state is not None:
            rows = rows.where(_IN_STATE[state])

        def query(session: Session) -> list[Delivery]:
            _require(session, tenant, endpoint_id)
            return [_delivery(row) for row in session.exec(rows)]

        return await self._database.read(query)

    async def get(self, tenant: str | None, delivery_id: str) -> Delivery:
        """One delivery with its attempts, the first one first.

        Raises:
            UnknownDelivery: the tenant has none with this id.
        """

        def query(session: Session) -> Delivery:
            row = _found(session, tenant, delivery_id)
            attempts = (
                select(WebhookAttemptRow)
                .where(WebhookAttemptRow.delivery_number == row.number)
                .order_by(col(WebhookAttemptRow.number))
            )
            found = [Attempt(a.at, a.took_ms, a.status, a.why) for a in session.exec(attempts)]
            return replace(_delivery(row), attempts=tuple(found))

        return await self._database.read(query)

    async def test(self, tenant: str | None, endpoint_id: str, key: str, now: datetime) -> Delivery:
        """Have a test event sent. A known key finds the test that it stands for.

        Raises:
            UnknownEndpoint: the tenant has none with this id.
            EndpointConflict: it is disabled.
            WebhookKeyReused: the key stands for another request.
        """
        asked = f"test {endpoint_id}"

        def transaction(session: Session) -> Delivery:
            row = locked(session, tenant, endpoint_id)
            known = take_key(session, row.tenant, key, asked)
            if known is not None:
                return _delivery(_found(session, None, known.result))
            _require_enabled(row)
            delivery = WebhookDeliveryRow(
                delivery_id=_delivery_id(),
                endpoint_id=endpoint_id,
                event_id=f"evt_test_{secrets.token_hex(12)}",
                type=TEST_TYPE,
                position=0,
                next_at=now,
                created_at=now,
            )
            row.retry_at = None
            session.add_all((row, delivery))
            session.flush()
            note_key(session, row.tenant, key, asked, delivery.delivery_id, now)
            return _delivery(delivery)

        return await self._database.write(transaction)

    async def resend(
        self, tenant: str | None, delivery_id: str, key: str, now: datetime
    ) -> Delivery:
        """Send a delivery again, whatever came of it, with the same `webhook-id`.

        Raises:
            UnknownDelivery: the tenant has none with this id.
            EndpointConflict: its endpoint is disabled.
            WebhookKeyReused: the key stands for another request.
        """
        asked = f"resend {delivery_id}"

        def transaction(session: Session) -> Delivery:
            endpoint_id = _found(session, tenant, delivery_id).endpoint_id
            row = locked(session, tenant, endpoint_id)
            delivery = _found(session, tenant, delivery_id, refresh=True)
            if take_key(session, row.tenant, key, asked) is None:
                _require_enabled(row)
                _again(delivery, now)
                row.retry_at = None
                session.add_all((row, delivery))
                note_key(session, row.tenant, key, asked, delivery_id, now)
            return _delivery(delivery)

        return await self._database.write(transaction)

    async def resend_range(
        self,
        tenant: str | None,
        endpoint_id: str,
        key: str,
        now: datetime,
        *,
        first: int | None = None,
        last: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        missed_only: bool,
    ) -> Resent:
        """Send the events of a range again, by their position, by their time or both.

        Only events that the endpoint has passed: the others are sent anyway. Events that were never
        for it are included if they match its types today.

        Args:
            first: the first position; the last one is included too.
            since: the earliest moment; `until` is not included.
            missed_only: leave out what was delivered.

        Raises:
            UnknownEndpoint: the tenant has none with this id.
            EndpointConflict: it is disabled.
            WebhookKeyReused: the key stands for another request.
        """
        asked = json.dumps(
            ["resend", endpoint_id, first, last, since and since.isoformat(),
             until and until.isoformat(), missed_only]
        )  # fmt: skip

        def transaction(session: Session) -> Resent:
            row = locked(session, tenant, endpoint_id)
            known = take_key(session, row.tenant, key, asked)
            if known is not None:
                return Resent(*json.loads(known.result))
            _require_enabled(row)
            endpoint = self._endpoints.opened(row)
            after = (first or 1) - 1
            through = row.position if last is None else min(last, row.position)
            page = events_between(session, row.tenant, after, through, RESENT_MAX + 1, since, until)
            count = sum(
                _send_again(session, endpoint_id, event, now, missed_only)
                for event in page[:RESENT_MAX]
                if endpoint.wants(event.type)
            )
            more = page[RESENT_MAX].position if len(page) > RESENT_MAX else None
            row.retry_at = None
            session.add(row)
            note_key(session, row.tenant, key, asked, json.dumps([count, more]), now)
            return Resent(count, more)

        return await self._database.write(transaction)


_IN_STATE: Final = {
    "pending": col(WebhookDeliveryRow.next_at).is_not(None),
    "dead": col(WebhookDeliveryRow.is_dead).is_(True),
    "delivered": and_(
        col(WebhookDeliveryRow.next_at).is_(None), col(WebhookDeliveryRow.is_dead).is_(False)
    ),
}


def _require(session: Session, tenant: str | None, endpoint_id: str) -> None:
    row = session.get(WebhookEndpointRow, endpoint_id)
    if row is None or (tenant is not None and row.tenant != tenant):
        raise UnknownEndpoint(endpoint_id)


def _require_enabled(row: WebhookEndpointRow) -> None:
    if row.disabled_why is not None:
        raise EndpointConflict("the endpoint is disabled; enable it first")


def _found(
    session: Session, tenant: str | None, delivery_id: str, *, refresh: bool = False
) -> WebhookDeliveryRow:
    rows = select(WebhookDeliveryRow).where(WebhookDeliveryRow.delivery_id == delivery_id)
    found = session.exec(rows, execution_options={"populate_existing": refresh}).first()
    if found is None:
        raise UnknownDelivery(delivery_id)
    try:
        _require(session, tenant, found.endpoint_id)
    except UnknownEndpoint:
        raise UnknownDelivery(delivery_id) from None
    return found


def events_between(
    session: Session,
    tenant: str,
    after: int,
    through: int | None,
    limit: int,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Event]:
    """The placed events after a position, up to and including another one, in their order."""
    rows = select(EventRow).where(EventRow.tenant == tenant, col(EventRow.position) > after)
    if through is not None:
        rows = rows.where(col(EventRow.position) <= through)
    if since is not None:
        rows = rows.where(EventRow.at >= since)
    if until is not None:
        rows = rows.where(EventRow.at < until)
    rows = rows.order_by(col(EventRow.position)).limit(limit)
    return [event_of(row) for row in session.exec(rows)]


def _delivery_id() -> str:
    return f"whd_{secrets.token_hex(12)}"


def make_delivery(session: Session, endpoint_id: str, event: Event, now: datetime) -> None:
    """Make the delivery of an event, which is due now."""
    session.add(
        WebhookDeliveryRow(
            delivery_id=_delivery_id(),
            endpoint_id=endpoint_id,
            event_id=event.event_id,
            type=event.type,
            position=event.position,
            next_at=now,
            created_at=now,
        )
    )


def _again(delivery: WebhookDeliveryRow, now: datetime) -> None:
    delivery.tries, delivery.next_at = 0, now
    delivery.is_dead, delivery.ended_at = False, None


def _send_again(
    session: Session, endpoint_id: str, event: Event, now: datetime, missed_only: bool
) -> bool:
    """Send one event of a range again. False if it was delivered, and only others are wanted."""
    rows = select(WebhookDeliveryRow).where(
        WebhookDeliveryRow.endpoint_id == endpoint_id,
        WebhookDeliveryRow.event_id == event.event_id,
    )
    known = session.exec(rows).first()
    if known is None:
        make_delivery(session, endpoint_id, event, now)
        return True
    if missed_only and _delivery(known).state == "delivered":
        return False
    _again(known, now)
    session.add(known)
    return True


def _delivery(row: WebhookDeliveryRow) -> Delivery:
    assert row.number is not None, "the row is stored"
    return Delivery(
        number=row.number,
        delivery_id=row.delivery_id,
        endpoint_id=row.endpoint_id,
        event_id=row.event_id,
        type=row.type,
        tries=row.tries,
        next_at=row.next_at,
        is_dead=row.is_dead,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )
