"""Calls with our token: one exchange each, with its evidence and the moment it was sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlencode

from domain.clock import Clock
from domain.payments.answers import Deadline, Exchange
from partners.currencycloud.sessions import FORM, RATE_PAUSE, Session
from transport.exchange import NeverLeft, Request, Response
from transport.http import Transport
from transport.redaction import evidence

#: For calls that move no money: a short wait is enough, because they can be repeated later.
_WRITE_WITHIN: Final = timedelta(seconds=5)
_ANSWER_WITHIN: Final = timedelta(seconds=15)
_NEW_TOKEN_PAUSE: Final = timedelta(seconds=2)
NO_PERMISSION_PAUSE: Final = timedelta(minutes=5)
_RETRY_AFTER_MAX: Final = timedelta(days=1)


@dataclass(frozen=True)
class Reply:
    """A whole answer, of any status. `asked_at` is when the request was sent, by our clock."""

    status: int
    body: str
    exchange: Exchange
    asked_at: datetime
    retry_after: timedelta | None = None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def retry_at(self, now: datetime) -> datetime | None:
        """The earliest moment to retry; None if the usual pause will do."""
        match self.status:
            case 429:
                return now + (self.retry_after or RATE_PAUSE)
            case 401:
                return now + _NEW_TOKEN_PAUSE
            case 403:
                return now + NO_PERMISSION_PAUSE
            case _:
                return now + self.retry_after if self.retry_after else None

    @property
    def why(self) -> str:
        """Why the call did not succeed, in words for an operator."""
        known = {
            401: "the partner refused our token",
            403: "our login lacks the permission for this; the partner's administrator can give it",
            429: "too many requests",
        }
        return known.get(self.status, f"answered with {self.status}")


@dataclass(frozen=True)
class NoReply:
    """No whole answer. `has_left` is False only if no byte of the request can have left."""

    why: str
    has_left: bool
    asked_at: datetime
    exchange: Exchange | None = None
    try_at: datetime | None = None
    """The earliest moment to retry; None if the usual pause will do."""


class Calls:
    """Adds the token to each call, and drops a refused token. Nothing is sent twice."""

    def __init__(self, transport: Transport, session: Session, clock: Clock) -> None:
        self._transport = transport
        self._session = session
        self._clock = clock

    async def get(self, path: str, query: Mapping[str, str]) -> Reply | NoReply:
        return await self._call(Request("GET", path, query=tuple(query.items())))

    async def ask(self, path: str, form: Mapping[str, str]) -> Reply | NoReply:
        """Ask a question for which their API wants a POST."""
        body = urlencode(form).encode()
        return await self._call(Request("POST", path, body=body, content_type=FORM))

    async def make(self, path: str, form: Mapping[str, str]) -> Reply | NoReply:
        """Make an object that moves no money."""
        body = urlencode(form).encode()
        return await self._call(Request("POST", path, body=body, content_type=FORM, once=True))

    async def instruct(
        self, method: str, path: str, body: bytes, content_type: str, deadline: Deadline
    ) -> Reply | NoReply:
        """Send exactly these bytes, once, and not after the deadline."""
        request = Request(method, path, body=body, content_type=content_type, once=True)
        return await self._call(request, deadline)

    async def _call(self, request: Request, deadline: Deadline | None = None) -> Reply | NoReply:
        token = await self._session.token()
        asked_at = self._clock.now()
        if token is None:
            return NoReply(
                "no token; it was refused meanwhile",
                has_left=False,
                asked_at=asked_at,
                try_at=asked_at + _NEW_TOKEN_PAUSE,
            )
        if deadline is None:
            deadline = Deadline(asked_at + _WRITE_WITHIN, asked_at + _ANSWER_WITHIN)
        with_token = Request(
            request.method,
            request.path,
            query=request.query,
            headers={"x-auth-token": token},
            body=request.body,
            content_type=request.content_type,
            once=request.once,
        )
        outcome = await self._transport.exchange(with_token, deadline)
        exchange = evidence(request, outcome, asked_at)
        if not isinstance(outcome, Response):
            has_left = not isinstance(outcome, NeverLeft)
            return NoReply(outcome.why, has_left, asked_at, exchange)
        if outcome.status == 401:
            await self._session.drop(token)
        return Reply(
            outcome.status,
            outcome.text,
            exchange,
            asked_at,
            _retry_after(outcome.headers, self._clock.now()),
        )


def _retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """RFC 9110, 10.2.3: seconds or a date. Any other text, or more than a day, is ignored."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) <= 5:
        pause = timedelta(seconds=int(text))
    else:
        try:
            moment = parsedate_to_datetime(text)
            pause = moment - now if moment.tzinfo else timedelta(0)
        except (ValueError, OverflowError):  # OverflowError: a year of ten digits, for example.
            return None
    return pause if timedelta(0) < pause <= _RETRY_AFTER_MAX else None
