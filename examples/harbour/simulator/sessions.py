"""Logins, and the tokens that they get."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from examples.harbour.simulator.book import Book
from simulators.kit.book import new_id
from simulators.kit.clock import stamp
from simulators.kit.replies import Json, Refusal

CLIENT_ID = "simulated"
CLIENT_SECRET = "a secret of a simulator"
LASTS = timedelta(minutes=15)


class Sessions:
    def __init__(self, book: Book) -> None:
        self._book = book

    def log_in(self, fields: Mapping[str, Any], now: datetime) -> Json:
        """A new token.

        Raises:
            Refusal: 401, the id or the secret is wrong.
        """
        given = "\n".join(str(fields.get(name, "")) for name in ("client_id", "client_secret"))
        if not hmac.compare_digest(given.encode(), f"{CLIENT_ID}\n{CLIENT_SECRET}".encode()):
            raise Refusal(401, {"error": "invalid_client"})
        token = new_id()
        self._book.insert("sessions", token=token, ends_at=stamp(now + LASTS))
        return {"access_token": token, "expires_in": int(LASTS.total_seconds())}

    def use(self, token: str | None, now: datetime) -> None:
        """Check a token.

        Raises:
            Refusal: 401, there is no such token, or it has ended.
        """
        sql = "SELECT * FROM sessions WHERE token = ? AND ends_at > ?"
        if self._book.row(sql, token or "", stamp(now)) is None:
            raise Refusal(401, {"error": "unauthorised"})

    def end(self, token: str | None) -> None:
        self._book.run("DELETE FROM sessions WHERE token = ?", token or "")
