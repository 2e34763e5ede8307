"""This bank pushes nothing: its events are fetched by `POST /events`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulators.kit import notices
from simulators.kit.replies import Json, Row


class Notices(notices.Notices):
    table = "payments"
    usual_kind = "none"

    def kind_of(self, about: Row) -> None:
        return None

    def content(self, kind: str, about: Row) -> Json:
        raise ValueError("this bank pushes no events; ask it with POST /events instead")

    def changed(self, content: Json, fields: Mapping[str, Any]) -> Json:
        raise ValueError("this bank pushes no events; ask it with POST /events instead")

    def about(self, object_id: str) -> dict[str, Any]:
        """The payment, or the consent, with that id."""
        found = self._book.row("SELECT * FROM consents WHERE id = ?", object_id)
        return super().about(object_id) if found is None else found
