"""Webhooks: verified on the raw bytes, then reduced to the order each is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr

from domain.lifecycle.answers import Webhook, WebhookRefused
from examples.harbour import wire
from partners.kit.signatures import check_age, verify
from partners.kit.wire import Unusable, read

_TOLERANCE: Final = timedelta(minutes=5)


class HarbourWebhooks:
    def __init__(self, secrets: Sequence[SecretStr]) -> None:
        self._secrets = secrets

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Webhook:
        named = {name.lower(): value for name, value in headers.items()}
        at, claim = named.get("harbour-time", ""), named.get("harbour-signature", "")
        signed = at.encode() + b"." + body
        verify(signed, [claim], self._secrets, digest="sha256", encoding="hex")
        check_age(at, "harbour-time", now, _TOLERANCE)
        event = read(wire.Event, body.decode(errors="replace"))
        if isinstance(event, Unusable):
            raise WebhookRefused(f"it is signed, but is {event.why}")
        return Webhook(event.event, event.order_id, event.kind)
