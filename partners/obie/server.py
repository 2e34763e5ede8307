"""The bank's authorisation server: its endpoints, and the keys that the bank signs with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from domain.lifecycle.answers import NotReady
from partners.kit.calls import Calls, NoCredentials
from partners.kit.wire import Unusable, Wire, read
from partners.obie import wire
from partners.obie.account import ObieAccount
from transport.address import BadAddress, checked_address, is_page

if TYPE_CHECKING:
    from partners.kit.workplace import Workplace
    from transport.http import Transport

_METADATA: Final = "/.well-known/openid-configuration"
#: Banks rotate keys with an overlap of days; endpoints hardly ever change.
_HOLDS: Final = timedelta(hours=1)
_PAUSE: Final = timedelta(seconds=30)
#: The least time between two reads of the keys because of an unknown `kid`.
_KEYS_PAUSE: Final = timedelta(minutes=1)


class AuthorisationServer:
    """What the server publishes, read when it is needed and kept for an hour."""

    def __init__(self, account: ObieAccount, workplace: Workplace) -> None:
        self._account = account
        self._workplace = workplace
        self._transports: dict[str, Transport] = {}
        self._published: tuple[wire.Server, datetime] | None = None
        self._keys: tuple[Mapping[str, Mapping[str, Any]], datetime] = (
            {}, datetime.min.replace(tzinfo=workplace.clock.now().tzinfo),
        )  # fmt: skip

    async def load(self) -> NotReady | None:
        """Make sure that its metadata and keys are known. Earlier ones do while it is away."""
        now = self._workplace.clock.now()
        if self._published is not None and now < self._published[1] + _HOLDS:
            return None
        why = await self._load(now)
        if why and self._published is None:
            return NotReady(f"{self._account.aspsp}: {why}", now + _PAUSE)
        return None

    @property
    def published(self) -> wire.Server:
        """Its metadata. `load` comes before this."""
        assert self._published is not None, "nothing is asked of a server that was not loaded"
        return self._published[0]

    @property
    def token_endpoint(self) -> str:
        """RFC 8705, 5: clients with a certificate use the alias, if there is one."""
        aliases = self.published.mtls_endpoint_aliases
        return aliases.get("token_endpoint", self.published.token_endpoint)

    async def keys(self, key_id: object) -> Mapping[str, Mapping[str, Any]]:
        """The bank's public keys by id, read again if this id is not among them."""
        keys, read_at = self._keys
        now = self._workplace.clock.now()
        if str(key_id) not in keys and now >= read_at + _KEYS_PAUSE:
            await self._load_keys(now)
        return self._keys[0]

    def transport(self, url: str) -> Transport:
        """The transport to a URL's host.

        Raises:
            BadAddress: credentials must not be sent there.
        """
        parts = checked_address(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._transports:
            identity = self._account.identity if parts.scheme == "https" else None
            self._transports[origin] = self._workplace.transport(origin, identity=identity)
        return self._transports[origin]

    async def close(self) -> None:
        for transport in self._transports.values():
            await transport.close()

    async def _load(self, now: datetime) -> str:
        """Why its metadata cannot be used; empty if they can."""
        issuer = self._account.authorisation_server
        found = await self._get(f"{issuer}{_METADATA}", wire.Server)
        if isinstance(found, str):
            return f"its authorisation server's metadata: {found}"
        if found.issuer.rstrip("/") != issuer:
            # RFC 8414, 3.3: otherwise one server could stand in for another.
            return f"its authorisation server calls itself {found.issuer[:80]!r}, not {issuer!r}"
        if not is_page(found.authorization_endpoint):
            return "its page for approvals is not https, so nobody is led there"
        try:
            for url in (
                found.token_endpoint,
                found.jwks_uri,
                *found.mtls_endpoint_aliases.values(),
            ):
                checked_address(url)
        except BadAddress as bad:
            return f"an endpoint of its authorisation server cannot be used: {bad}"
        self._published = (found, now)
        await self._load_keys(now)
        return ""

    async def _load_keys(self, now: datetime) -> None:
        found = await self._get(self.published.jwks_uri, wire.Keys)
        if not isinstance(found, str):
            self._keys = ({str(key["kid"]): key for key in found.keys if "kid" in key}, now)

    async def _get(self, url: str, model: type[wire.Server] | type[wire.Keys]) -> Any:
        """The object at a URL, or why it cannot be read."""
        calls = Calls(self.transport(url), NoCredentials(), self._workplace.clock)
        reply = await calls.get(urlsplit(url).path)
        if not reply.is_success:
            return reply.why
        found: Wire | Unusable = read(model, reply.body)
        return found.why if isinstance(found, Unusable) else found
