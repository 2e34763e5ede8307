"""Logins and their tokens."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulators.currencycloud.book import Book
from simulators.currencycloud.wire import Refusal, refuse, unauthorised
from simulators.kit.clock import moment, stamp

IDLE = timedelta(minutes=30)
FAILURES_ALLOWED = 4
API_KEY_LENGTH = 64
LOGIN_ID_LENGTH_MAX = 255

# A write for each use of a token would make every read wait for the disk. So after a kill, a
# token may seem older than it is by this much.
_USE_KEPT_EVERY = timedelta(seconds=10)

_BAD_DETAILS = "auth_invalid_user_login_details"


@dataclass(frozen=True)
class Person:
    """Who is logged in: a contact of an account."""

    account_id: str
    contact_id: str


class Sessions:
    def __init__(self, book: Book) -> None:
        self._book = book
        self._last_used: dict[str, datetime] = {}

    def open_login(
        self, login_id: str, api_key: str, account_id: str, contact_id: str | None = None
    ) -> None:
        """Add a login, or give an existing one this key. Its count of failures stays.

        Args:
            contact_id: the contact who logs in; by default the account's own contact.
        """
        self._book.run(
            "INSERT INTO logins (login_id, api_key, account_id, contact_id) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (login_id) DO UPDATE SET api_key = excluded.api_key",
            login_id,
            api_key,
            account_id,
            contact_id,
        )

    def unlock(self, login_id: str) -> bool:
        """Unlock a login, as their support does on the phone. False: there is no such login."""
        sql = "UPDATE logins SET failures = 0, locked = 0 WHERE login_id = ?"
        return self._book.run(sql, login_id) > 0

    def log_in(self, fields: Mapping[str, str], now: datetime) -> str:
        """A new token.

        Raises:
            Refusal: 400, malformed details; 401, wrong ones or a locked login. A wrong key is
                counted, so the caller has to commit in spite of the refusal.
        """
        login_id, api_key = fields.get("login_id", ""), fields.get("api_key", "")
        if not login_id:
            raise refuse(
                400, _BAD_DETAILS, "login_id", "login_id_is_required", "login_id is required"
            )
        if len(login_id) > LOGIN_ID_LENGTH_MAX:
            raise _wrong_length("login_id", "login_id_is_too_long", "maxlength", 255)
        if not api_key:
            raise refuse(400, _BAD_DETAILS, "api_key", "api_key_is_required", "api_key is required")
        if len(api_key) != API_KEY_LENGTH:
            raise _wrong_length("api_key", "api_key_length_is_invalid", "length", API_KEY_LENGTH)
        login = self._book.row("SELECT * FROM logins WHERE login_id = ?", login_id)
        if login is None or login["locked"]:
            raise unauthorised()
        if not hmac.compare_digest(login["api_key"].encode(), api_key.encode()):
            failures = login["failures"] + 1
            self._book.run(
                "UPDATE logins SET failures = ?, locked = ? WHERE login_id = ?",
                failures,
                int(failures >= FAILURES_ALLOWED),
                login_id,
            )
            raise unauthorised()
        self._book.run("UPDATE logins SET failures = 0 WHERE login_id = ?", login_id)
        token = secrets.token_hex(16)
        self._book.insert("sessions", token=token, login_id=login_id, last_used_at=stamp(now))
        return token

    def use(self, token: str | None, now: datetime) -> Person:
        """The person of a token. The use starts its half hour again.

        Raises:
            Refusal: 401, there is no such token or it was idle for too long.
        """
        session = self._book.row(
            "SELECT sessions.*, accounts.id AS account_id,"
            " coalesce(logins.contact_id, accounts.contact_id) AS contact_id FROM sessions"
            " JOIN logins USING (login_id) JOIN accounts ON accounts.id = logins.account_id"
            " WHERE token = ?",
            token or "",
        )
        if session is None or token is None:
            raise unauthorised()
        kept = moment(session["last_used_at"])
        last_used = max(kept, self._last_used.get(token, kept))
        if now - last_used >= IDLE:
            raise unauthorised()
        self._last_used[token] = now
        if now - kept >= _USE_KEPT_EVERY:
            sql = "UPDATE sessions SET last_used_at = ? WHERE token = ?"
            self._book.run(sql, stamp(now), token)
        return Person(session["account_id"], session["contact_id"])

    def end(self, token: str | None) -> None:
        """End a session: its token is no longer valid."""
        self._book.run("DELETE FROM sessions WHERE token = ?", token or "")
        self._last_used.pop(token or "", None)


def _wrong_length(name: str, code: str, param: str, length: int) -> Refusal:
    message = f"{name} should be {length} character(s) long"
    if param == "maxlength":
        message = f"{name} can not be longer than {length} character(s)"
    return Refusal(400, _BAD_DETAILS, (name, code, message, {param: length}))
