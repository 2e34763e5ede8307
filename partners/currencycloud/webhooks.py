"""Their push notifications: verified, then reduced to the payment that each is about."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from domain.lifecycle.answers import Webhook, WebhookRefused
from partners.currencycloud.account import WebhookSigning
from partners.kit.signatures import check_age, verify
from transport.json_text import parse

log = logging.getLogger("finality.currencycloud")

#: Notification version -> media type, by which the two versions can be recognised.
MEDIA_TYPE: Final[dict[str, str]] = {
    "2021-01-01": "text/plain",
    "2021-02-01": "application/json",
}
#: Their payment ids are UUIDs; a much longer text is none.
_REFERENCE_LENGTH_MAX: Final = 64


class CurrencycloudWebhooks:
    """A `WebhookReader` for one of our accounts with them."""

    def __init__(self, signing: WebhookSigning) -> None:
        self._signing = signing
        self._warned_of: set[str] = set()

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Webhook:
        """Verify the raw bytes, then say which payment they are about.

        Their events have no id, so a hash of the body identifies one. A repeated or replayed
        delivery is therefore the same event, and has no effect even if it has no timestamp.

        Raises:
            WebhookRefused: forged, stale, not a notification, or without the id of its payment.
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
        signed = body
        if (name := signing.timestamp_header) is not None:
            moment = headers.get(name.lower(), "")
            check_age(moment, name, now, signing.tolerance)
            signed = moment.encode() + b"." + body
        verify(signed, [given], signing.secrets, digest=signing.digest, encoding=signing.encoding)

    def _look_at_version(self, content_type: str) -> None:
        """Warn once if a delivery is not of the pinned version; the delivery still counts."""
        media_type = content_type.partition(";")[0].strip().lower()[:40]
        pinned = self._signing.version
        if media_type == MEDIA_TYPE[pinned] or media_type in self._warned_of:
            return
        self._warned_of.add(media_type)
        log.warning(
            "notifications come as %r, which is not version %s; ask Currencycloud to pin the "
            "version of this endpoint",
            media_type,
            pinned,
        )


def _pointer(body: bytes) -> tuple[str, str | None]:
    """The kind of a notification, and the payment that it is about, if any.

    Money that is returned or called back is announced as a transaction on the balance.

    Raises:
        WebhookRefused: not a notification of a known shape, or one without the payment's id.
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
        raise WebhookRefused("it is signed, but is not a notification that we know") from None
    is_one = isinstance(reference, str) and reference.isprintable()
    if not is_one or not 0 < len(reference) <= _REFERENCE_LENGTH_MAX:
        raise WebhookRefused(f"it is signed, but {kind!r:.80} names no payment")
    return kind, reference
