"""The turns of webhook endpoints: which have something due, what is sent next, what came of it.

An endpoint has a place in its tenant's list of events. Deliveries are made from there on, some at a
time, and only for an endpoint whose turn it is. So an event costs its own transaction nothing, and
an endpoint that is away for days costs no rows. A turn is a lease, so that two processes do not
mix the order of events. If a process dies during its turn, another one repeats at most the
delivery that was under way, with the same id.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, exists, or_
from sqlmodel import Session, col, select, update

from domain.webhooks import HEALTHY, TEST_TYPE, Disabled, EndpointChange, after_failure
from store.database import Database
from store.events import Event, event_of, place
from store.tables.events import EventRow
from store.tables.webhooks import WebhookAttemptRow, WebhookDeliveryRow, WebhookEndpointRow
from store.webhooks.deliveries import Attempt, events_between, make_delivery
from store.webhooks.endpoints import (
    Endpoint,
    Endpoints,
    endpoint_event,
    health_of,
    locked,
    make_all_due,
    write_disabled,
    write_health,
)
from store.webhooks.failing import ask_to_mend, close_failing

#: Events that one transaction makes deliveries of.
_FILLED_AT_ONCE: Final = 100


class Leased(NamedTuple):
    """An endpoint whose turn this process has, with the secrets to sign with."""

    endpoint: Endpoint
    secrets: tuple[str, ...]


class Due(NamedTuple):
    """A delivery to be sent now."""

    number: int
    delivery_id: str
    event_id: str
    event: Event | None
    """None for a test."""
    created_at: datetime


class EndpointTurns:
    """Hands out the turns of endpoints to the processes that deliver."""

    def __init__(self, database: Database, endpoints: Endpoints) -> None:
        self._database = database
        self._endpoints = endpoints

    async def due(self, now: datetime, *, limit: int) -> Sequence[str]:
        """Endpoints that have something to be sent now; the one that waits longest comes first.

        The cost grows with the number of enabled endpoints, and not with what waits for them.
        """
        its, delivery, event = WebhookEndpointRow, WebhookDeliveryRow, EventRow
        waits = exists().where(
            col(delivery.endpoint_id) == col(its.endpoint_id),
            col(delivery.next_at).is_not(None),
            col(delivery.next_at) <= now,
        )
        placed = exists().where(
            col(event.tenant) == col(its.tenant), col(event.position) > col(its.position)
        )
        unplaced = exists().where(
            col(event.tenant) == col(its.tenant), col(event.position).is_(None)
        )
        rows = (
            select(its.endpoint_id)
            .where(col(its.disabled_why).is_(None), _is_past(its.retry_at, now))
            .where(_is_past(its.leased_until, now), or_(waits, placed, unplaced))
            .order_by(col(its.served_at), its.endpoint_id)
            .limit(limit)
        )
        return await self._database.read(lambda session: session.exec(rows).all())

    async def lease(self, endpoint_id: str, now: datetime, until: datetime) -> Leased | None:
        """Take the endpoint's turn; None if another process has it, or it may not be sent to.

        Raises:
            KeyringError: its address or secrets cannot be opened. The turn is taken all the same,
                so that the next try comes when it ends.
        """

        def transaction(session: Session) -> WebhookEndpointRow | None:
            row = locked(session, None, endpoint_id, deleted_too=True)
            if row.disabled_why is not None or (row.retry_at is not None and now < row.retry_at):
                return None
            if row.leased_until is not None and now < row.leased_until:
                return None
            row.leased_until, row.served_at = until, now
            session.add(row)
            return row

        row = await self._database.write(transaction)
        if row is None:
            return None
        return Leased(self._endpoints.opened(row), self._endpoints.secrets(row, now))

    async def release(self, endpoint_id: str, until: datetime) -> None:
        """End the turn that was taken until that moment."""
        ended = (
            update(WebhookEndpointRow)
            .where(col(WebhookEndpointRow.endpoint_id) == endpoint_id)
            .where(col(WebhookEndpointRow.leased_until) == until)
            .values(leased_until=None)
        )

        def transaction(session: Session) -> None:
            session.exec(ended)

        await self._database.write(transaction)

    async def next(self, endpoint_id: str, now: datetime) -> Due | None:
        """The delivery to be sent now: of those that are due, the one of the earliest event."""
        its = WebhookDeliveryRow
        rows = (
            select(its)
            .where(its.endpoint_id == endpoint_id)
            .where(col(its.next_at).is_not(None), col(its.next_at) <= now)
            .order_by(col(its.position), col(its.number))
            .limit(1)
        )

        def query(session: Session) -> Due | None:
            row = session.exec(rows).first()
            if row is None:
                return None
            assert row.number is not None
            event = None if row.type == TEST_TYPE else event_of(_event_row(session, row))
            return Due(row.number, row.delivery_id, row.event_id, event, row.created_at)

        return await self._database.read(query)

    async def fill(self, endpoint_id: str, now: datetime) -> int:
        """Make deliveries of the next events. Returns how many events there were."""

        def transaction(session: Session) -> int:
            row = locked(session, None, endpoint_id, deleted_too=True)
            if row.disabled_why == Disabled.DELETED:
                return 0
            place(session, row.tenant)
            events = events_between(session, row.tenant, row.position, None, _FILLED_AT_ONCE)
            endpoint = self._endpoints.opened(row)
            for event in events:
                if endpoint.wants(event.type):
                    make_delivery(session, endpoint_id, event, now)
                row.position = event.position
            session.add(row)
            return len(events)

        return await self._database.write(transaction)

    async def sent(
        self,
        due: Due,
        endpoint_id: str,
        attempt: Attempt,
        now: datetime,
        *,
        retry_after: timedelta | None,
        is_gone: bool,
        jitter: float,
    ) -> None:
        """Record what came of a delivery, and what follows for it and its endpoint."""

        def transaction(session: Session) -> None:
            row = locked(session, None, endpoint_id, deleted_too=True)
            delivery = session.get_one(WebhookDeliveryRow, due.number)
            session.add(WebhookAttemptRow(
                delivery_number=due.number, at=attempt.at, took_ms=attempt.took_ms,
                status=attempt.status, why=attempt.why,
            ))  # fmt: skip
            delivery.tries += 1
            if attempt.is_success:
                _delivered(session, row, delivery, now)
            elif row.disabled_why is None:
                self._failed(
                    session, row, delivery, now,
                    retry_after=retry_after, is_gone=is_gone, jitter=jitter,
                )  # fmt: skip
            session.add_all((row, delivery))

        await self._database.write(transaction)

    def _failed(
        self,
        session: Session,
        row: WebhookEndpointRow,
        delivery: WebhookDeliveryRow,
        now: datetime,
        *,
        retry_after: timedelta | None,
        is_gone: bool,
        jitter: float,
    ) -> None:
        if is_gone:
            write_disabled(session, row, Disabled.GONE, now)
            return
        after = after_failure(
            health_of(row), delivery.tries, now, retry_after=retry_after, jitter=jitter
        )
        if after.disables:
            # What waits stays, for the day when the endpoint is enabled again.
            write_disabled(session, row, Disabled.FAILING, now)
            return
        write_health(row, after.health)
        delivery.next_at = after.next_at
        if after.next_at is None:
            delivery.is_dead, delivery.ended_at = True, now
        since, disable_at = after.health.failing_since, after.health.disable_at
        if after.warns and since is not None and disable_at is not None:
            ask_to_mend(session, row.tenant, row.endpoint_id, since, disable_at, now)
            detail = {"failing_since": since.isoformat(), "disable_at": disable_at.isoformat()}
            session.add(endpoint_event(row, EndpointChange.FAILING, {**detail}, now))


def _is_past(moment: datetime | None, now: datetime) -> ColumnElement[bool]:
    return or_(col(moment).is_(None), col(moment) <= now)


def _event_row(session: Session, row: WebhookDeliveryRow) -> EventRow:
    """The event of a delivery."""
    resource_id, _, sequence = row.event_id.removeprefix("evt_").rpartition("_")
    its = select(EventRow).where(
        EventRow.resource_id == resource_id, EventRow.sequence == int(sequence)
    )
    return session.exec(its).one()


def _delivered(
    session: Session, row: WebhookEndpointRow, delivery: WebhookDeliveryRow, now: datetime
) -> None:
    """Note a success. After a failing endpoint has recovered, all that waits is due at once."""
    delivery.next_at, delivery.ended_at, delivery.is_dead = None, now, False
    health = health_of(row)
    if health == HEALTHY:
        return
    if health.is_failing:
        make_all_due(session, row.endpoint_id, now)
    if health.warned_at is not None:
        close_failing(session, row.endpoint_id, now)
        session.add(endpoint_event(row, EndpointChange.RECOVERED, {}, now))
    write_health(row, HEALTHY)
