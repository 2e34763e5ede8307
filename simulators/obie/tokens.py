"""Access and refresh tokens: bound to a certificate, rotated, and revoked as a family.

An access token is a JWT (RFC 9068) with `cnf` (RFC 8705). A refresh token works once; if it comes a
second time, everything that came from the same authorisation is revoked (RFC 9700, section 4.14).
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from simulators.kit.book import new_id
from simulators.kit.clock import moment, stamp
from simulators.kit.delays import Delays
from simulators.kit.partner import Call
from simulators.kit.replies import Json, Row
from simulators.obie import jose
from simulators.obie.book import Book
from simulators.obie.clients import oauth_refusal

ACCESS, REFRESH = "access", "refresh"
_LIVE, _USED, _REVOKED = "live", "used", "revoked"
#: Other authorisation servers whose access tokens this bank accepts; a setting of the book.
ISSUERS = "issuers"


@dataclass(frozen=True)
class Access:
    """What an access token permits.

    Attributes:
        consent_id: None if it names the client only, by client credentials.
        expired: it was good, but its time is over.
    """

    client_id: str
    scope: str
    consent_id: str | None
    expired: bool = False


class Tokens:
    def __init__(self, book: Book, key: jose.SigningKey, delays: Delays) -> None:
        self._book = book
        self._key = key
        self._delays = delays

    def issue(
        self, client: Row, scope: str, consent_id: str | None, call: Call, now: datetime,
        *, family: str = "", refreshes: bool = False,
    ) -> Json:  # fmt: skip
        """The token endpoint's reply, without an id_token."""
        family = family or new_id()
        lifetime = self._delays["access_expires_after"]
        bound = jose.digest(call.certificate_der) if call.certificate_der else None
        claims: dict[str, Any] = {
            "iss": call.address,
            "aud": call.address,
            "sub": consent_id or client["client_id"],
            "client_id": client["client_id"],
            "scope": scope,
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp() + lifetime),
            "jti": new_id(),
        }
        if consent_id:
            claims["openbanking_intent_id"] = consent_id
        if bound:
            claims["cnf"] = {"x5t#S256": bound}
        access = self._key.jwt(claims, typ="at+jwt")
        kept = {"client_id": client["client_id"], "consent_id": consent_id, "scope": scope,
                "thumbprint": bound, "family": family, "created_at": stamp(now)}  # fmt: skip
        expires = stamp(now + timedelta(seconds=lifetime))
        self._keep(access, kind=ACCESS, expires_at=expires, **kept)
        reply: Json = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": int(lifetime),
            "scope": scope,
        }
        if refreshes:
            reply["refresh_token"] = secrets.token_urlsafe(32)
            until = self.refresh_expires_at(now)
            at = None if until is None else stamp(until)
            self._keep(reply["refresh_token"], kind=REFRESH, expires_at=at, **kept)
        return reply

    def refresh_expires_at(self, now: datetime) -> datetime | None:
        """None: refresh tokens do not expire, and the id_token says nothing of it."""
        seconds = self._delays["refresh_expires_after"]
        return now + timedelta(seconds=seconds) if seconds > 0 else None

    def renew(self, token: str, client: Row, call: Call, now: datetime) -> Json:
        """Exchange a refresh token for a new pair.

        Raises:
            Refusal: it is unknown, used, revoked, expired, or bound to another certificate.
        """
        found = self._row(token, REFRESH)
        if found is None or found["client_id"] != client["client_id"]:
            raise oauth_refusal(400, "invalid_grant", "the refresh token is unknown")
        if found["state"] != _LIVE:
            self.revoke_family(found["family"])
            text = f"the refresh token is {found['state']}; everything that came of it is revoked"
            raise oauth_refusal(400, "invalid_grant", text)
        if found["expires_at"] and moment(found["expires_at"]) <= now:
            raise oauth_refusal(400, "invalid_grant", "the refresh token has expired")
        self._book.run("UPDATE tokens SET state = ? WHERE seq = ?", _USED, found["seq"])
        return self.issue(client, found["scope"], found["consent_id"], call, now,
                          family=found["family"], refreshes=True)  # fmt: skip

    def access(self, call: Call, now: datetime) -> Access | None:
        """What the token of a request permits; None if there is no token, or it is not good."""
        if not call.token:
            return None
        found = self._row(call.token, ACCESS)
        if found is None:
            return self._foreign(call, now)
        if found["state"] != _LIVE or not self._is_bound(found["thumbprint"], call):
            return None
        is_expired = moment(found["expires_at"]) <= now
        return Access(found["client_id"], found["scope"], found["consent_id"], is_expired)

    def revoke_family(self, family: str) -> None:
        self._book.run("UPDATE tokens SET state = ? WHERE family = ?", _REVOKED, family)

    def revoke_of_consent(self, consent_id: str) -> None:
        self._book.run("UPDATE tokens SET state = ? WHERE consent_id = ?", _REVOKED, consent_id)

    def revoke(self, token: str, client: Row) -> None:
        """RFC 7009: a client gives a token back. An unknown one is no error."""
        found = self._row(token, REFRESH) or self._row(token, ACCESS)
        if found is not None and found["client_id"] == client["client_id"]:
            self.revoke_family(found["family"])

    def _foreign(self, call: Call, now: datetime) -> Access | None:
        """A token of another authorisation server that the bank trusts, by its key set."""
        assert call.token is not None
        trusted = json.loads(self._book.setting(ISSUERS) or "{}")
        try:
            keys = trusted.get(jose.claims_of(call.token).get("iss"))
            claims = jose.checked(call.token, keys or {})
        except jose.Malformed:
            return None
        bound = (claims.get("cnf") or {}).get("x5t#S256")
        client, expires = self._book.client(claims.get("client_id")), claims.get("exp")
        if client is None or not self._is_bound(bound, call):
            return None
        is_expired = not isinstance(expires, int | float) or expires <= now.timestamp()
        consent = claims.get("openbanking_intent_id")
        return Access(client["client_id"], str(claims.get("scope", "")), consent, is_expired)

    @staticmethod
    def _is_bound(thumbprint: str | None, call: Call) -> bool:
        """A token that is bound to a certificate works with that certificate only."""
        return thumbprint is None or thumbprint == jose.digest(call.certificate_der)

    def _keep(self, token: str, **values: Any) -> None:
        self._book.insert("tokens", hash=hashed(token), state=_LIVE, **values)

    def _row(self, token: str, kind: str) -> Row | None:
        sql = "SELECT * FROM tokens WHERE hash = ? AND kind = ?"
        return self._book.row(sql, hashed(token), kind)


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
