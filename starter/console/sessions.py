"""Sessions of operators in browsers. They live in this process and end with it.

A session holds the operator's key file as it was uploaded, still encrypted under the passphrase.
The passphrase is typed again for every signature and never kept, so a stolen session reads but
signs nothing. Sessions in the database were refused: key files would lie there.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

#: A session ends after this time without a request, and in any case after the longest time.
IDLE_MAX: Final = timedelta(minutes=30)
LASTS_MAX: Final = timedelta(hours=10)
_SESSIONS_MAX: Final = 1000
_ID_BYTES: Final = 32


@dataclass
class Session:
    """One operator in one browser."""

    operator: str
    public_key: bytes
    """With which the operator proved who it is. The session ends once another key is enrolled."""
    key_file: str = field(repr=False)
    """The text of the key file, encrypted."""
    began_at: datetime
    seen_at: datetime
    notices: list[str] = field(default_factory=list)
    """What the next page says once."""

    def is_over(self, now: datetime) -> bool:
        """Whether it has lasted too long, or nobody has used it for too long."""
        return now - self.seen_at > IDLE_MAX or now - self.began_at > LASTS_MAX


def new_id() -> str:
    """A value for the cookie that nobody can guess."""
    return secrets.token_urlsafe(_ID_BYTES)


class Sessions:
    """The sessions of this process, by a digest of their ids."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._secret = secrets.token_bytes(_ID_BYTES)

    def begin(self, session: Session) -> str:
        """Keep a session under an id that did not exist before. Returns the id."""
        now = session.began_at
        for key in [key for key, each in self._sessions.items() if each.is_over(now)]:
            del self._sessions[key]
        if len(self._sessions) >= _SESSIONS_MAX:
            del self._sessions[min(self._sessions, key=lambda key: self._sessions[key].seen_at)]
        session_id = new_id()
        self._sessions[_digest(session_id)] = session
        return session_id

    def of(self, session_id: str, now: datetime) -> Session | None:
        """The session of this id, which is in use now; None if there is none, or it is over."""
        session = self._sessions.get(_digest(session_id))
        if session is None:
            return None
        if session.is_over(now):
            self.end(session_id)
            return None
        session.seen_at = now
        return session

    def end(self, session_id: str) -> None:
        """Forget the session of this id."""
        self._sessions.pop(_digest(session_id), None)

    def form_token(self, session_id: str) -> str:
        """What every form of this browser carries, so that no other site can make one.

        Before a sign-in it belongs to the value that the sign-in page gave the browser.
        """
        return hmac.new(self._secret, session_id.encode(), hashlib.sha256).hexdigest()

    def is_form_token(self, session_id: str, token: str) -> bool:
        """Whether a form was made for the browser that has this id. Takes constant time."""
        return hmac.compare_digest(self.form_token(session_id).encode(), token.encode())


def _digest(session_id: str) -> str:
    """Looked up by digest, so that the time of a look-up tells nothing about an id."""
    return hashlib.sha256(session_id.encode(errors="replace")).hexdigest()
