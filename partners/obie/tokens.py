"""Tokens: our own for consents and reads, and one for each consent by which its user acts.

Both are kept in the login book, which all processes share: one process at a time gets or refreshes
a token, and a new one is stored before anybody uses it. A code counts once. If the reply to its
exchange is lost, the exchange is repeated; if the server had taken the code, it refuses the repeat
(RFC 6749, 4.1.2), and without a token nothing can be submitted.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from domain.clock import Clock
from domain.lifecycle.answers import NotReady
from partners.kit.content import form
from partners.kit.jose import Signer, fingerprint
from partners.kit.logins import Grant, Login
from partners.kit.wire import Unusable, read
from partners.obie import wire
from partners.obie.account import ObieAccount
from partners.obie.errors import OAUTH_REFUSALS
from partners.obie.server import AuthorisationServer
from transport.exchange import Request

if TYPE_CHECKING:
    from partners.interface import LoginBook

_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: An assertion is used at once.
_ASSERTION_LIVES: Final = timedelta(minutes=1)
_BEARER: Final = "bearer"
#: In place of a token: there was one, and only the user can bring another.
ENDED: Final = Grant("", datetime.min.replace(tzinfo=UTC))
#: Logins of users that are kept in memory; the tokens are in the book.
_USERS_MAX: Final = 500


class Client:
    """How we authenticate at the token endpoint."""

    def __init__(
        self, account: ObieAccount, server: AuthorisationServer, signer: Signer, clock: Clock
    ) -> None:
        self._account = account
        self._server = server
        self._signer = signer
        self._clock = clock

    def request(self, fields: Mapping[str, str]) -> Request:
        """A request to the token endpoint, with our authentication.

        Raises:
            BadKey: our signing key cannot be used.
        """
        path = urlsplit(self._server.token_endpoint).path
        body = form({**fields, **self._authentication()})
        return Request("POST", path, body=body.body, content_type=body.content_type, once=True)

    def _authentication(self) -> Mapping[str, str]:
        account = self._account
        if account.client_authentication == "tls_client_auth":
            return {"client_id": account.client_id}
        now = self._clock.now()
        seconds = int(now.timestamp())
        claims = {
            "iss": account.client_id,
            "sub": account.client_id,
            "aud": self._server.published.token_endpoint,
            "jti": new_id(),
            "iat": seconds,
            "exp": seconds + int(_ASSERTION_LIVES.total_seconds()),
        }
        return {
            "client_id": account.client_id,
            "client_assertion_type": _ASSERTION,
            "client_assertion": self._signer.jwt(claims),
        }


def new_id() -> str:
    """An id that nobody used: for an assertion or an interaction."""
    return str(uuid.uuid4())


class _Flow:
    """What all flows of this server have in common."""

    def __init__(self, client: Client, aspsp: str) -> None:
        self._client = client
        self._aspsp = aspsp
        self.refusal = ""
        """Why the server refused what it was last given; empty if it did not."""
        self.id_token = ""
        """What the server said of the user beside the last token; empty if nothing."""

    def granted(self, body: str, asked_at: datetime) -> Grant | Unusable:
        token = read(wire.Token, body)
        if isinstance(token, Unusable):
            return token
        if token.token_type.lower() != _BEARER:
            return Unusable((f"token.token_type: unknown {token.token_type[:40]!r}",))
        lives = token.expires_in
        ends = asked_at + timedelta(seconds=lives) if lives is not None else None
        self.id_token = token.id_token
        return Grant(token.access_token, ends, token.refresh_token)

    def refused(self, status: int, body: str) -> str | None:
        refusal = read(wire.TokenRefusal, body) if status in (400, 401) else None
        if not isinstance(refusal, wire.TokenRefusal) or refusal.error not in OAUTH_REFUSALS:
            return None
        self.refusal = f"{refusal.error} {refusal.error_description}".strip()
        return self.refusal


class OwnFlow(_Flow):
    """Our own token (client credentials), for one scope."""

    def __init__(self, client: Client, aspsp: str, scope: str) -> None:
        super().__init__(client, aspsp)
        self._scope = scope

    @property
    def remedy(self) -> str:
        return (
            f"{self._aspsp} refused our client ({{why}}); compare client_id, signing key and "
            "certificate in the settings with what is registered with the bank"
        )

    def request(self, refresh: str) -> Request | None:
        if refresh:
            return self._client.request({"grant_type": "refresh_token", "refresh_token": refresh})
        return self._client.request({"grant_type": "client_credentials", "scope": self._scope})


class UserFlow(_Flow):
    """The token of one consent: by the code that its user brought, then by refresh tokens."""

    def __init__(self, client: Client, account: ObieAccount) -> None:
        super().__init__(client, account.aspsp)
        self._redirect_uri = account.redirect_uri
        self._code = self._verifier = ""

    def brought(self, code: str, verifier: str, redirect_uri: str = "") -> None:
        """Take the code that the user came back with, and the PKCE verifier made for it."""
        self._redirect_uri = redirect_uri or self._redirect_uri
        if code != self._code:
            self._code, self._verifier, self.refusal = code, verifier, ""

    @property
    def remedy(self) -> str:
        return (
            f"{self._aspsp} does not take the user's approval any more ({{why}}); have the user "
            "approve again"
        )

    def request(self, refresh: str) -> Request | None:
        if refresh:
            return self._client.request({"grant_type": "refresh_token", "refresh_token": refresh})
        if not self._code:
            return None
        return self._client.request(
            {
                "grant_type": "authorization_code",
                "code": self._code,
                "redirect_uri": self._redirect_uri,
                "code_verifier": self._verifier,
            }
        )


class Tokens:
    """Makes the logins of one account, each when it is needed."""

    def __init__(
        self,
        account: ObieAccount,
        server: AuthorisationServer,
        client: Client,
        book: LoginBook,
        clock: Clock,
    ) -> None:
        self._account = account
        self._server = server
        self._client = client
        self._book = book
        self._clock = clock
        self._own: dict[str, Login] = {}
        self._users: OrderedDict[str, UserLogin] = OrderedDict()

    def own(self, scope: str) -> Login:
        """Our own token for a scope. The server has to be loaded."""
        if scope not in self._own:
            flow = OwnFlow(self._client, self._account.aspsp, scope)
            self._own[scope] = self._login(f"{self._account.login}: {scope}", flow)
        return self._own[scope]

    def of_consent(self, consent_id: str, *, code: str = "", verifier: str = "") -> UserLogin:
        """The token of one consent, with the code that its user brought, if any."""
        if consent_id not in self._users:
            name = f"{self._account.login}: consent {consent_id}"
            flow = UserFlow(self._client, self._account)
            self._users[consent_id] = UserLogin(self._login(name, flow, locks=False), flow)
            if len(self._users) > _USERS_MAX:
                self._users.popitem(last=False)
        login = self._users[consent_id]
        if code:
            login.flow.brought(code, verifier)
        return login

    def of_code(self, code: str, verifier: str, redirect_uri: str) -> UserLogin:
        """A login of one code alone, so that a refused code does not bar those after it."""
        name = f"{self._account.login}: code {fingerprint(code.encode())}"
        flow = UserFlow(self._client, self._account)
        flow.brought(code, verifier, redirect_uri)
        return UserLogin(self._login(name, flow, locks=False), flow)

    def _login(self, name: str, flow: OwnFlow | UserFlow, *, locks: bool = True) -> Login:
        transport = self._server.transport(self._server.token_endpoint)
        # A key or certificate that is renewed is the same client, so its tokens stay. No code is
        # part of the name, so that a later step finds the token without it.
        return Login(
            name, name, flow,
            book=self._book, transport=transport, clock=self._clock, locks=locks,
        )  # fmt: skip


class UserLogin:
    """The token of one consent's user. Implements `partners.kit.calls.Credentials`."""

    def __init__(self, login: Login, flow: UserFlow) -> None:
        self._login = login
        self.flow = flow

    async def ready(self) -> NotReady | str | None:
        """Exchange the code, or refresh the token if it ends soon.

        Returns:
            None: there is a token. A text: why the server refused for good.
        """
        not_ready = await self._login.ready()
        if not_ready is not None and self.flow.refusal:
            return self.flow.refusal
        return not_ready

    async def kept(self) -> Grant | None:
        """The token in the book; None: there never was one."""
        return await self._login.kept()

    async def keep(self, grant: Grant) -> None:
        """Store a token that came by a code's own login, or `ENDED`."""
        self.flow.refusal = ""
        await self._login.keep(grant)

    async def headers(self) -> Mapping[str, str] | None:
        return await self._login.headers()

    async def refused(self, headers: Mapping[str, str]) -> None:
        """Give up a token that can be refreshed. Another is all that there is, so it is kept: a
        gateway's passing refusal must not cost the user's approval."""
        grant = await self._login.kept()
        if grant is not None and grant.refresh:
            await self._login.refused(headers)
