"""Stripe's webhooks: verified on the raw bytes, then reduced to the payment each is about."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from domain.lifecycle.answers import Webhook, WebhookRefused
from partners.kit.signatures import check_age, verify
from partners.kit.wire import Unusable, read
from partners.stripe import events, wire
from partners.stripe.account import StripeAccount, WebhookSigning
from partners.stripe.profile import API_VERSION
from transport.json_text import NotJson, UnsafeJson, parse

log = logging.getLogger("finality.stripe")

_HEADER: Final = "stripe-signature"


class StripeWebhooks:
    """A `WebhookReader` for one of our accounts with them."""

    def __init__(self, account: StripeAccount, signing: WebhookSigning) -> None:
        self._account = account
        self._signing = signing
        self._warned_of: set[str] = set()

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Webhook:
        """Verify the raw bytes, then say which payment they are about.

        Guide "Webhooks", "Verify webhook signatures manually": an HMAC of `t`, a dot and the body;
        one `v1` for each secret while a secret is rolled.

        Raises:
            WebhookRefused: forged, stale, not an event, or about an account that is not ours.
        """
        named = {name.lower(): value for name, value in headers.items()}
        moment, claims = _parts(named.get(_HEADER, ""))
        verify(
            moment.encode() + b"." + body,
            claims,
            self._signing.secrets,
            digest="sha256",
            encoding="hex",
        )
        check_age(moment, f"{_HEADER} t", now, self._signing.tolerance)
        text = body.decode(errors="replace")
        if (thin := _thin(text)) is not None:
            return thin
        event = read(wire.Event, text)
        if isinstance(event, Unusable):
            raise WebhookRefused(f"it is signed, but is {event.why}")
        webhook = events.webhook_of(event, self._account)
        self._look_at_version(event.api_version)
        return webhook

    def _look_at_version(self, version: str | None) -> None:
        """Warn once of each other version. Only ids are read, so the delivery still counts."""
        if version in (None, API_VERSION) or version in self._warned_of:
            return
        self._warned_of.add(str(version))
        log.warning(
            "events come as version %.40r, and calls are made as %s; create the endpoint with "
            "api_version",
            version,
            API_VERSION,
        )


def _parts(header: str) -> tuple[str, list[str]]:
    """The signed moment and the signatures of `t=…,v1=…,v1=…`.

    Raises:
        WebhookRefused: no such header, or one of the parts is missing.
    """
    pairs = [part.strip().partition("=") for part in header.split(",")]
    moments = [value for name, _, value in pairs if name == "t"]
    claims = [value for name, _, value in pairs if name == "v1"]
    if len(moments) != 1 or not claims:
        raise WebhookRefused(f"no header {_HEADER} with one t and a v1")
    return moments[0], claims


def _thin(text: str) -> Webhook | None:
    """A notification of their API v2, which has no object. Nothing of ours is announced there."""
    try:
        whole = parse(text)
    except (NotJson, UnsafeJson) as error:
        raise WebhookRefused(f"it is signed, but is {error}") from None
    if not isinstance(whole, dict) or whole.get("object") != "v2.core.event":
        return None
    kind, event_id = str(whole.get("type", ""))[:80], whole.get("id")
    if not isinstance(event_id, str):
        raise WebhookRefused("it is signed, but has no id")
    return Webhook(event_id, None, kind, is_for_us=False)
