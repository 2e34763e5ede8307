"""Endpoints and deliveries as programs read them, over the HTTP API and from commands."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from domain.webhooks import Disabled
from store.webhooks.deliveries import Delivery, DeliveryState
from store.webhooks.endpoints import Endpoint


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


class DeliveryAnswer(BaseModel):
    """One event for one endpoint."""

    id: str
    object: Literal["webhook_delivery"] = "webhook_delivery"
    endpoint_id: str
    event_id: str
    """Sent as `webhook-id`."""
    type: str
    state: DeliveryState
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


def endpoint_answer(endpoint: Endpoint) -> EndpointAnswer:
    """The endpoint for programs."""
    return EndpointAnswer(
        id=endpoint.endpoint_id,
        url=endpoint.url,
        description=endpoint.description,
        types=list(endpoint.types),
        state="enabled" if endpoint.is_enabled else "disabled",
        disabled_reason=endpoint.disabled_why,
        disabled_at=endpoint.disabled_at,
        created_at=endpoint.created_at,
        old_secret_until=endpoint.old_secret_until,
        failing_since=endpoint.health.failing_since,
        disable_at=endpoint.health.disable_at,
        retry_at=endpoint.health.retry_at,
        position=endpoint.position,
    )


def delivery_answer(delivery: Delivery) -> DeliveryAnswer:
    """The delivery for programs."""
    return DeliveryAnswer(
        id=delivery.delivery_id,
        endpoint_id=delivery.endpoint_id,
        event_id=delivery.event_id,
        type=delivery.type,
        state=delivery.state,
        tries=delivery.tries,
        next_at=delivery.next_at,
        created_at=delivery.created_at,
        ended_at=delivery.ended_at,
    )


def with_attempts(delivery: Delivery) -> DeliveryNowAnswer:
    """The delivery with its attempts."""
    attempts = [AttemptAnswer(**each._asdict()) for each in delivery.attempts]
    return DeliveryNowAnswer(**delivery_answer(delivery).model_dump(), attempts=attempts)
