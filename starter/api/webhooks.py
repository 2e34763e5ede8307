"""`/v1/webhook-endpoints` and `/v1/webhook-deliveries`: who hears of events, what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from domain.webhooks import Disabled
from starter.api.callers import IdempotencyKey, Limit, Operates
from starter.api.ordering import REPLAYED, also
from starter.api.parts import Parts
from starter.webhooks.endpoints import OVERLAP_HOURS, OVERLAP_HOURS_MAX, TYPES_MAX
from store.webhooks.deliveries import Delivery
from store.webhooks.endpoints import Endpoint, WithSecret

_STRICT = ConfigDict(extra="forbid", hide_input_in_errors=True)
_Types = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=TYPES_MAX)]
_EndpointId = Annotated[str, Path(max_length=100)]
_DeliveryId = Annotated[str, Path(max_length=100)]
_Position = Annotated[int, Field(ge=1, lt=2**63)]


class NewEndpointBody(BaseModel):
    """An address that shall receive events."""

    model_config = _STRICT

    url: str = Field(max_length=4000, description="https, and public")
    description: str = ""
    types: _Types = Field(default_factory=list, description="such as payment.*; none: all")


class ChangedEndpointBody(BaseModel):
    """What to change. What is left out stays."""

    model_config = _STRICT

    url: str | None = Field(default=None, max_length=4000)
    description: str | None = None
    types: _Types | None = None


class RotationBody(BaseModel):
    """How long the secret before is used beside the new one."""

    model_config = _STRICT

    overlap_hours: int = Field(default=OVERLAP_HOURS, ge=0, le=OVERLAP_HOURS_MAX)


class RangeBody(BaseModel):
    """Which events to send again: by position, by time or both."""

    model_config = _STRICT

    first_position: _Position | None = None
    last_position: _Position | None = Field(default=None, description="included")
    since: AwareDatetime | None = None
    until: AwareDatetime | None = Field(default=None, description="not included")
    missed_only: bool = Field(default=False, description="leave out what was delivered")


class EndpointAnswer(BaseModel):
    """An endpoint, without its secret."""

    id: str
    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    url: str
    description: str
    types: list[str]
    """Of events; empty: all."""
    state: Literal["enabled", "disabled"]
    disabled_reason: Disabled | None
    disabled_at: datetime | None
    created_at: datetime
    old_secret_until: datetime | None
    """Until when deliveries are also signed with the secret before."""
    failing_since: datetime | None
    disable_at: datetime | None
    """If nothing reaches it until then, it is disabled. Set a day before."""
    retry_at: datetime | None
    position: int
    """The last event for which deliveries were made."""


class SecretAnswer(EndpointAnswer):
    """An endpoint with its secret, for the requests that make one."""

    secret: str


class EndpointsAnswer(BaseModel):
    """The endpoints, the oldest first."""

    data: list[EndpointAnswer]


class DeliveryAnswer(BaseModel):
    """One event for one endpoint."""

    id: str
    object: Literal["webhook_delivery"] = "webhook_delivery"
    endpoint_id: str
    event_id: str
    """Sent as `webhook-id`."""
    type: str
    state: Literal["pending", "delivered", "dead"]
    tries: int
    next_at: datetime | None
    created_at: datetime
    ended_at: datetime | None


class AttemptAnswer(BaseModel):
    """One time it was sent."""

    at: datetime
    took_ms: int
    status: int | None
    why: str | None
    """Why it failed; null: it was delivered."""


class DeliveryNowAnswer(DeliveryAnswer):
    """A delivery with its attempts, the first one first."""

    attempts: list[AttemptAnswer]


class DeliveriesAnswer(BaseModel):
    """The deliveries, the newest first."""

    data: list[DeliveryAnswer]
    next_cursor: str | None


class ResentAnswer(BaseModel):
    """How far a range is sent again."""

    resent: int
    next_position: int | None
    """Ask again with this `first_position`: the range has more events than one request may have."""


def webhook_endpoints(parts: Parts) -> APIRouter:
    """The routes of endpoints."""
    router = APIRouter(prefix="/v1/webhook-endpoints", tags=["webhooks"])
    known = parts.webhook_endpoints

    @router.post(
        "", status_code=201, operation_id="create_webhook_endpoint", responses=also(SecretAnswer)
    )
    async def create(
        body: NewEndpointBody, caller: Operates, key: IdempotencyKey, response: Response
    ) -> SecretAnswer:
        """Make an endpoint, which gets the events from now on. The answer has its secret."""
        made = await known.make(
            caller.tenant, key, url=body.url, description=body.description, types=body.types
        )
        return _secret(made, response)

    @router.get("", operation_id="list_webhook_endpoints")
    async def listed(caller: Operates) -> EndpointsAnswer:
        """The tenant's endpoints, the oldest first."""
        return EndpointsAnswer(data=list(map(_endpoint, await known.all(caller.tenant))))

    @router.get("/{endpoint_id}", operation_id="get_webhook_endpoint")
    async def get(endpoint_id: _EndpointId, caller: Operates) -> EndpointAnswer:
        """One endpoint."""
        return _endpoint(await known.get(caller.tenant, endpoint_id))

    @router.patch("/{endpoint_id}", operation_id="update_webhook_endpoint")
    async def update(
        endpoint_id: _EndpointId, body: ChangedEndpointBody, caller: Operates
    ) -> EndpointAnswer:
        """Change address, description or types."""
        changed = await known.change(
            caller.tenant, endpoint_id, url=body.url, description=body.description,
            types=body.types,
        )  # fmt: skip
        return _endpoint(changed)

    @router.post(
        "/{endpoint_id}/rotate-secret",
        status_code=201,
        operation_id="rotate_webhook_secret",
        responses=also(SecretAnswer),
    )
    async def rotate(
        endpoint_id: _EndpointId,
        body: RotationBody,
        caller: Operates,
        key: IdempotencyKey,
        response: Response,
    ) -> SecretAnswer:
        """Make a new secret. Until the overlap ends, deliveries are signed with both."""
        made = await known.rotate(caller.tenant, endpoint_id, key, overlap_hours=body.overlap_hours)
        return _secret(made, response)

    @router.post("/{endpoint_id}/disable", operation_id="disable_webhook_endpoint")
    async def disable(endpoint_id: _EndpointId, caller: Operates) -> EndpointAnswer:
        """Send it nothing more. To ask again changes nothing, so no key is needed."""
        return _endpoint(await known.disable(caller.tenant, endpoint_id))

    @router.post("/{endpoint_id}/enable", operation_id="enable_webhook_endpoint")
    async def enable(endpoint_id: _EndpointId, caller: Operates) -> EndpointAnswer:
        """Send again, from where it stopped. To ask again changes nothing, so no key is needed."""
        return _endpoint(await known.enable(caller.tenant, endpoint_id))

    @router.post("/{endpoint_id}/test", status_code=202, operation_id="test_webhook_endpoint")
    async def test(
        endpoint_id: _EndpointId, caller: Operates, key: IdempotencyKey
    ) -> DeliveryAnswer:
        """Send a test event. Read the delivery for what the receiver answered."""
        return DeliveryAnswer.model_validate(
            _delivery(await known.test(caller.tenant, endpoint_id, key))
        )

    @router.post("/{endpoint_id}/resend", status_code=202, operation_id="resend_webhook_events")
    async def resend(
        endpoint_id: _EndpointId, body: RangeBody, caller: Operates, key: IdempotencyKey
    ) -> ResentAnswer:
        """Send the events of a range again, each with the same `webhook-id` as before."""
        resent = await known.resend_range(
            caller.tenant, endpoint_id, key, first=body.first_position, last=body.last_position,
            since=body.since, until=body.until, missed_only=body.missed_only,
        )  # fmt: skip
        return ResentAnswer(resent=resent.count, next_position=resent.next_position)

    @router.get("/{endpoint_id}/deliveries", operation_id="list_webhook_deliveries")
    async def deliveries(
        endpoint_id: _EndpointId,
        caller: Operates,
        state: Literal["pending", "delivered", "dead"] | None = None,
        after: Annotated[str | None, Query(pattern=r"^\d{1,18}$")] = None,
        limit: Limit = 50,
    ) -> DeliveriesAnswer:
        """The endpoint's deliveries, the newest first; `state=dead` lists what was given up."""
        found = await known.deliveries(
            caller.tenant, endpoint_id, state=state, before=int(after) if after else None,
            limit=limit,
        )  # fmt: skip
        return _page(found, limit)

    return router


def webhook_deliveries(parts: Parts) -> APIRouter:
    """The routes of deliveries."""
    router = APIRouter(prefix="/v1/webhook-deliveries", tags=["webhooks"])
    known = parts.webhook_endpoints

    @router.get("/{delivery_id}", operation_id="get_webhook_delivery")
    async def get(delivery_id: _DeliveryId, caller: Operates) -> DeliveryNowAnswer:
        """One delivery with its attempts."""
        found = await known.delivery(caller.tenant, delivery_id)
        attempts = [AttemptAnswer(**each._asdict()) for each in found.attempts]
        return DeliveryNowAnswer.model_validate({**_delivery(found), "attempts": attempts})

    @router.post("/{delivery_id}/resend", status_code=202, operation_id="resend_webhook_delivery")
    async def resend(
        delivery_id: _DeliveryId, caller: Operates, key: IdempotencyKey
    ) -> DeliveryAnswer:
        """Send it again, whatever came of it, with the same `webhook-id`."""
        return DeliveryAnswer.model_validate(
            _delivery(await known.resend(caller.tenant, delivery_id, key))
        )

    return router


def _fields(endpoint: Endpoint) -> dict[str, object]:
    return {
        "id": endpoint.endpoint_id,
        "url": endpoint.url,
        "description": endpoint.description,
        "types": list(endpoint.types),
        "state": "enabled" if endpoint.is_enabled else "disabled",
        "disabled_reason": endpoint.disabled_why,
        "disabled_at": endpoint.disabled_at,
        "created_at": endpoint.created_at,
        "old_secret_until": endpoint.old_secret_until,
        "failing_since": endpoint.health.failing_since,
        "disable_at": endpoint.health.disable_at,
        "retry_at": endpoint.health.retry_at,
        "position": endpoint.position,
    }


def _endpoint(endpoint: Endpoint) -> EndpointAnswer:
    return EndpointAnswer.model_validate(_fields(endpoint))


def _secret(made: WithSecret, response: Response) -> SecretAnswer:
    response.status_code = 201 if made.is_new else 200
    response.headers[REPLAYED] = str(not made.is_new).lower()
    return SecretAnswer.model_validate({**_fields(made.endpoint), "secret": made.secret})


def _delivery(delivery: Delivery) -> dict[str, object]:
    return {
        "id": delivery.delivery_id,
        "endpoint_id": delivery.endpoint_id,
        "event_id": delivery.event_id,
        "type": delivery.type,
        "state": delivery.state,
        "tries": delivery.tries,
        "next_at": delivery.next_at,
        "created_at": delivery.created_at,
        "ended_at": delivery.ended_at,
    }


def _page(found: Sequence[Delivery], limit: int) -> DeliveriesAnswer:
    data = [DeliveryAnswer.model_validate(_delivery(each)) for each in found]
    return DeliveriesAnswer(
        data=data, next_cursor=str(found[-1].number) if len(found) == limit else None
    )
