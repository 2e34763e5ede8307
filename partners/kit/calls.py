"""One call to a partner, and what its outcome proves. Nothing is sent twice here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Final, Protocol

from domain.clock import Clock
from domain.lifecycle.answers import (
    CannotTell,
    Deadline,
    Exchange,
    InDoubt,
    NotSent,
    Unanswered,
    Unprepared,
    WireRequest,
)
from partners.kit.content import Content
from transport.exchange import NeverLeft, Request, Response
from transport.http import Transport
from transport.redaction import evidence

#: For calls that move no money: a short wait is enough, because they can be repeated later.
_WRITE_WITHIN: Final = timedelta(seconds=5)
_ANSWER_WITHIN: Final = timedelta(seconds=15)
_RETRY_AFTER_MAX: Final = timedelta(days=1)
_NO_CREDENTIALS_PAUSE: Final = timedelta(seconds=2)
#: How long to wait after an answer that names no time itself.
PAUSES: Final = MappingProxyType(
    {401: timedelta(seconds=2), 403: timedelta(minutes=5), 429: timedelta(seconds=60)}
)
_WHY: Final = {
    401: "the partner refused our token",
    403: "our login lacks the permission for this; the partner's administrator can give it",
    429: "too many requests",
}


class Credentials(Protocol):
    """What a call is authorised with."""

    async def headers(self) -> Mapping[str, str] | None:
        """The headers to add. None: there are none now, and nothing may be sent."""

    async def refused(self, headers: Mapping[str, str]) -> None:
        """These headers were answered with 401."""


class NoCredentials:
    """Of calls that need none: the client certificate is enough, or what is read is public."""

    async def headers(self) -> Mapping[str, str]:
        return {}

    async def refused(self, headers: Mapping[str, str]) -> None:
        """There is nothing to replace. The answer says that the call was refused."""


@dataclass(frozen=True)
class Reply:
    """The outcome of one call. `status` is None if no whole answer came.

    Attributes:
        asked_at: when the request was sent, by our clock.
        has_left: False only if no byte of the request can have left.
        retry_at: the earliest moment to retry; None if the usual pause will do.
    """

    why: str
    exchange: Exchange
    asked_at: datetime
    status: int | None = None
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    has_left: bool = True
    retry_at: datetime | None = None

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_in_doubt(self) -> bool:
        """Whether the request may have been executed, although nothing says so."""
        return self.has_left if self.status is None else self.status >= 500

    # The reply as the answer of a capability, when it is no success or cannot be used.

    def no_verdict(self) -> NotSent | InDoubt:
        """Of a send without a whole answer, or with a server error."""
        if not self.has_left:
            return NotSent(self.why, self.exchange, self.retry_at)
        return self.in_doubt(self.why, server_error=self.status is not None)

    def in_doubt(
        self, why: str, *, server_error: bool = False, drift: tuple[str, ...] = ()
    ) -> InDoubt:
        return InDoubt(why, server_error=server_error, exchange=self.exchange, drift=drift)

    def unanswered(self, why: str = "", drift: tuple[str, ...] = ()) -> Unanswered:
        return Unanswered(why or self.why, self.exchange, self.retry_at, drift)

    def unprepared(self, why: str = "") -> Unprepared:
        return Unprepared(why or self.why, retry_at=self.retry_at, exchange=self.exchange)

    def cannot_tell(self, why: str = "") -> CannotTell:
        return CannotTell(self.asked_at, why or self.why, self.exchange)


class Calls:
    """Adds the credentials to each call. Nothing is sent twice.

    Whether a call that was turned away is repeated is for the send book to decide, after the
    credentials have been replaced.

    Args:
        pauses: how long to wait after a status, where a partner differs from `PAUSES`.
    """

    def __init__(
        self,
        transport: Transport,
        credentials: Credentials,
        clock: Clock,
        pauses: Mapping[int, timedelta] = PAUSES,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._credentials = credentials
        self._pauses = {**PAUSES, **pauses}

    async def get(
        self,
        path: str,
        query: Mapping[str, str] = MappingProxyType({}),
        headers: Mapping[str, str] = MappingProxyType({}),
        *,
        keeps_content: bool = True,
    ) -> Reply:
        """Ask for something.

        Args:
            keeps_content: False for answers that are stored in another form: the exchange does
                without their body, which takes longer to redact than to read.
        """
        request = Request("GET", path, query=tuple(query.items()), headers=headers)
        return await self._call(request, keeps_content=keeps_content)

    async def ask(self, path: str, content: Content) -> Reply:
        """Ask a question for which the partner's API wants a POST."""
        return await self._call(Request("POST", path, body=content.body,
                                        content_type=content.content_type))  # fmt: skip

    async def make(
        self, path: str, content: Content, headers: Mapping[str, str] = MappingProxyType({})
    ) -> Reply:
        """Make an object that moves no money.

        Args:
            headers: those that go with it, such as its key.
        """
        return await self._call(
            Request(
                "POST",
                path,
                headers=headers,
                body=content.body,
                content_type=content.content_type,
                once=True,
            )
        )

    async def instruct(
        self,
        request: WireRequest,
        deadline: Deadline,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Reply:
        """Send exactly these bytes, once, and not after the deadline.

        Args:
            headers: those that go with the instruction, such as its key.
        """
        return await self._call(
            Request(
                request.method,
                request.path,
                headers=headers,
                body=request.body,
                content_type=request.content_type,
                once=True,
            ),
            deadline,
        )

    async def _call(
        self, request: Request, deadline: Deadline | None = None, *, keeps_content: bool = True
    ) -> Reply:
        credentials = await self._credentials.headers()
        asked_at = self._clock.now()
        if credentials is None:
            never = NeverLeft("no token; it was refused meanwhile")
            return Reply(
                never.why,
                evidence(request, never, asked_at),
                asked_at,
                has_left=False,
                retry_at=asked_at + _NO_CREDENTIALS_PAUSE,
            )
        if deadline is None:
            deadline = Deadline(asked_at + _WRITE_WITHIN, asked_at + _ANSWER_WITHIN)
        # The evidence is of the request without its credentials.
        outcome = await self._transport.exchange(
            replace(request, headers={**request.headers, **credentials}), deadline
        )
        exchange = evidence(request, outcome, asked_at, with_content=keeps_content)
        if not isinstance(outcome, Response):
            has_left = not isinstance(outcome, NeverLeft)
            return Reply(outcome.why, exchange, asked_at, has_left=has_left)
        if outcome.status == 401:
            await self._credentials.refused(credentials)
        now = self._clock.now()
        pause = _retry_after(outcome.headers, now) or self._pauses.get(outcome.status)
        return Reply(
            _WHY.get(outcome.status, f"answered with {outcome.status}"),
            exchange,
            asked_at,
            outcome.status,
            outcome.text,
            outcome.headers,
            retry_at=now + pause if pause else None,
        )


def together(*exchanges: Exchange | None) -> Exchange | None:
    """Join the exchanges of one step into one piece of evidence; None if there are none."""
    joined: Exchange | None = None
    for each in exchanges:
        if joined is None or each is None:
            joined = joined or each
            continue
        joined = replace(
            joined,
            path=f"{joined.path} {each.path}",
            status=each.status,
            request=f"{joined.request}\n{each.request}".strip(),
            response=f"{joined.response}\n{each.response}",
        )
    return joined


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
