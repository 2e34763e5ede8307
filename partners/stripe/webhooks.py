"""Stripe's events: verified on the raw bytes, then reduced to the payment each is about."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from domain.lifecycle.answers import Webhook, WebhookRefused
from partners.kit.signatures import check_age, verify
from partners.kit.wire import Unusable, read
from partners.stripe import wire, words
from partners.stripe.account import StripeAccount, WebhookSigning
from partners.stripe.profile import API_VERSION
from transport.json_text import NotJson, UnsafeJson, parse

log = logging.getLogger("finality.stripe")

_HEADER: Final = "stripe-signature"
_REFERENCE_LENGTH_MAX: Final = 255
#: What a type begins with -> the field of the object that names the payment. Other types are of no
#: use to us.
REFERENCE: Final = {
    "payment_intent.": "id",
    "payout.": "id",
    "charge.": "payment_intent",
    "refund.": "payment_intent",
    "radar.early_fraud_warning.": "payment_intent",
    "review.": "payment_intent",
}
#: They carry our key in their metadata if they are ours. Other systems may use the same account.
_MARKED: Final = ("payment_intent.", "payout.")
#: It comes before anything moves, from our own preparation.
_TOO_EARLY: Final = frozenset({"payment_intent.created"})


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
        self._require_ours(event)
        self._look_at_version(event.api_version)
        reference, is_for_us = _about(event.type, event.data.object)
        return Webhook(event.id, reference, event.type, is_for_us=is_for_us)

    def _require_ours(self, event: wire.Event) -> None:
        if event.account not in (None, self._account.account_id):
            raise WebhookRefused("it is about another account than ours")
        if event.livemode is not self._account.is_live:
            kinds = ("live", "test") if event.livemode else ("test", "live")
            raise WebhookRefused("it is about {} objects, and our key is for {}".format(*kinds))

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


def _about(kind: str, shown: Mapping[str, Any]) -> tuple[str | None, bool]:
    """The reference of the payment, and whether it can be one of ours.

    Raises:
        WebhookRefused: the reference is no text of a possible length.
    """
    prefix = next((each for each in REFERENCE if kind.startswith(each)), None)
    reference = shown.get(REFERENCE[prefix]) if prefix else None
    if prefix is None or reference is None:
        return None, False
    is_one = isinstance(reference, str) and reference.isprintable()
    if not is_one or not 0 < len(reference) <= _REFERENCE_LENGTH_MAX:
        raise WebhookRefused(f"it is signed, but {kind!r:.80} names no payment")
    metadata = shown.get("metadata")
    is_marked = isinstance(metadata, dict) and words.OUR_KEY in metadata
    return reference, kind not in _TOO_EARLY and (is_marked or prefix not in _MARKED)
