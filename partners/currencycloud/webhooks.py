"""Their push notifications: proven to be theirs, and which payment each is about."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, Protocol

from pydantic import SecretStr

from domain.answers import Webhook, WebhookRefused
from transport.json_text import parse

log = logging.getLogger("finality.currencycloud")

Encoding = Literal["hex", "base64"]
Digest = Literal["sha256", "sha384", "sha512"]
Version = Literal["2021-01-01", "2021-02-01"]

#: Where their guide "Inbound Funds / Collections" shows the HMAC, in hexadecimal digits. The
#: reference has neither name nor encoding: both are settings.
HEADER: Final = "x-hmac-digest-sha-512"
#: Notification version -> media type: that is how the two versions differ.
MEDIA_TYPE: Final[dict[Version, str]] = {
    "2021-01-01": "text/plain",
    "2021-02-01": "application/json",
}
#: They number payments with UUIDs; what is much longer is none.
_REFERENCE_LENGTH_MAX: Final = 64


class Signing(Protocol):
    """How deliveries to one of our accounts are signed."""

    @property
    def secrets(self) -> tuple[SecretStr, ...]: ...
    @property
    def header(self) -> str: ...
    @property
    def encoding(self) -> Encoding: ...
    @property
    def digest(self) -> Digest: ...
    @property
    def version(self) -> Version: ...
    @property
    def timestamp_header(self) -> str | None: ...
    @property
    def tolerance(self) -> timedelta: ...


class CurrencycloudWebhooks:
    """A `WebhookReader` for one of our accounts with them."""

    def __init__(self, signing: Signing) -> None:
        self._signing = signing
        self._secrets = [secret.get_secret_value().encode() for secret in signing.secrets]
        self._warned_of: set[str] = set()

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Webhook:
        """Verify the raw bytes, then say which payment they point at.

        They give events no id: the content is one. A delivery repeated is then the same event,
        and so is one replayed later, which is why it has no effect even without a timestamp.

        Raises:
            WebhookRefused: forged, stale, or without the id of a payment.
        """
        named = {name.lower(): value for name, value in headers.items()}
        self._verify(named, body, now)
        self._look_at_version(named.get("content-type", ""))
        kind, reference = _pointer(body)
        return Webhook(
            event_key=hashlib.sha256(body).hexdigest(),
            partner_reference=reference,
            kind=kind,
            is_for_us=reference is not None,
        )

    def _verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        signing = self._signing
        given = headers.get(signing.header.lower())
        if given is None:
            raise WebhookRefused(f"no header {signing.header}")
        try:
            claimed = _decoded(given.strip(), signing.encoding)
        except ValueError:
            raise WebhookRefused(f"{signing.header} is not {signing.encoding}") from None
        signed = body
        if signing.timestamp_header is not None:
            signed = self._fresh(headers, signing.timestamp_header, now) + b"." + body
        # Every secret is tried, whichever fits: the time taken tells nothing.
        fits = [
            hmac.compare_digest(hmac.digest(secret, signed, signing.digest), claimed)
            for secret in self._secrets
        ]
        if not any(fits):
            raise WebhookRefused("the signature is not by any of our secrets")

    def _fresh(self, headers: Mapping[str, str], name: str, now: datetime) -> bytes:
        """The timestamp as it was signed. One in the future is no better than an old one."""
        text = headers.get(name.lower(), "")
        try:
            at = datetime.fromtimestamp(int(text), UTC)
        except (ValueError, OverflowError, OSError):
            raise WebhookRefused(f"{name} is not a moment in Unix seconds") from None
        if abs(now - at) > self._signing.tolerance:
            raise WebhookRefused(f"stale: {name} is {(now - at).total_seconds():.0f} s away")
        return text.encode()

    def _look_at_version(self, content_type: str) -> None:
        """Tell a person of another version than the pinned one; what it points at still counts."""
        media_type = content_type.partition(";")[0].strip().lower()[:40]
        pinned = self._signing.version
        if media_type == MEDIA_TYPE[pinned] or media_type in self._warned_of:
            return
        self._warned_of.add(media_type)
        log.warning(
            "notifications come as %r, which is not version %s; have them pin the version "
            "of this endpoint",
            media_type,
            pinned,
        )


def _decoded(text: str, encoding: Encoding) -> bytes:
    """Raises ValueError: not of that encoding."""
    return bytes.fromhex(text) if encoding == "hex" else base64.b64decode(text, validate=True)


def _pointer(body: bytes) -> tuple[str, str | None]:
    """The kind of a notification, and the payment it is about if it is about one.

    Money that comes back, or is called back, is announced as a transaction of the balance.
    """
    try:
        message = parse(body.decode())
        header, about = message["header"], message["body"]
        kind, subject = str(header["notification_type"]), header["message_type"]
        is_entry = subject == "cash_manager_transaction"
        if is_entry and about["related_entity_type"] == "payment":
            reference = about["related_entity_id"]
        elif subject == "payment":
            reference = about["id"]
        else:
            return kind, None
    except (ValueError, KeyError, TypeError):
        raise WebhookRefused("theirs, but not a notification as we know them") from None
    is_one = isinstance(reference, str) and reference.isprintable()
    if not is_one or not 0 < len(reference) <= _REFERENCE_LENGTH_MAX:
        raise WebhookRefused(f"theirs, but {kind!r:.80} names no payment")
    return kind, reference
