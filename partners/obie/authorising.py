"""The link to the bank's page: a signed request object that names the consent.

FAPI 1.0 Advanced wants the parameters signed, so that nobody on the way changes them. The code is
bound to us by PKCE, and the callback to the user's browser by `state`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from domain.lifecycle.callback import Callback
from partners.kit.jose import BadSignature, Signer, claims_of, fingerprint, header_of
from partners.obie.account import ObieAccount
from partners.obie.server import AuthorisationServer
from partners.obie.tokens import new_id

_INTENT: Final = "openbanking_intent_id"
#: Strong customer authentication, as the profile names it.
_SCA: Final = "urn:openbanking:psd2:sca"


class Authorising:
    """Leads users to the bank's page, and checks whom they came back for."""

    def __init__(self, account: ObieAccount, signer: Signer, server: AuthorisationServer) -> None:
        self._account = account
        self._signer = signer
        self._server = server

    def link(
        self,
        consent_id: str,
        scope: str,
        callback: Callback,
        now: datetime,
        until: datetime,
        *,
        redirect_uri: str = "",
    ) -> str:
        """The page at which a user authorises a consent.

        Args:
            scope: `payments` or `accounts`.
            until: when the link ends.
            redirect_uri: where the user is led back, if not to the account's own.

        Raises:
            BadKey: our signing key cannot be used.
        """
        account = self._account
        asked: dict[str, Any] = {
            "client_id": account.client_id,
            "response_type": "code",
            "redirect_uri": redirect_uri or account.redirect_uri,
            "scope": f"openid {scope}",
            "state": callback.state,
            "nonce": nonce_of(callback),
            "code_challenge": callback.challenge,
            "code_challenge_method": "S256",
        }
        wanted = {
            _INTENT: {"value": consent_id, "essential": True},
            "acr": {"essential": True, "values": [_SCA]},
        }
        claims = {
            **asked,
            "iss": account.client_id,
            "aud": account.issuer_name,
            "jti": new_id(),
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int(until.timestamp()),
            "claims": {"id_token": wanted, "userinfo": {_INTENT: wanted[_INTENT]}},
        }
        # OpenID Connect Core, 6.1: these three are repeated outside the request object.
        query = {name: asked[name] for name in ("client_id", "response_type", "scope")}
        signed = self._signer.jwt(claims)
        endpoint = self._server.published.authorization_endpoint
        return f"{endpoint}?{urlencode({**query, 'request': signed})}"

    async def wrong(self, id_token: str, consent_id: str, callback: Callback) -> str:
        """Why the bank's word about a user is not about this consent; empty if it is, or if there
        is none."""
        if not id_token:
            return ""
        try:
            keys = await self._server.keys(header_of(id_token).get("kid"))
            claims = claims_of(id_token, keys)
        except BadSignature as bad:
            return f"id_token: {bad}"
        return _odd(claims, self._account, consent_id, callback)


def nonce_of(callback: Callback) -> str:
    """A value that the bank repeats in its id_token, known to us alone."""
    return fingerprint(f"nonce {callback.state}".encode())


def _odd(
    claims: Mapping[str, Any], account: ObieAccount, consent_id: str, callback: Callback
) -> str:
    audience = claims.get("aud")
    expected = {
        "iss": (str(claims.get("iss")).rstrip("/"), account.authorisation_server),
        "aud": (
            account.client_id in (audience if isinstance(audience, list) else [audience]),
            True,
        ),
        _INTENT: (claims.get(_INTENT), consent_id),
        "nonce": (claims.get("nonce"), nonce_of(callback)),
    }
    odd = [name for name, (said, meant) in expected.items() if said != meant]
    return f"id_token: {', '.join(odd)} not as asked for" if odd else ""
