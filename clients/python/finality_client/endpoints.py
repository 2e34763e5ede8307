"""Webhook endpoints: the addresses that receive events, and what was delivered to them."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, TypedDict, Unpack

from pydantic import Field

from finality_client.answers import Answer, Page
from finality_client.calls import Call, ask, get, nothing, post, reading, segment
from finality_client.parts import AsyncPart, Part
from finality_client.requests import PAGE

_AT = "/v1/webhook-endpoints"


class EndpointChanges(TypedDict, total=False):
    """What to change. What is left out stays."""

    url: str
    description: str
    types: list[str]


class Range(TypedDict, total=False):
    """Which events to send again: by position, by time or both."""

    first_position: int
    last_position: int
    since: datetime | str
    until: datetime | str
    missed_only: bool


class Endpoint(Answer):
    """An address that receives events."""

    id: str
    url: str
    description: str = ""
    types: list[str] = Field(default_factory=list)
    """Of events; empty: all."""
    state: str
    disabled_reason: str | None = None
    disabled_at: datetime | None = None
    created_at: datetime
    old_secret_until: datetime | None = None
    failing_since: datetime | None = None
    disable_at: datetime | None = None
    """If nothing reaches it until then, it is disabled."""
    retry_at: datetime | None = None
    position: int = 0


class EndpointWithSecret(Endpoint):
    """An endpoint that was made or got a new secret. Keep the secret for `verify_webhook`."""

    secret: str = Field(repr=False)


class DeliveryAttempt(Answer):
    """One time it was sent."""

    at: datetime
    took_ms: int
    status: int | None = None
    why: str | None = None
    """Why it failed; None: it was delivered."""


class WebhookDelivery(Answer):
    """One event for one endpoint. Only `delivery` has its attempts."""

    id: str
    endpoint_id: str
    event_id: str
    type: str
    state: str
    tries: int
    next_at: datetime | None = None
    created_at: datetime
    ended_at: datetime | None = None
    attempts: list[DeliveryAttempt] = Field(default_factory=list)


class Resent(Answer):
    """How far a range is sent again."""

    resent: int
    next_position: int | None = None
    """Go on with this `first_position`, if it is not None."""


def _make(
    url: str, description: str, types: Collection[str], key: str | None
) -> Call[EndpointWithSecret]:
    body = {"url": url, "description": description, "types": list(types)}
    return post(_AT, EndpointWithSecret, body, key)


def _change(id: str, changes: EndpointChanges) -> Call[Endpoint]:
    return ask("PATCH", f"{_AT}/{segment(id)}", reading(Endpoint), changes)


def _rotate(id: str, overlap_hours: int, key: str | None) -> Call[EndpointWithSecret]:
    body = {"overlap_hours": overlap_hours}
    return post(f"{_AT}/{segment(id)}/rotate-secret", EndpointWithSecret, body, key)


def _switch(id: str, to: str) -> Call[Endpoint]:
    return ask("POST", f"{_AT}/{segment(id)}/{to}", reading(Endpoint), {})


def _delete(id: str) -> Call[None]:
    return Call("DELETE", f"{_AT}/{segment(id)}", nothing)


def _test(id: str, key: str | None) -> Call[WebhookDelivery]:
    return post(f"{_AT}/{segment(id)}/test", WebhookDelivery, {}, key)


def _deliveries(
    id: str, state: str | None, after: str | None, limit: int
) -> Call[Page[WebhookDelivery]]:
    path = f"{_AT}/{segment(id)}/deliveries"
    return get(path, Page[WebhookDelivery], state=state, after=after, limit=limit)


def _delivery(id: str) -> Call[WebhookDelivery]:
    return get(f"/v1/webhook-deliveries/{segment(id)}", WebhookDelivery)


def _resend(id: str, key: str | None) -> Call[WebhookDelivery]:
    return post(f"/v1/webhook-deliveries/{segment(id)}/resend", WebhookDelivery, {}, key)


def _resend_range(id: str, what: Range, key: str | None) -> Call[Resent]:
    body: dict[str, Any] = {**what}
    return post(f"{_AT}/{segment(id)}/resend", Resent, body, key)


class WebhookEndpoints(Part):
    """Endpoints of the tenant. The API key needs the scope `operate`."""

    def create(
        self,
        url: str,
        *,
        types: Collection[str] = (),
        description: str = "",
        key: str | None = None,
    ) -> EndpointWithSecret:
        """Make one, which gets the events from now on.

        Args:
            types: such as `payment.*`; none: all.
        """
        return self._do(_make(url, description, types, key))

    def all(self) -> list[Endpoint]:
        """All, the oldest first."""
        return self._do(get(_AT, Page[Endpoint])).data

    def get(self, id: str) -> Endpoint:
        """One."""
        return self._do(get(f"{_AT}/{segment(id)}", Endpoint))

    def update(self, id: str, **changes: Unpack[EndpointChanges]) -> Endpoint:
        """Change what is given."""
        return self._do(_change(id, changes))

    def rotate_secret(
        self, id: str, *, overlap_hours: int = 24, key: str | None = None
    ) -> EndpointWithSecret:
        """Make a new secret. Until the overlap ends, deliveries are signed with both."""
        return self._do(_rotate(id, overlap_hours, key))

    def disable(self, id: str) -> Endpoint:
        """Send it nothing more."""
        return self._do(_switch(id, "disable"))

    def enable(self, id: str) -> Endpoint:
        """Send again, from where it stopped."""
        return self._do(_switch(id, "enable"))

    def delete(self, id: str) -> None:
        """Delete it for good. To delete it again changes nothing."""
        self._do(_delete(id))

    def test(self, id: str, *, key: str | None = None) -> WebhookDelivery:
        """Send a test event. Read the delivery for what the receiver answered."""
        return self._do(_test(id, key))

    def deliveries(
        self, id: str, *, state: str | None = None, after: str | None = None, limit: int = PAGE
    ) -> Page[WebhookDelivery]:
        """A page of what was sent, the newest first; the state `dead`: what was given up."""
        return self._do(_deliveries(id, state, after, limit))

    def delivery(self, id: str) -> WebhookDelivery:
        """One delivery with its attempts."""
        return self._do(_delivery(id))

    def resend(self, delivery_id: str, *, key: str | None = None) -> WebhookDelivery:
        """Send one again, with the same `webhook-id`."""
        return self._do(_resend(delivery_id, key))

    def resend_range(self, id: str, *, key: str | None = None, **what: Unpack[Range]) -> Resent:
        """Send the events of a range again, up to 500 in one call."""
        return self._do(_resend_range(id, what, key))


class AsyncWebhookEndpoints(AsyncPart):
    """Endpoints of the tenant. The API key needs the scope `operate`."""

    async def create(
        self,
        url: str,
        *,
        types: Collection[str] = (),
        description: str = "",
        key: str | None = None,
    ) -> EndpointWithSecret:
        """Make one, which gets the events from now on.

        Args:
            types: such as `payment.*`; none: all.
        """
        return await self._do(_make(url, description, types, key))

    async def all(self) -> list[Endpoint]:
        """All, the oldest first."""
        return (await self._do(get(_AT, Page[Endpoint]))).data

    async def get(self, id: str) -> Endpoint:
        """One."""
        return await self._do(get(f"{_AT}/{segment(id)}", Endpoint))

    async def update(self, id: str, **changes: Unpack[EndpointChanges]) -> Endpoint:
        """Change what is given."""
        return await self._do(_change(id, changes))

    async def rotate_secret(
        self, id: str, *, overlap_hours: int = 24, key: str | None = None
    ) -> EndpointWithSecret:
        """Make a new secret. Until the overlap ends, deliveries are signed with both."""
        return await self._do(_rotate(id, overlap_hours, key))

    async def disable(self, id: str) -> Endpoint:
        """Send it nothing more."""
        return await self._do(_switch(id, "disable"))

    async def enable(self, id: str) -> Endpoint:
        """Send again, from where it stopped."""
        return await self._do(_switch(id, "enable"))

    async def delete(self, id: str) -> None:
        """Delete it for good. To delete it again changes nothing."""
        await self._do(_delete(id))

    async def test(self, id: str, *, key: str | None = None) -> WebhookDelivery:
        """Send a test event. Read the delivery for what the receiver answered."""
        return await self._do(_test(id, key))

    async def deliveries(
        self, id: str, *, state: str | None = None, after: str | None = None, limit: int = PAGE
    ) -> Page[WebhookDelivery]:
        """A page of what was sent, the newest first; the state `dead`: what was given up."""
        return await self._do(_deliveries(id, state, after, limit))

    async def delivery(self, id: str) -> WebhookDelivery:
        """One delivery with its attempts."""
        return await self._do(_delivery(id))

    async def resend(self, delivery_id: str, *, key: str | None = None) -> WebhookDelivery:
        """Send one again, with the same `webhook-id`."""
        return await self._do(_resend(delivery_id, key))

    async def resend_range(
        self, id: str, *, key: str | None = None, **what: Unpack[Range]
    ) -> Resent:
        """Send the events of a range again, up to 500 in one call."""
        return await self._do(_resend_range(id, what, key))
