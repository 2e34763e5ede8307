"""How the bank announces a new status: one event, signed with its time."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from simulators.kit import notices, targets
from simulators.kit.book import new_id
from simulators.kit.replies import Json, Row


class Notices(notices.Notices):
    table = "payments"
    usual_kind = "order.received"

    def kind_of(self, about: Row) -> str:
        return f"order.{about['status']}"

    def content(self, kind: str, about: Row) -> Json:
        return {"event": new_id(), "kind": kind, "order_id": about["id"]}

    def changed(self, content: Json, fields: Mapping[str, Any]) -> Json:
        return {**content, "order_id": fields.get("id", content["order_id"])}


class Target(targets.Target):
    @property
    def is_dated(self) -> bool:
        return True

    def headers(self, content: bytes, secret: str, now: datetime, age: timedelta) -> dict[str, str]:
        seconds = str(int((now - age).timestamp()))
        mac = hmac.digest(secret.encode(), f"{seconds}.".encode() + content, "sha256")
        return {"content-type": "application/json", "harbour-time": seconds,
                "harbour-signature": mac.hex()}  # fmt: skip
