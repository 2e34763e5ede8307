"""One token per login for all processes: renewed before it ends, and replaced if it is refused.

The token is kept, sealed, in the login book that the adapter is given. Only the holder of the
book's lease logs in or renews, and a new token is stored before anybody uses it. So a single-use
refresh token is not lost when a process dies, and a refused login is not repeated.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from domain.clock import Clock
from domain.lifecycle.answers import Deadline, NotReady
from partners.interface import LoginBook
from partners.kit.wire import Unusable
from transport.exchange import Lost, Request, Response
from transport.http import Transport
from transport.redaction import redact_text

_TOO_MANY_PAUSE: Final = timedelta(seconds=60)
_UNCLEAR_PAUSE: Final = timedelta(seconds=15)
_REFUSED_PAUSE: Final = timedelta(minutes=5)
_WRITE_WITHIN: Final = timedelta(seconds=5)
_ANSWER_WITHIN: Final = timedelta(seconds=20)
#: A token is renewed this long before it ends, so that no call is under way when it does.
_RENEWED_BEFORE: Final = timedelta(minutes=1)
#: How long a token is used without a look at the database: every call needs it, and the look
#: costs as much as the call. If another process drops the token meanwhile, the partner refuses
#: it once more here, and it is dropped here too.
_SEEN_FOR: Final = timedelta(seconds=5)


@dataclass(frozen=True)
class Grant:
    """The result of a login: a token and, if the partner limits it, its end and a refresh token."""

    token: str = field(repr=False)
    expires_at: datetime | None = None
    refresh: str = field(default="", repr=False)

    def kept(self) -> str:
        """As text for the login book; a token without an end is its own text."""
        if self.expires_at is None and not self.refresh and not self.token.startswith("{"):
            return self.token
        ends = self.expires_at.isoformat() if self.expires_at else None
        return json.dumps({"token": self.token, "expires_at": ends, "refresh": self.refresh})

    @classmethod
    def of(cls, kept: str) -> Grant:
        if not kept.startswith("{"):
            return cls(kept)
        read = json.loads(kept)
        ends = datetime.fromisoformat(read["expires_at"]) if read["expires_at"] else None
        return cls(read["token"], ends, read["refresh"])


class Flow(Protocol):
    """How one partner logs in, and what it answers."""

    @property
    def remedy(self) -> str:
        """What a person is told about a refused login, with `{why}` where the reason goes."""

    def request(self, refresh: str) -> Request | None:
        """The request that gets a token for a refresh token, or without one logs in.

        None: only a person can log in, with the partner.
        """

    def granted(self, body: str, asked_at: datetime) -> Grant | Unusable:
        """The token in a successful answer to a request that was sent at `asked_at`."""

    def refused(self, status: int, body: str) -> str | None:
        """Why the credentials were refused; None if the answer does not say that they were."""


class Login:
    """The token of one login. Implements `partners.kit.calls.Credentials`.

    Args:
        name: the login's, in the login book.
        credentials: what the login is made with. The book knows them by their hash alone: after a
            refusal it permits no login until they change or a person says so.
        header: the name of the header with the token, and the scheme before it.
        locks: whether the partner may lock the login after failed ones. False: a login whose answer
            was lost is soon repeated.
    """

    def __init__(
        self,
        name: str,
        credentials: str,
        flow: Flow,
        *,
        book: LoginBook,
        transport: Transport,
        clock: Clock,
        header: tuple[str, str] = ("authorization", "Bearer "),
        locks: bool = True,
    ) -> None:
        self._locks = locks
        self._name = name
        self._hash = hashlib.sha256(credentials.encode()).hexdigest()
        self._flow = flow
        self._book = book
        self._transport = transport
        self._clock = clock
        self._header, self._scheme = header
        self._one_at_a_time = asyncio.Lock()
        self._seen: tuple[Grant | None, datetime] = (None, datetime.min.replace(tzinfo=UTC))
        self._refused = ""

    async def headers(self) -> Mapping[str, str] | None:
        grant = await self._grant()
        if grant is None or not self._works(grant, self._clock.now()):
            return None
        return {self._header: f"{self._scheme}{grant.token}"}

    async def refused(self, headers: Mapping[str, str]) -> None:
        """Give up a refused token, once for all calls that were refused with it.

        401 also means wrong credentials, so only `ready` gets another token.
        """
        grant = await self._grant()
        if grant is None or headers[self._header] != f"{self._scheme}{grant.token}":
            return  # It was replaced meanwhile.
        self._seen = (None, self._clock.now())
        if grant.refresh:
            self._refused = grant.token  # Its refresh token has to stay in the book.
        else:
            await self._book.drop(self._name, grant.kept())

    async def ready(self) -> NotReady | None:
        """Make sure there is a token that does not end soon.

        While it cannot be renewed, the present token is used as long as it works.
        """
        if await self._fresh():
            return None
        async with self._one_at_a_time:  # Other callers in this process wait for this login.
            if await self._fresh():
                return None
            not_ready = await self._book.claim(self._name, self._hash)
            grant = await self._grant(at_once=True)
            if not_ready is None:
                if fresh := await self._fresh():
                    # Another process got it between our look and our claim: give the lease back.
                    await self._book.succeeded(self._name, self._hash, fresh.kept())
                    return None
                not_ready = await self._renew(grant)
            if not_ready is None or not_ready.needs_person or grant is None:
                return not_ready
            return None if self._works(grant, self._clock.now()) else not_ready

    async def kept(self) -> Grant | None:
        """The token in the book, whether or not it still works; None: there never was one."""
        return await self._grant(at_once=True)

    async def keep(self, grant: Grant) -> None:
        """Store a token that came by another login, for all processes. It is used from now on."""
        await self._book.succeeded(self._name, self._hash, grant.kept())
        self._seen = (None, self._clock.now())

    async def _grant(self, *, at_once: bool = False) -> Grant | None:
        """The token in the book, whichever process got it; read again after `_SEEN_FOR`."""
        grant, seen_at = self._seen
        now = self._clock.now()
        if not at_once and grant and seen_at <= now < seen_at + _SEEN_FOR:
            return grant
        kept = await self._book.token(self._name, self._hash)
        grant = Grant.of(kept) if kept else None
        self._seen = (grant, now)
        return grant

    async def _fresh(self) -> Grant | None:
        grant = await self._grant()
        in_a_while = self._clock.now() + _RENEWED_BEFORE
        return grant if grant and self._works(grant, in_a_while) else None

    def _works(self, grant: Grant, at: datetime) -> bool:
        is_over = grant.expires_at is not None and at >= grant.expires_at
        return not is_over and grant.token != self._refused

    async def _renew(self, grant: Grant | None) -> NotReady | None:
        """Renew the token or, if that is refused, log in. The caller holds the lease."""
        answer: Grant | NotReady | str = ""
        if grant and grant.refresh:
            answer = await self._ask(grant.refresh)
            if isinstance(answer, Grant):
                # RFC 6749, 6: without a new refresh token, the old one stays.
                answer = replace(answer, refresh=answer.refresh or grant.refresh)
        if isinstance(answer, str):
            answer = await self._ask("") or answer
        if isinstance(answer, NotReady):
            return answer
        if isinstance(answer, Grant):
            # It is used from the book alone, so never before it is stored.
            await self._book.succeeded(self._name, self._hash, answer.kept())
            self._seen = (None, self._clock.now())
            return None
        why = answer or "only a person can log in"
        await self._book.failed(self._name, self._hash, why)
        return NotReady(
            self._flow.remedy.format(why=why),
            self._clock.now() + _REFUSED_PAUSE,
            needs_person=True,
            answered=True,
        )

    async def _ask(self, refresh: str) -> Grant | NotReady | str:
        """The token, why there is no verdict, or why it was refused ("": nobody was asked)."""
        request, now = self._flow.request(refresh), self._clock.now()
        if request is None:
            return ""
        answer = await self._transport.exchange(
            request, Deadline(now + _WRITE_WITHIN, now + _ANSWER_WITHIN)
        )
        if not isinstance(answer, Response):
            return await self._unclear(
                f"no answer to the login: {answer.why}",
                may_have_counted=isinstance(answer, Lost),
                answered=False,
            )
        if answer.status == 429:
            return await self._unclear("too many logins", _TOO_MANY_PAUSE, may_have_counted=False)
        if 200 <= answer.status < 300:
            grant = self._flow.granted(answer.text, now)
            if isinstance(grant, Unusable):
                return await self._unclear(f"login: {grant.why}")
            if not grant.token.isascii() or not grant.token.isprintable() or " " in grant.token:
                return await self._unclear("login: the token is not one word")
            return grant
        if refused := self._flow.refused(answer.status, answer.text):
            return redact_text(refused)
        status = answer.status
        return await self._unclear(f"login answered with {status}", answered=status < 500)

    async def _unclear(
        self,
        why: str,
        pause: timedelta = _UNCLEAR_PAUSE,
        *,
        may_have_counted: bool = True,
        answered: bool = True,
    ) -> NotReady:
        """Give the lease back. The token and its refresh token stay in the book."""
        counted = may_have_counted and self._locks
        await self._book.unclear(self._name, self._hash, may_have_counted=counted)
        return NotReady(why, self._clock.now() + pause, answered=answered)
