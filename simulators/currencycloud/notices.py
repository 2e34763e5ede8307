"""Which statuses Currencycloud announces, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from simulators.currencycloud import notification, wire
from simulators.currencycloud.notification import READY, TRANSACTION
from simulators.kit import notices as kit
from simulators.kit.replies import Json, Row


class Notices(kit.Notices):
    table = "payments"
    usual_kind = READY

    def kind_of(self, about: Row) -> str | None:
        return notification.kind_of(about)

    def announce_funding(self, transaction: Row, at: datetime) -> None:
        message = notification.message(TRANSACTION, wire.transaction(transaction))
        self.write(TRANSACTION, None, message, at)

    def content(self, kind: str, about: Row) -> Json:
        """A message about the payment as it is now, or about its last booking.

        Raises:
            ValueError: the payment has no booking.
        """
        if kind != TRANSACTION:
            return notification.of_payment(kind, about)
        sql = "SELECT * FROM transactions WHERE related_entity_id = ? ORDER BY seq DESC LIMIT 1"
        found = self._book.row(sql, about["id"])
        if found is None:
            raise ValueError(f"nothing was booked for {about['id']}")
        return notification.message(TRANSACTION, wire.transaction(found))

    def changed(self, content: Json, fields: Mapping[str, Any]) -> Json:
        return {**content, "body": {**content["body"], **fields}}
