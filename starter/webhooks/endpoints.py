"""The webhook endpoints of tenants, for the HTTP API and the command line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from domain.clock import Clock
from domain.lifecycle.change import ChangeKind
from domain.webhooks import ENDPOINT_KIND, EndpointChange
from store.webhooks.deliveries import Deliveries, Delivery, Resent
from store.webhooks.endpoints import Endpoint, Endpoints, WithSecret
from transport.targets import BadTarget, Network, checked_target

DESCRIPTION_LENGTH_MAX: Final = 200
TYPES_MAX: Final = 50
OVERLAP_HOURS_MAX: Final = 7 * 24
OVERLAP_HOURS: Final = 24


class WrongField(NamedTuple):
    """One field that cannot be accepted."""

    field: str
    text: str


class InvalidEndpoint(ValueError):
    """Fields of an endpoint or of a range cannot be accepted. Nothing was stored."""

    def __init__(self, wrong: Sequence[WrongField]) -> None:
        super().__init__("; ".join(f"{each.field} {each.text}" for each in wrong))
        self.wrong = tuple(wrong)


class WebhookEndpoints:
    """Endpoints and their deliveries.

    `tenant` is None for operators, who see those of all tenants. Each method may raise
    UnknownEndpoint or UnknownDelivery, and those that take a key WebhookKeyReused.

    Args:
        kinds: of lifecycles, whose events there are.
        allowed: networks that may be reached although they are private.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        deliveries: Deliveries,
        *,
        kinds: Collection[str],
        allowed: Sequence[Network],
        clock: Clock,
    ) -> None:
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._kinds = kinds
        self._allowed = allowed
        self._clock = clock

    async def make(
        self, tenant: str, key: str, *, url: str, description: str, types: Sequence[str]
    ) -> WithSecret:
        """Make an endpoint. It gets the events that come from now on.

        Raises:
            InvalidEndpoint: a field cannot be accepted.
            EndpointConflict: the tenant has as many as it may have.
        """
        self._check(url=url, description=description, types=types)
        asked = json.dumps([url, description, sorted(types)])
        return await self._endpoints.make(
            tenant, key, url=url, description=description, types={*types},
            fingerprint=hashlib.sha256(asked.encode()).hexdigest(), now=self._clock.now(),
        )  # fmt: skip

    async def all(self, tenant: str | None) -> list[Endpoint]:
        """The endpoints, the oldest first."""
        return await self._endpoints.all(tenant)

    async def get(self, tenant: str | None, endpoint_id: str) -> Endpoint:
        """One endpoint."""
        return await self._endpoints.get(tenant, endpoint_id)

    async def change(
        self,
        tenant: str | None,
        endpoint_id: str,
        *,
        url: str | None = None,
        description: str | None = None,
        types: Sequence[str] | None = None,
    ) -> Endpoint:
        """Change what is given.

        Raises:
            InvalidEndpoint: a field cannot be accepted.
        """
        self._check(url=url, description=description, types=types)
        return await self._endpoints.change(
            tenant, endpoint_id, self._clock.now(), url=url, description=description,
            types=None if types is None else {*types},
        )  # fmt: skip

    async def rotate(
        self, tenant: str | None, endpoint_id: str, key: str, *, overlap_hours: int
    ) -> WithSecret:
        """Make a new secret; deliveries are signed with both until the overlap ends.

        Raises:
            EndpointConflict: two secrets are in use already.
        """
        overlap = timedelta(hours=overlap_hours)
        return await self._endpoints.rotate(
            tenant, endpoint_id, key, self._clock.now(), overlap=overlap
        )

    async def disable(self, tenant: str | None, endpoint_id: str) -> Endpoint:
        """Send it nothing more."""
        return await self._endpoints.disable(tenant, endpoint_id, self._clock.now())

    async def delete(self, tenant: str | None, endpoint_id: str) -> None:
        """Delete it for good. What waits is given up. To delete it again changes nothing."""
        await self._endpoints.delete(tenant, endpoint_id, self._clock.now())

    async def enable(self, tenant: str | None, endpoint_id: str) -> Endpoint:
        """Send again, from where it stopped."""
        return await self._endpoints.enable(tenant, endpoint_id, self._clock.now())

    async def test(self, tenant: str | None, endpoint_id: str, key: str) -> Delivery:
        """Have a test event sent.

        Raises:
            EndpointConflict: it is disabled.
        """
        return await self._deliveries.test(tenant, endpoint_id, key, self._clock.now())

    async def deliveries(
        self,
        tenant: str | None,
        endpoint_id: str,
        *,
        state: str | None = None,
        before: int | None = None,
        limit: int,
    ) -> list[Delivery]:
        """The endpoint's deliveries, the newest first."""
        return await self._deliveries.all(
            tenant, endpoint_id, state=state, before=before, limit=limit
        )

    async def delivery(self, tenant: str | None, delivery_id: str) -> Delivery:
        """One delivery with its attempts."""
        return await self._deliveries.get(tenant, delivery_id)

    async def resend(self, tenant: str | None, delivery_id: str, key: str) -> Delivery:
        """Send a delivery again.

        Raises:
            EndpointConflict: its endpoint is disabled.
        """
        return await self._deliveries.resend(tenant, delivery_id, key, self._clock.now())

    async def resend_range(
        self,
        tenant: str | None,
        endpoint_id: str,
        key: str,
        *,
        first: int | None,
        last: int | None,
        since: datetime | None,
        until: datetime | None,
        missed_only: bool,
    ) -> Resent:
        """Send the events of a range again, by position, by time or both.

        Raises:
            InvalidEndpoint: no range is given, or it is empty.
            EndpointConflict: the endpoint is disabled.
        """
        wrong = []
        if first is None and since is None:
            wrong.append(WrongField("first_position", "is missing; give it or `since`"))
        if first is not None and last is not None and last < first:
            wrong.append(WrongField("last_position", "is before `first_position`"))
        if since is not None and until is not None and until <= since:
            wrong.append(WrongField("until", "is not after `since`"))
        if wrong:
            raise InvalidEndpoint(wrong)
        return await self._deliveries.resend_range(
            tenant, endpoint_id, key, self._clock.now(),
            first=first, last=last, since=since, until=until, missed_only=missed_only,
        )  # fmt: skip

    def _check(
        self, *, url: str | None, description: str | None, types: Sequence[str] | None
    ) -> None:
        wrong = []
        if url is not None:
            try:
                checked_target(url, self._allowed)
            except BadTarget as bad:
                wrong.append(WrongField("url", str(bad)))
        if description is not None and not (
            len(description) <= DESCRIPTION_LENGTH_MAX
            and (description.isprintable() or not description)
        ):
            wrong.append(WrongField(
                "description",
                f"is not one line of up to {DESCRIPTION_LENGTH_MAX} printable characters",
            ))  # fmt: skip
        known = self._types()
        wrong += [
            WrongField("types", f"{each[:60]!r} is no type of event; there are {', '.join(known)}")
            for each in types or ()
            if each not in known
        ]
        if wrong:
            raise InvalidEndpoint(wrong)

    def _types(self) -> list[str]:
        """Every type of event that an endpoint can ask for."""
        of_lifecycles = [f"{kind}.{change}" for kind in self._kinds for change in ChangeKind]
        of_endpoints = [f"{ENDPOINT_KIND}.{change}" for change in EndpointChange]
        every = [f"{kind}.*" for kind in (*self._kinds, ENDPOINT_KIND)]
        return sorted((*of_lifecycles, *of_endpoints, *every))
