"""`/v1/webhook-endpoints` and `/v1/webhook-deliveries`: who hears of events, what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from starter.api.callers import IdempotencyKey, Limit, Operates
from starter.api.ordering import REPLAYED, also
from starter.api.parts import Parts
from starter.webhooks.answers import (
    DeliveryAnswer,
    DeliveryNowAnswer,
    EndpointAnswer,
    delivery_answer,
    endpoint_answer,
    with_attempts,
)
from starter.webhooks.endpoints import OVERLAP_HOURS, OVERLAP_HOURS_MAX, TYPES_MAX
from store.webhooks.deliveries import Delivery, DeliveryState
from store.webhooks.endpoints import WithSecret

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


class SecretAnswer(EndpointAnswer):
    """An endpoint with its secret, for the requests that make one."""

    secret: str


class EndpointsAnswer(BaseModel):
    """The endpoints, the oldest first."""

    data: list[EndpointAnswer]


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
        return EndpointsAnswer(data=list(map(endpoint_answer, await known.all(caller.tenant))))

    @router.get("/{endpoint_id}", operation_id="get_webhook_endpoint")
    async def get(endpoint_id: _EndpointId, caller: Operates) -> EndpointAnswer:
        """One endpoint."""
        return endpoint_answer(await known.get(caller.tenant, endpoint_id))

    @router.patch("/{endpoint_id}", operation_id="update_webhook_endpoint")
    async def update(
        endpoint_id: _EndpointId, body: ChangedEndpointBody, caller: Operates
    ) -> EndpointAnswer:
        """Change address, description or types."""
        changed = await known.change(
            caller.tenant, endpoint_id, url=body.url, description=body.description,
            types=body.types,
        )  # fmt: skip
        return endpoint_answer(changed)

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
        return endpoint_answer(await known.disable(caller.tenant, endpoint_id))

    @router.post("/{endpoint_id}/enable", operation_id="enable_webhook_endpoint")
    async def enable(endpoint_id: _EndpointId, caller: Operates) -> EndpointAnswer:
        """Send again, from where it stopped. To ask again changes nothing, so no key is needed."""
        return endpoint_answer(await known.enable(caller.tenant, endpoint_id))

    @router.delete("/{endpoint_id}", status_code=204, operation_id="delete_webhook_endpoint")
    async def delete(endpoint_id: _EndpointId, caller: Operates) -> None:
        """Delete it for good. What waits is given up; what was sent can be read for a while. To
        ask again changes nothing, so no key is needed."""
        await known.delete(caller.tenant, endpoint_id)

    @router.post("/{endpoint_id}/test", status_code=202, operation_id="test_webhook_endpoint")
    async def test(
        endpoint_id: _EndpointId, caller: Operates, key: IdempotencyKey
    ) -> DeliveryAnswer:
        """Send a test event. Read the delivery for what the receiver answered."""
        return delivery_answer(await known.test(caller.tenant, endpoint_id, key))

    @router.post("/{endpoint_id}/resend", status_code=202, operation_id="resend_webhook_events")
    async def resend(
        endpoint_id: _EndpointId, body: RangeBody, caller: Operates, key: IdempotencyKey
    ) -> ResentAnswer:
        """Send the events of a range again, each with the same `webhook-id` as before."""
        resent = await known.resend_range(
            caller.tenant, endpoint_id, key, first=body.first_position, last=body.last_position,
            since=body.since, until=body.until, missed_only=body.missed_only,
        )  # fmt: skip
        return ResentAnswer(resent=resent.deliveries, next_position=resent.next_position)

    @router.get("/{endpoint_id}/deliveries", operation_id="list_webhook_deliveries")
    async def deliveries(
        endpoint_id: _EndpointId,
        caller: Operates,
        state: DeliveryState | None = None,
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
        return with_attempts(await known.delivery(caller.tenant, delivery_id))

    @router.post("/{delivery_id}/resend", status_code=202, operation_id="resend_webhook_delivery")
    async def resend(
        delivery_id: _DeliveryId, caller: Operates, key: IdempotencyKey
    ) -> DeliveryAnswer:
        """Send it again, whatever came of it, with the same `webhook-id`."""
        return delivery_answer(await known.resend(caller.tenant, delivery_id, key))

    return router


def _secret(made: WithSecret, response: Response) -> SecretAnswer:
    response.status_code = 201 if made.is_new else 200
    response.headers[REPLAYED] = str(not made.is_new).lower()
    return SecretAnswer.model_validate(
        {**endpoint_answer(made.endpoint).model_dump(), "secret": made.secret}
    )


def _page(found: Sequence[Delivery], limit: int) -> DeliveriesAnswer:
    data = [delivery_answer(each) for each in found]
    return DeliveriesAnswer(
        data=data, next_cursor=str(found[-1].number) if len(found) == limit else None
    )
