"""The body and the signed headers of a webhook, by the Standard Webhooks specification.

The body is a thin event: it names what changed, and the receiver reads the rest with its own key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import UTC, datetime

from pydantic import BaseModel, field_serializer

from domain.webhooks import TEST_TYPE
from starter.event_answer import EventAnswer, event_answer
from store.events import Event

_SECRET_PREFIX = "whsec_"


class TestAnswer(BaseModel):
    """What the body of a test says, instead of an event."""

    __test__ = False

    id: str


class WebhookBody(BaseModel):
    """The body of a webhook."""

    type: str
    timestamp: datetime
    """When the event happened, and not when it was sent."""
    data: EventAnswer | TestAnswer

    @field_serializer("timestamp")
    def _in_utc(self, at: datetime) -> str:
        return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def body_of(event: Event) -> bytes:
    """The body that tells of an event. It is the same for every attempt."""
    return body_of_answer(event_answer(event))


def body_of_answer(event: EventAnswer) -> bytes:
    """The same of an event as the API shows it."""
    return _bytes(WebhookBody(type=event.type, timestamp=event.created_at, data=event))


def body_of_test(event_id: str, at: datetime) -> bytes:
    """The body of a test."""
    return _bytes(WebhookBody(type=TEST_TYPE, timestamp=at, data=TestAnswer(id=event_id)))


def signed_headers(
    secrets: Iterable[str], message_id: str, sent_at: datetime, body: bytes
) -> dict[str, str]:
    """The headers of one attempt, with a signature for each secret.

    Args:
        secrets: as receivers have them, `whsec_` and base64; the newest first.
        message_id: of the event: the same for each retry.
        sent_at: the moment of this attempt, aware.
    """
    timestamp = str(int(sent_at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signatures = (
        base64.b64encode(hmac.digest(_key(each), signed, hashlib.sha256)).decode()
        for each in secrets
    )
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{each}" for each in signatures),
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_SECRET_PREFIX))


def _bytes(body: WebhookBody) -> bytes:
    return body.model_dump_json().encode()
