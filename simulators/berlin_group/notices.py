"""This bank sends no notifications: the resource status notification service is optional."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulators.kit import notices
from simulators.kit.replies import Json, Row


class Notices(notices.Notices):
    table = "payments"
    usual_kind = "none"

    def about(self, object_id: str) -> dict[str, Any]:
        consent = self._book.row("SELECT * FROM consents WHERE id = ?", object_id)
        return consent or super().about(object_id)

    def kind_of(self, about: Row) -> None:
        return None

    def content(self, kind: str, about: Row) -> Json:
        raise ValueError("this bank sends no notifications; read the payment instead")

    def changed(self, content: Json, fields: Mapping[str, Any]) -> Json:
        raise ValueError("this bank sends no notifications; read the payment instead")
