"""Verifies deliveries of webhooks by Standard Webhooks, before anything in them is believed.

Written here and not taken from the `standardwebhooks` package, which knows one secret and raises a
bare ValueError for a malformed header.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import ValidationError

from finality_client.answers import Event
from finality_client.errors import WebhookInvalid

_PREFIX: Final = "whsec_"
_SECRET_BYTES_MIN: Final = 16
_SECONDS: Final = re.compile(r"\d{1,11}", re.ASCII)
_SIGNATURES_MAX: Final = 20
TOLERANCE: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class Delivery:
    """A delivery that is ours.

    Attributes:
        id: the same on every retry of it: keep the ids that you have handled.
        sent_at: aware, UTC. It is the moment of this try, not of the event.
        event: what changed. Read its object for the present state, and order by `sequence`.
    """

    id: str
    sent_at: datetime
    event: Event


def verify_webhook(
    body: bytes,
    headers: Mapping[str, str],
    secrets: str | Sequence[str],
    *,
    now: datetime | None = None,
    tolerance: timedelta = TOLERANCE,
) -> Delivery:
    """The delivery, if it is ours and fresh.

    Args:
        body: the raw bytes as they arrived. JSON that was read and written again has others.
        headers: of the request; case does not matter.
        secrets: `whsec_…`, each that is live: two while one is being rotated.
        now: aware; by default this machine's clock.
        tolerance: how far the sender's clock and ours may differ, either way.

    Raises:
        WebhookInvalid: it is forged, stale or malformed.
        ValueError: a secret or `now` cannot be used; that is a mistake of your own program.
    """
    keys = [_key(each) for each in ([secrets] if isinstance(secrets, str) else secrets)]
    if not keys:
        raise ValueError("secrets: give at least one")
    moment = datetime.now(UTC) if now is None else now
    if moment.utcoffset() is None:
        raise ValueError("now: give an aware moment")
    if not isinstance(body, bytes):
        raise TypeError("body: give the raw bytes of the request")
    given = _headers(headers)
    sent_at = _sent_at(given["webhook-timestamp"])
    if abs(moment - sent_at) > tolerance:
        raise WebhookInvalid(
            f"the delivery was signed at {sent_at.isoformat()}, which is more than "
            f"{tolerance.total_seconds():g} s from now: it is replayed, or a clock is wrong"
        )
    signed = f"{given['webhook-id']}.{given['webhook-timestamp']}.".encode() + body
    expected = [hmac.new(key, signed, hashlib.sha256).digest() for key in keys]
    found = _signatures(given["webhook-signature"])
    # Every pair is compared, so that the time says nothing about which one fits.
    matches = [hmac.compare_digest(one, other) for one in found for other in expected]
    if not any(matches):
        raise WebhookInvalid("no signature of the delivery is by one of the secrets")
    try:
        event = Event.model_validate_json(body)
    except ValidationError:
        raise WebhookInvalid("the delivery is signed, but its body is no event") from None
    return Delivery(given["webhook-id"], sent_at, event)


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < _SECRET_BYTES_MIN:
        raise ValueError("secrets: a secret is 'whsec_' and at least 16 bytes in base64")
    return key


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    given = {name.lower(): value for name, value in headers.items()}
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        value = given.get(name, "")
        if not (value and value.isascii() and value.isprintable()):
            raise WebhookInvalid(f"the header {name} is missing or malformed")
    return given


def _sent_at(text: str) -> datetime:
    if not _SECONDS.fullmatch(text):
        raise WebhookInvalid("the header webhook-timestamp is no number of seconds since 1970")
    return datetime.fromtimestamp(int(text), UTC)


def _signatures(text: str) -> list[bytes]:
    """Those of version 1; later versions and malformed ones are passed over."""
    found = []
    for each in text.split(" ")[:_SIGNATURES_MAX]:
        version, _, signature = each.partition(",")
        if version != "v1":
            continue
        try:
            found.append(base64.b64decode(signature, validate=True))
        except (binascii.Error, ValueError):
            continue
    return found
