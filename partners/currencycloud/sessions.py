"""The login: one token for all processes, and no second login after a refused one.

Four failed logins lock the account, so a refusal waits for a person.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from domain.clock import Clock
from domain.payments.answers import Deadline, NotReady
from partners.currencycloud import error_bodies, wire
from partners.currencycloud.account import Account
from partners.interface import LoginBook
from transport.exchange import Lost, Request, Response
from transport.http import Transport
from transport.redaction import redact_text

PATH: Final = "/v2/authenticate/api"
FORM: Final = "application/x-www-form-urlencoded"
#: After 429: their rate windows are fixed minutes.
RATE_PAUSE: Final = timedelta(seconds=60)
_UNCLEAR_PAUSE: Final = timedelta(seconds=15)
_REFUSED_PAUSE: Final = timedelta(minutes=5)
_WRITE_WITHIN: Final = timedelta(seconds=5)
_ANSWER_WITHIN: Final = timedelta(seconds=20)
#: How long a token is used without a look at the database: every call needs it, and the look
#: costs as much as the call. If another process drops the token meanwhile, the partner refuses
#: it once more here, and it is dropped here too.
_SEEN_FOR: Final = timedelta(seconds=5)


class Session:
    """Our token. A call that is refused drops it; `ready` then gets another."""

    def __init__(
        self, account: Account, logins: LoginBook, transport: Transport, clock: Clock
    ) -> None:
        self._login = account.login
        self._login_id = account.login_id
        self._api_key = account.api_key
        self._logins = logins
        self._transport = transport
        self._clock = clock
        credentials = f"{account.login_id}\n{account.api_key.get_secret_value()}"
        self._hash = hashlib.sha256(credentials.encode()).hexdigest()
        self._one_at_a_time = asyncio.Lock()
        self._seen = ("", datetime.min.replace(tzinfo=UTC))

    async def token(self) -> str | None:
        """The token in use, whichever process got it; read again after `_SEEN_FOR`."""
        token, seen_at = self._seen
        now = self._clock.now()
        if token and seen_at <= now < seen_at + _SEEN_FOR:
            return token
        found = await self._logins.token(self._login, self._hash)
        self._seen = (found or "", now)
        return found

    async def drop(self, token: str) -> None:
        """Drop a refused token. 401 also means wrong credentials, so only `ready` logs in again."""
        if self._seen[0] == token:
            self._seen = ("", self._clock.now())
        await self._logins.drop(self._login, token)

    async def ready(self) -> NotReady | None:
        """Make sure there is a token: log in if no process has one and no login was refused."""
        if await self.token():
            return None
        async with self._one_at_a_time:  # Other callers in this process wait for this login.
            if await self.token():
                return None
            if not_ready := await self._logins.claim(self._login, self._hash):
                return not_ready
            if token := await self.token():
                # Another process logged in between our look and our claim: give the lease back.
                await self._logins.succeeded(self._login, self._hash, token)
                return None
            return await self._log_in()

    async def _log_in(self) -> NotReady | None:
        now = self._clock.now()
        fields = {"login_id": self._login_id, "api_key": self._api_key.get_secret_value()}
        answer = await self._transport.exchange(
            Request("POST", PATH, body=urlencode(fields).encode(), content_type=FORM, once=True),
            Deadline(now + _WRITE_WITHIN, now + _ANSWER_WITHIN),
        )
        if not isinstance(answer, Response):
            return await self._unclear(
                f"no answer to the login: {answer.why}",
                _UNCLEAR_PAUSE,
                may_have_counted=isinstance(answer, Lost),
                answered=False,
            )
        match answer.status:
            case 200:
                token = wire.read_token(answer.text)
                if isinstance(token, wire.Unusable):
                    why = f"login outside the known contract: {'; '.join(token.drift)}"
                    return await self._unclear(why, _UNCLEAR_PAUSE)
                await self._logins.succeeded(self._login, self._hash, token)
                return None
            case 429:
                return await self._unclear("too many logins", RATE_PAUSE, may_have_counted=False)
            case 401:
                return await self._refused(error_bodies.read_refusal(answer.text))
            case 400 | 403 if refusal := error_bodies.read_refusal(answer.text):
                return await self._refused(refusal)
            case status:
                return await self._unclear(
                    f"login answered with {status}", _UNCLEAR_PAUSE, answered=status < 500
                )

    async def _refused(self, refusal: error_bodies.Refusal | None) -> NotReady:
        why = redact_text(refusal.text) if refusal else "status 401"
        await self._logins.failed(self._login, self._hash, why)
        return NotReady(
            f"Currencycloud refused our login ({why}); check login_id and api_key, "
            "four refusals lock the account",
            self._clock.now() + _REFUSED_PAUSE,
            needs_person=True,
            answered=True,
        )

    async def _unclear(
        self,
        why: str,
        pause: timedelta,
        *,
        may_have_counted: bool = True,
        answered: bool = True,
    ) -> NotReady:
        await self._logins.unclear(self._login, self._hash, may_have_counted=may_have_counted)
        return NotReady(why, self._clock.now() + pause, answered=answered)
