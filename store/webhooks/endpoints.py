"""The webhook endpoints of tenants: made, changed, given new secrets, disabled and enabled.

Address and secrets are sealed. A secret is stored so that we can sign with it, so it can be shown
again to whoever repeats the request that made it. While a secret is replaced, both are in use.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlmodel import Session, col, func, select, update

from domain.webhooks import ENDPOINT_KIND, HEALTHY, Disabled, EndpointChange, Health, wanted
from store.database import Database
from store.events import place
from store.keyring import Keyring
from store.keys import require_proven
from store.locks import hold
from store.tables.events import EventRow
from store.tables.webhooks import WebhookDeliveryRow, WebhookEndpointRow
from store.webhooks.failing import close_failing
from store.webhooks.requests import note_key, take_key

#: Endpoints that a tenant may have. Every one costs each event of the tenant a delivery.
ENDPOINTS_MAX: Final = 50
_SECRET_BYTES: Final = 32
_SECRET_PREFIX: Final = "whsec_"


class UnknownEndpoint(LookupError):
    """The tenant has no such endpoint."""


class EndpointConflict(ValueError):
    """The endpoint's state does not allow it. The text says what to do. Nothing was done."""


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as people and programs see it, without its secrets."""

    endpoint_id: str
    tenant: str
    url: str
    description: str
    types: tuple[str, ...]
    """Of events; empty: all."""
    created_at: datetime
    disabled_at: datetime | None
    disabled_why: Disabled | None
    old_secret_until: datetime | None
    """Until when deliveries are also signed with the secret before."""
    position: int
    health: Health

    @property
    def is_enabled(self) -> bool:
        return self.disabled_why is None

    def wants(self, event_type: str) -> bool:
        """Whether it gets events of this type."""
        return wanted(self.types, event_type)


class WithSecret(NamedTuple):
    """An endpoint that was made or got a new secret, with that secret."""

    endpoint: Endpoint
    secret: str
    is_new: bool


class Endpoints:
    """Makes, finds and changes the endpoints of tenants."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def make(
        self,
        tenant: str,
        key: str,
        *,
        url: str,
        description: str,
        types: Collection[str],
        fingerprint: str,
        now: datetime,
    ) -> WithSecret:
        """Make an endpoint, which gets the events from now on. A known key finds its endpoint.

        Raises:
            WebhookKeyReused: the key stands for another request.
            EndpointConflict: the tenant has as many as it may have.
        """

        def transaction(session: Session) -> WithSecret:
            known = take_key(session, tenant, key, f"new {fingerprint}")
            if known is not None:
                return self._with_secret(_row(session, tenant, known.result), is_new=False)
            require_proven(session, self._keyring, now)
            hold(session, f"webhook-endpoints/{tenant}")
            count = select(func.count()).where(WebhookEndpointRow.tenant == tenant, _EXISTS)
            if session.exec(count).one() >= ENDPOINTS_MAX:
                raise EndpointConflict(
                    f"the tenant has {ENDPOINTS_MAX} endpoints already; change or delete one"
                )
            place(session, tenant)
            newest = select(func.max(EventRow.position)).where(EventRow.tenant == tenant)
            endpoint_id = f"whe_{secrets.token_hex(12)}"
            row = WebhookEndpointRow(
                endpoint_id=endpoint_id,
                tenant=tenant,
                url_sealed=self._keyring.seal(url.encode(), _context(endpoint_id, "url")),
                description=description,
                types=",".join(sorted(types)),
                secret_sealed=self._sealed_secret(endpoint_id),
                created_at=now,
                position=session.exec(newest).one() or 0,
                served_at=now,
            )
            session.add(row)
            note_key(session, tenant, key, f"new {fingerprint}", endpoint_id, now)
            return self._with_secret(row, is_new=True)

        return await self._database.write(transaction)

    async def all(self, tenant: str | None = None) -> list[Endpoint]:
        """The endpoints, the oldest first; those of one tenant, if it is given."""
        rows = (
            select(WebhookEndpointRow)
            .where(_EXISTS)
            .order_by(col(WebhookEndpointRow.created_at), WebhookEndpointRow.endpoint_id)
        )
        if tenant is not None:
            rows = rows.where(WebhookEndpointRow.tenant == tenant)
        return await self._database.read(lambda s: [self._opened(row) for row in s.exec(rows)])

    async def get(self, tenant: str | None, endpoint_id: str) -> Endpoint:
        """One endpoint; of any tenant, if none is given.

        Raises:
            UnknownEndpoint: the tenant has none with this id.
        """
        return await self._database.read(
            lambda session: self._opened(_row(session, tenant, endpoint_id))
        )

    async def change(
        self,
        tenant: str | None,
        endpoint_id: str,
        now: datetime,
        *,
        url: str | None = None,
        description: str | None = None,
        types: Collection[str] | None = None,
    ) -> Endpoint:
        """Change what is given. Deliveries that wait go to the new address.

        Raises:
            UnknownEndpoint: the tenant has none with this id.
        """

        def changed(session: Session, row: WebhookEndpointRow) -> None:
            if url is not None:
                require_proven(session, self._keyring, now)
                row.url_sealed = self._keyring.seal(url.encode(), _context(endpoint_id, "url"))
                # Perhaps the old address was what failed.
                write_health(row, HEALTHY)
                close_failing(session, endpoint_id, now)
            if description is not None:
                row.description = description
            if types is not None:
                row.types = ",".join(sorted(types))

        return await self._change(tenant, endpoint_id, changed)

    async def rotate(
        self, tenant: str | None, endpoint_id: str, key: str, now: datetime, *, overlap: timedelta
    ) -> WithSecret:
        """Make a new secret. Until the overlap ends, deliveries are signed with both.

        A known key gets the present secret, and nothing changes.

        Raises:
            UnknownEndpoint: the tenant has none with this id.
            EndpointConflict: two secrets are in use already.
            WebhookKeyReused: the key stands for another request.
        """
        asked = f"rotate {endpoint_id} {overlap.total_seconds():g}"

        def transaction(session: Session) -> WithSecret:
            row = locked(session, tenant, endpoint_id)
            if take_key(session, row.tenant, key, asked) is not None:
                return self._with_secret(row, is_new=False)
            if row.old_secret_until is not None and now < row.old_secret_until and overlap:
                raise EndpointConflict(
                    f"the secret before is still in use, until {row.old_secret_until.isoformat()}; "
                    "wait until then, or rotate without an overlap, which ends both at once"
                )
            require_proven(session, self._keyring, now)
            # Opened and sealed anew: a sealed value is bound to its column.
            old = self._keyring.open(row.secret_sealed, _context(endpoint_id, "secret"))
            row.old_secret_sealed = row.old_secret_until = None
            if overlap:
                row.old_secret_sealed = self._keyring.seal(old, _context(endpoint_id, "old"))
                row.old_secret_until = now + overlap
            row.secret_sealed = self._sealed_secret(endpoint_id)
            session.add(row)
            note_key(session, row.tenant, key, asked, endpoint_id, now)
            return self._with_secret(row, is_new=True)

        return await self._database.write(transaction)

    async def disable(self, tenant: str | None, endpoint_id: str, now: datetime) -> Endpoint:
        """Send it nothing more. One that is disabled stays as it is.

        Raises:
            UnknownEndpoint: the tenant has none with this id.
        """

        def changed(session: Session, row: WebhookEndpointRow) -> None:
            if row.disabled_why is None:
                write_disabled(session, row, Disabled.ASKED, now)

        return await self._change(tenant, endpoint_id, changed)

    async def enable(self, tenant: str | None, endpoint_id: str, now: datetime) -> Endpoint:
        """Send again: what waits, and the events that came meanwhile, in their order.

        Raises:
            UnknownEndpoint: the tenant has none with this id.
        """

        def changed(session: Session, row: WebhookEndpointRow) -> None:
            if row.disabled_why is not None:
                row.disabled_at = row.disabled_why = None
                write_health(row, HEALTHY)
                make_all_due(session, endpoint_id, now)
                session.add(endpoint_event(row, EndpointChange.ENABLED, {}, now))

        return await self._change(tenant, endpoint_id, changed)

    async def delete(self, tenant: str | None, endpoint_id: str, now: datetime) -> None:
        """Delete it for good: what waits is given up, and address and secrets are erased.

        What was sent to it can still be read for a while. To delete it again changes nothing.

        Raises:
            UnknownEndpoint: the tenant has none with this id.
        """

        def transaction(session: Session) -> None:
            row = locked(session, tenant, endpoint_id, deleted_too=True)
            if row.disabled_why == Disabled.DELETED:
                return
            session.exec(
                update(WebhookDeliveryRow)
                .where(col(WebhookDeliveryRow.endpoint_id) == endpoint_id)
                .where(col(WebhookDeliveryRow.next_at).is_not(None))
                .values(next_at=None, is_dead=True, ended_at=now)
            )
            row.disabled_at, row.disabled_why = now, Disabled.DELETED
            row.url_sealed = row.secret_sealed = b""
            row.old_secret_sealed = row.old_secret_until = None
            write_health(row, HEALTHY)
            close_failing(session, endpoint_id, now)
            session.add_all((row, endpoint_event(row, EndpointChange.DELETED, {}, now)))

        await self._database.write(transaction)

    def secrets(self, row: WebhookEndpointRow, now: datetime) -> tuple[str, ...]:
        """The secrets to sign with now, the newest first."""
        found = [self._secret(row)]
        old = row.old_secret_sealed
        if old is not None and row.old_secret_until is not None and now < row.old_secret_until:
            found.append(self._keyring.open(old, _context(row.endpoint_id, "old")).decode())
        return tuple(found)

    def opened(self, row: WebhookEndpointRow) -> Endpoint:
        """The endpoint of a row."""
        return self._opened(row)

    async def _change(
        self,
        tenant: str | None,
        endpoint_id: str,
        changed: Callable[[Session, WebhookEndpointRow], None],
    ) -> Endpoint:
        def transaction(session: Session) -> Endpoint:
            row = locked(session, tenant, endpoint_id)
            changed(session, row)
            session.add(row)
            return self._opened(row)

        return await self._database.write(transaction)

    def _sealed_secret(self, endpoint_id: str) -> bytes:
        made = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
        return self._keyring.seal(
            f"{_SECRET_PREFIX}{made}".encode(), _context(endpoint_id, "secret")
        )

    def _secret(self, row: WebhookEndpointRow) -> str:
        return self._keyring.open(row.secret_sealed, _context(row.endpoint_id, "secret")).decode()

    def _with_secret(self, row: WebhookEndpointRow, *, is_new: bool) -> WithSecret:
        return WithSecret(self._opened(row), self._secret(row), is_new)

    def _opened(self, row: WebhookEndpointRow) -> Endpoint:
        return Endpoint(
            endpoint_id=row.endpoint_id,
            tenant=row.tenant,
            url=self._keyring.open(row.url_sealed, _context(row.endpoint_id, "url")).decode(),
            description=row.description,
            types=tuple(row.types.split(",")) if row.types else (),
            created_at=row.created_at,
            disabled_at=row.disabled_at,
            disabled_why=Disabled(row.disabled_why) if row.disabled_why else None,
            old_secret_until=row.old_secret_until,
            position=row.position,
            health=health_of(row),
        )


def locked(
    session: Session, tenant: str | None, endpoint_id: str, *, deleted_too: bool = False
) -> WebhookEndpointRow:
    """The row, locked until the transaction ends.

    Args:
        deleted_too: also that of an endpoint that was deleted, whose address and secrets are gone.

    Raises:
        UnknownEndpoint: the tenant has none with this id.
    """
    row = session.get(WebhookEndpointRow, endpoint_id, with_for_update=True)
    return _of_tenant(row, tenant, endpoint_id, deleted_too=deleted_too)


def endpoint_event(
    row: WebhookEndpointRow, change: EndpointChange, detail: dict[str, str | None], now: datetime
) -> EventRow:
    """The event of a change, for the caller to store; counts it in the row, which is locked."""
    row.events += 1
    return EventRow(
        tenant=row.tenant,
        resource_id=row.endpoint_id,
        sequence=row.events,
        kind=ENDPOINT_KIND,
        change=change,
        detail_json=json.dumps(detail),
        at=now,
    )


def write_disabled(session: Session, row: WebhookEndpointRow, why: Disabled, now: datetime) -> None:
    """Disable an endpoint whose row is locked, and tell the tenant by an event."""
    row.disabled_at, row.disabled_why = now, why
    write_health(row, HEALTHY)
    close_failing(session, row.endpoint_id, now)
    session.add(endpoint_event(row, EndpointChange.DISABLED, {"reason": why}, now))


def make_all_due(session: Session, endpoint_id: str, now: datetime) -> None:
    """Make everything due that waits for an endpoint, because it answers again, or is to be tried.

    Sent one by one as their own pauses end, the deliveries would lose the order of events.
    """
    session.flush()
    session.exec(
        update(WebhookDeliveryRow)
        .where(col(WebhookDeliveryRow.endpoint_id) == endpoint_id)
        .where(col(WebhookDeliveryRow.next_at).is_not(None))
        .values(next_at=now)
    )


def health_of(row: WebhookEndpointRow) -> Health:
    """The health that a row has."""
    return Health(row.failures, row.failing_since, row.warned_at, row.retry_at)


def write_health(row: WebhookEndpointRow, health: Health) -> None:
    """Put the health into a row."""
    row.failures, row.failing_since = health.failures, health.failing_since
    row.warned_at, row.retry_at = health.warned_at, health.retry_at


def _row(session: Session, tenant: str | None, endpoint_id: str) -> WebhookEndpointRow:
    return _of_tenant(session.get(WebhookEndpointRow, endpoint_id), tenant, endpoint_id)


def _of_tenant(
    row: WebhookEndpointRow | None,
    tenant: str | None,
    endpoint_id: str,
    *,
    deleted_too: bool = False,
) -> WebhookEndpointRow:
    if row is None or (tenant is not None and row.tenant != tenant):
        raise UnknownEndpoint(endpoint_id)
    if row.disabled_why == Disabled.DELETED and not deleted_too:
        raise UnknownEndpoint(endpoint_id)
    return row


#: Of an endpoint that was not deleted.
_EXISTS: Final = func.coalesce(col(WebhookEndpointRow.disabled_why), "") != Disabled.DELETED


def _context(endpoint_id: str, field: str) -> str:
    return f"webhook_endpoints/{endpoint_id}/{field}"
