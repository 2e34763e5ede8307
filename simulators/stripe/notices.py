"""Events: made once, kept for the list of events, delivered with `Stripe-Signature`."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from simulators.kit import notices as kit
from simulators.kit import targets
from simulators.kit.replies import Json, Row
from simulators.stripe.ids import new_id

#: The version of events, until the control endpoint changes it.
API_VERSION = "2026-06-24.dahlia"
_SETTING = "api_version"

#: Kind of an object -> the event of each of its statuses; "" is any other.
_EVENTS: dict[str, dict[str, str]] = {
    "payment_intent": {
        "requires_payment_method": "payment_intent.payment_failed",
        "requires_confirmation": "payment_intent.created",
        "requires_action": "payment_intent.requires_action",
        "requires_capture": "payment_intent.amount_capturable_updated",
        "processing": "payment_intent.processing",
        "succeeded": "payment_intent.succeeded",
        "canceled": "payment_intent.canceled",
    },
    "setup_intent": {
        "requires_action": "setup_intent.requires_action",
        "succeeded": "setup_intent.succeeded",
        "canceled": "setup_intent.canceled",
        "": "setup_intent.created",
    },
    "charge": {"pending": "charge.pending", "failed": "charge.failed", "": "charge.succeeded"},
    "refund": {"failed": "refund.failed", "": "refund.updated"},
    "dispute": {"": "charge.dispute.updated"},
    "payout": {
        "paid": "payout.paid",
        "failed": "payout.failed",
        "canceled": "payout.canceled",
        "": "payout.updated",
    },
    "radar.early_fraud_warning": {"": "radar.early_fraud_warning.updated"},
    "customer": {"": "customer.updated"},
    "payment_method": {"": "payment_method.attached"},
    "mandate": {"": "mandate.updated"},
}


class Notices(kit.Notices):
    """Attributes:
    request: the id and the key of the request that is executed; none of what happens by itself.
    main_account: the account whose events do not name one.
    """

    table: ClassVar[str] = "objects"
    usual_kind: ClassVar[str] = "payment_intent.created"
    request: tuple[str | None, str | None] = (None, None)
    main_account = ""

    @property
    def api_version(self) -> str:
        return self._book.setting(_SETTING) or API_VERSION

    def change_version(self, version: str) -> None:
        """Change the version of all events from now on, as an upgrade of the account does."""
        self._book.keep_setting(_SETTING, version)

    def kind_of(self, about: Row) -> str | None:
        named = _EVENTS.get(about["kind"], {})
        return named.get(about["status"]) or named.get("")

    def content(self, kind: str, about: Row) -> Json:
        return self._event(kind, about, {}, int(about["created"]))

    def tell(self, kind: str, about: Row, previous: Json, at: datetime) -> None:
        """Make an event and announce it.

        Args:
            previous: the former values of the fields that changed.
        """
        content = self._event(kind, about, previous, int(at.timestamp()))
        self.write(kind, about, content, at)

    def changed(self, content: Json, fields: Mapping[str, Any]) -> Json:
        """A changed `id` makes it another event, about an object of the same kind."""
        shown = content["data"]["object"]
        also = dict(fields)
        if "id" in also:
            content = {**content, "id": new_id("evt")}
            also = {**also, "id": new_id(shown["id"].split("_", 1)[0])}
            also.pop("unique_request_id", None)
            if shown.get("payment_intent"):
                also["payment_intent"] = new_id("pi")
        return {**content, "data": {**content["data"], "object": {**shown, **also}}}

    def _event(self, kind: str, about: Row, previous: Json, created: int) -> Json:
        request_id, key = self.request
        data: Json = {"object": json.loads(about["body"])}
        if previous:
            data["previous_attributes"] = previous
        event = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": self.api_version,
            "created": created,
            "data": data,
            "livemode": False,
            "pending_webhooks": len(self._targets.all()),
            "request": {"id": request_id, "idempotency_key": key},
            "type": kind,
        }
        if about["account"] != self.main_account:
            event["account"] = about["account"]
        self._book.insert(
            "objects",
            id=event["id"],
            kind="event",
            account=about["account"],
            status="",
            unique_request_id=None,
            created=created,
            body=json.dumps(event),
            hidden="{}",
        )
        return event


@dataclass(frozen=True)
class Target(targets.Target):
    """A webhook endpoint.

    Attributes:
        old_secret: signs besides `secret`, while a secret is replaced.
        enabled_events: the types that it receives, with `*` as a wildcard.
    """

    # In live mode Stripe tries for up to three days; the single pauses are our choice.
    retry_seconds: Sequence[float] = (5, 300, 1800, 7200, 18_000, 36_000, 43_200, 43_200, 43_200)
    timeout_seconds: float = 20
    old_secret: str = ""
    enabled_events: Sequence[str] = ("*",)

    @property
    def is_dated(self) -> bool:
        return True

    def wants(self, kind: str) -> bool:
        return any(fnmatchcase(kind, each) for each in self.enabled_events)

    def headers(self, content: bytes, secret: str, now: datetime, age: timedelta) -> dict[str, str]:
        seconds = int((now - age).timestamp())
        secrets = [secret, self.old_secret] if self.old_secret else [secret]
        signatures = [f"v1={signature(content, each, seconds)}" for each in secrets]
        return {
            "content-type": "application/json; charset=utf-8",
            "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "stripe-signature": ",".join([f"t={seconds}", *signatures]),
        }


def signature(content: bytes, secret: str, seconds: int) -> str:
    """HMAC-SHA256 of `seconds.content`, with the whole secret as text for its key."""
    signed = f"{seconds}.".encode() + content
    return hmac.digest(secret.encode(), signed, "sha256").hex()
