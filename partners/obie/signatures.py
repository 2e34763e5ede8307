"""Detached signatures over bodies, in the header `x-jws-signature`: ours made, the bank's checked.

Read/Write API Profile v4.0, "Message Signing". Up to version 3.1.3 banks signed the body unencoded
(`b64: false`); no version that we speak does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from partners.kit.calls import Reply
from partners.kit.jose import BadSignature, Signer, header_of, verify_detached
from partners.obie.account import ObieAccount
from partners.obie.server import AuthorisationServer

HEADER: Final = "x-jws-signature"
_CLAIM: Final = "http://openbanking.org.uk/"
_ISSUED: Final = f"{_CLAIM}iat"
_ISSUER: Final = f"{_CLAIM}iss"
_ANCHOR: Final = f"{_CLAIM}tan"
_CRITICAL: Final = (_ISSUED, _ISSUER, _ANCHOR)
_KNOWN: Final = frozenset({"alg", "kid", "typ", "cty", "crit", *_CRITICAL})
_CONTENT: Final = frozenset({"json", "application/json"})
#: How far the bank's clock may be ahead of ours.
_AHEAD: Final = timedelta(minutes=1)


class Signatures:
    """Signs for one account, and checks what its bank signed."""

    def __init__(self, account: ObieAccount, signer: Signer, server: AuthorisationServer) -> None:
        self._account = account
        self._signer = signer
        self._server = server

    def of(self, body: bytes, now: datetime) -> Mapping[str, str]:
        """The header that signs a body of ours.

        Raises:
            BadKey: our signing key cannot be used.
        """
        # `iat` has to lie in the past, and a bank refuses one of its own future.
        header = {
            "typ": "JOSE",
            "cty": "application/json",
            _ISSUED: int(now.timestamp()) - 1,
            _ISSUER: self._account.organisation,
            _ANCHOR: self._account.trust_anchor,
            "crit": list(_CRITICAL),
        }
        return {HEADER: self._signer.detached(body, header)}

    async def wrong(self, reply: Reply, now: datetime) -> str:
        """Why an answer's signature is not right; empty if it is, or if the bank signs nothing."""
        if not self._account.bank_signs:
            return ""
        given = reply.headers.get(HEADER)
        if not given:
            return f"{HEADER}: is missing"
        try:
            header = header_of(given)
            if why := self._odd(header, now):
                return f"{HEADER}: {why}"
            keys = await self._server.keys(header.get("kid"))
            verify_detached(given, reply.body.encode(), keys)
        except BadSignature as bad:
            return f"{HEADER}: {bad}"
        return ""

    def _odd(self, header: Mapping[str, Any], now: datetime) -> str:
        """What is wrong with the header of a signature; empty if nothing is."""
        if more := sorted(set(header) - _KNOWN):
            return f"has members that the profile does not know: {', '.join(more)[:80]}"
        critical = header.get("crit")
        if not isinstance(critical, list) or sorted(map(str, critical)) != sorted(_CRITICAL):
            return "crit is not the profile's"
        if header.get("typ", "JOSE") != "JOSE" or header.get("cty", "json") not in _CONTENT:
            return "typ or cty is not the profile's"
        issued = header.get(_ISSUED)
        if not isinstance(issued, int) or issued > (now + _AHEAD).timestamp():
            return "iat is missing, or lies in the future"
        if not isinstance(header.get(_ISSUER), str) or not header[_ISSUER]:
            return "iss is missing"
        if header.get(_ANCHOR) != self._account.trust_anchor:
            return "tan is not the domain that vouches for the bank's keys"
        return ""
