"""Calls to one bank: with our own token or a user's, signed, and its answers checked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from types import MappingProxyType
from typing import Final

from domain.lifecycle.answers import Deadline, NotReady, NotSent, WireRequest
from domain.lifecycle.callback import Callback
from partners.kit.calls import Calls, Reply
from partners.kit.content import Content
from partners.kit.jose import Signer
from partners.kit.workplace import Workplace
from partners.obie.account import ObieAccount
from partners.obie.authorising import Authorising
from partners.obie.server import AuthorisationServer
from partners.obie.signatures import Signatures
from partners.obie.tokens import ENDED, Client, Tokens

_PAUSE: Final = timedelta(minutes=1)


class UserToken(Enum):
    """How the token of a consent's user stands."""

    NEVER = "the user has not brought one yet"
    WORKS = "it works"
    ENDED = "it has ended, and only the user can bring another"


class Bank:
    """One of our accesses to a bank, for payments and for accounts."""

    def __init__(self, account: ObieAccount, workplace: Workplace) -> None:
        signer = Signer(account.signing_key, account.signing_key_id)
        self._account = account
        self._signer = signer
        self._clock = workplace.clock
        self._transport = workplace.transport(account.base_url, identity=account.identity)
        self._server = AuthorisationServer(account, workplace)
        client = Client(account, self._server, signer, workplace.clock)
        self._tokens = Tokens(account, self._server, client, workplace.logins, workplace.clock)
        self._signatures = Signatures(account, signer, self._server)
        self.authorising = Authorising(account, signer, self._server)

    async def ready(self, scope: str) -> NotReady | None:
        """Make sure that the bank accepts our certificate, and that we have a token of our own."""
        why = await self._transport.greet() or self._signer.unusable()
        if why is not None:
            until = self._clock.now() + _PAUSE
            return NotReady(f"{self._account.aspsp}: {why}", until, needs_person=True)
        if not_ready := await self._server.load():
            return not_ready
        return await self._tokens.own(scope).ready()

    async def exchanged(
        self, code: str, consent_id: str, callback: Callback
    ) -> NotReady | str | None:
        """Exchange the code that a user brought back, unless that was done.

        Returns:
            None: there is a token of this consent. A text: why there never will be by this code.
        """
        login = self._tokens.of_consent(consent_id, code=code, verifier=callback.verifier)
        answer = await login.ready()
        if answer is not None:
            return answer
        return await self.authorising.wrong(login.flow.id_token, consent_id, callback) or None

    async def brought(
        self, code: str, consent_id: str, callback: Callback, redirect_uri: str
    ) -> NotReady | str | None:
        """Exchange a code for the token of a consent that goes on and may be authorised again.

        Returns:
            As `exchanged`.
        """
        by_code = self._tokens.of_code(code, callback.verifier, redirect_uri)
        if (not_ready := await by_code.ready()) is not None:
            return not_ready
        if wrong := await self.authorising.wrong(by_code.flow.id_token, consent_id, callback):
            return wrong
        grant = await by_code.kept()
        if grant is not None and grant != ENDED:
            # Kept for the consent first. A step that is repeated after this finds both.
            await self._tokens.of_consent(consent_id).keep(grant)
            await by_code.keep(ENDED)
        return None

    async def user_token(self, consent_id: str) -> UserToken:
        """How the token of a consent's user stands; it is refreshed if it ends soon."""
        login = self._tokens.of_consent(consent_id)
        grant = await login.kept()
        if grant is None:
            return UserToken.NEVER
        if grant == ENDED:
            return UserToken.ENDED
        ends = grant.expires_at
        is_over = not grant.refresh and ends is not None and ends <= self._clock.now()
        if is_over or isinstance(await login.ready(), str):
            await login.keep(ENDED)
            return UserToken.ENDED
        return UserToken.WORKS

    async def refreshes(self, consent_id: str) -> bool:
        """Whether another token of the consent's user can be had without the user."""
        grant = await self._tokens.of_consent(consent_id).kept()
        return grant is not None and bool(grant.refresh)

    async def forget_user(self, consent_id: str) -> None:
        """Keep no token of a consent that has ended, or whose token works no more."""
        await self._tokens.of_consent(consent_id).keep(ENDED)

    async def instruct_as_ourselves(
        self, scope: str, request: WireRequest, deadline: Deadline, headers: Mapping[str, str]
    ) -> Reply:
        """Send exactly these bytes once, unsigned, with our own token."""
        return await self._own(scope).instruct(request, deadline, headers)

    async def get(self, scope: str, path: str, headers: Mapping[str, str]) -> Reply:
        """Read with our own token."""
        return await self._own(scope).get(path, headers=headers)

    async def knows_server(self) -> NotReady | None:
        """Make sure that the authorisation server is known, where users' tokens are refreshed."""
        return await self._server.load()

    async def get_for_user(
        self,
        consent_id: str,
        path: str,
        headers: Mapping[str, str],
        query: Mapping[str, str] = MappingProxyType({}),
        *,
        keeps_content: bool = True,
    ) -> Reply:
        """Read with the token of a consent's user, which is refreshed if it ends soon.

        The server has to be known. `keeps_content` is as for `Calls.get`.
        """
        await self._tokens.of_consent(consent_id).ready()
        calls = self._of_user(consent_id)
        return await calls.get(path, query, headers, keeps_content=keeps_content)

    async def make(
        self, scope: str, path: str, content: Content, headers: Mapping[str, str]
    ) -> Reply:
        """Make an object that moves no money, signed."""
        signed = {**headers, **self._signatures.of(content.body, self._clock.now())}
        return await self._own(scope).make(path, content, signed)

    async def instruct(
        self, consent_id: str, request: WireRequest, deadline: Deadline, headers: Mapping[str, str]
    ) -> Reply | NotSent:
        """Send exactly these bytes once, signed, with the token of the consent's user."""
        if (away := await self._server.load()) is not None:
            return NotSent(away.why, retry_at=away.until)
        await self._tokens.of_consent(consent_id).ready()
        # The signature says when it was made, so a resend has a new one over the same bytes.
        signed = {**headers, **self._signatures.of(request.body, self._clock.now())}
        return await self._of_user(consent_id).instruct(request, deadline, signed)

    async def unsigned(self, reply: Reply) -> str:
        """Why an answer about a payment cannot be used: it is no success, or not signed right."""
        if not reply.is_success:
            return reply.why
        return await self._signatures.wrong(reply, self._clock.now())

    async def close(self) -> None:
        await self._transport.close()
        await self._server.close()

    def _own(self, scope: str) -> Calls:
        return Calls(self._transport, self._tokens.own(scope), self._clock)

    def _of_user(self, consent_id: str) -> Calls:
        return Calls(self._transport, self._tokens.of_consent(consent_id), self._clock)
