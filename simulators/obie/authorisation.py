"""The bank's authorisation server: discovery, consent pages, codes, and the token endpoint.

OpenID Connect with PKCE (RFC 7636), the issuer in each answer (RFC 9207), request objects
(RFC 9101), and the hybrid flow of FAPI 1 Advanced.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from simulators.kit.book import new_id
from simulators.kit.clock import moment, stamp
from simulators.kit.delays import Delays
from simulators.kit.partner import Call
from simulators.kit.replies import Json, Refusal, Reply, Row
from simulators.kit.timers import NotPossible, Timers
from simulators.obie import jose, psu
from simulators.obie.book import ACCESS, PAYMENT, Book
from simulators.obie.clients import PRIVATE_KEY_JWT, TLS_CLIENT_AUTH, Clients, oauth_refusal
from simulators.obie.consents import FAILED, NOT_COMPLETED, Consents
from simulators.obie.tokens import Tokens, hashed

CODE, HYBRID = "code", "code id_token"
SCOPES = {"accounts": ACCESS, "payments": PAYMENT}
_INTENT = "openbanking_intent_id"
_OPEN, _DONE = "open", "done"
_GRANTS = ("client_credentials", "authorization_code", "refresh_token")


class _Astray(Exception):
    """A request whose answer goes to the PSU, since it is not known where to lead back."""


class _Sent(Exception):
    """A request whose error is told to the TPP at its redirect URI."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error, self.description = error, description


class AuthorisationServer:
    def __init__(
        self, book: Book, key: jose.SigningKey, clients: Clients, tokens: Tokens,
        consents: Consents, timers: Timers, delays: Delays, *, wants_request_object: bool,
    ) -> None:  # fmt: skip
        self._book = book
        self._key = key
        self._clients = clients
        self._tokens = tokens
        self._consents = consents
        self._timers = timers
        self._delays = delays
        self._wants_request_object = wants_request_object

    def answer(self, call: Call, now: datetime) -> Json | Reply:
        """Raises:
        Refusal: of the token endpoint.
        """
        match call.endpoint:
            case "auth discovery":
                return self._discovery(call.address)
            case "auth jwks":
                return {"keys": [self._key.jwk]}
            case "auth authorise":
                return self._authorise(call, now)
            case "auth token":
                return Reply(200, self._token(call, now), headers={"cache-control": "no-store"})
            case "auth revoke":
                form = _form(call)
                client = self._clients.authenticated(form, call, now)
                self._tokens.revoke(form.get("token", ""), client)
                return Reply(200, b"")
            case "auth page":
                return self._page(self._session(call.object_id))
            case _:
                return self._decide(call, now)

    def _discovery(self, issuer: str) -> Json:
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "revocation_endpoint": f"{issuer}/revoke",
            "jwks_uri": f"{issuer}/jwks",
            "scopes_supported": ["openid", *SCOPES],
            "response_types_supported": [CODE, HYBRID],
            "response_modes_supported": ["query", "fragment"],
            "grant_types_supported": list(_GRANTS),
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": [jose.ALGORITHM],
            "request_object_signing_alg_values_supported": [jose.ALGORITHM],
            "token_endpoint_auth_methods_supported": [PRIVATE_KEY_JWT, TLS_CLIENT_AUTH],
            "token_endpoint_auth_signing_alg_values_supported": [jose.ALGORITHM],
            "code_challenge_methods_supported": ["S256"],
            "claims_supported": ["sub", "acr", _INTENT],
            "claims_parameter_supported": True,
            "request_parameter_supported": True,
            "request_uri_parameter_supported": False,
            "require_signed_request_object": self._wants_request_object,
            "tls_client_certificate_bound_access_tokens": True,
            "authorization_response_iss_parameter_supported": True,
        }

    # The authorisation endpoint

    def _authorise(self, call: Call, now: datetime) -> Reply:
        client = self._book.client(call.fields.get("client_id"))
        try:
            if client is None:
                raise _Astray("the client is unknown")
            asked = self._asked(call, client)
            redirect_uri = asked.get("redirect_uri")
            if redirect_uri not in json.loads(client["redirect_uris"]):
                raise _Astray("redirect_uri is not registered")
        except _Astray as error:
            return psu.refused(str(error))
        session = {
            "id": secrets.token_urlsafe(24),
            "client_id": client["client_id"],
            "redirect_uri": redirect_uri,
            "response_type": str(asked.get("response_type")),
            "state": asked.get("state"),
        }
        try:
            session |= self._request(asked, client)
        except _Sent as error:
            told = {"error": error.error, "error_description": error.description}
            return psu.back(session, self._answer(session, call, told))
        self._book.insert("sessions", **session, status=_OPEN, created_at=stamp(now))
        within = self._delays["psu_acts_within"]
        self._timers.add(str(session["id"]), "leave", now + timedelta(seconds=within))
        return psu.moved(f"{call.address}/psu/{session['id']}")

    def _asked(self, call: Call, client: Row) -> dict[str, Any]:
        """The parameters, which a request object replaces: RFC 9101, section 6.3."""
        if "request" not in call.fields:
            return dict(call.fields)
        try:
            asked = jose.checked(str(call.fields["request"]), json.loads(client["jwks"]))
        except jose.Malformed as error:
            raise _Astray(f"the request object is not valid: {error}") from error
        audience = asked.get("aud")
        if call.address not in (audience if isinstance(audience, list) else [audience]):
            raise _Astray("the request object is for somebody else")
        if asked.get("client_id", client["client_id"]) != client["client_id"]:
            raise _Astray("the request object is of another client")
        return {**asked, "request": True}

    def _request(self, asked: dict[str, Any], client: Row) -> dict[str, Any]:
        if asked.get("response_type") not in (CODE, HYBRID):
            raise _Sent("unsupported_response_type", f"there are {CODE}, {HYBRID}")
        if self._wants_request_object and "request" not in asked:
            raise _Sent("invalid_request", "a signed request object is needed")
        is_hashed = asked.get("code_challenge_method") == "S256" and asked.get("code_challenge")
        if not is_hashed and (asked["response_type"] == CODE or "code_challenge" in asked):
            raise _Sent("invalid_request", "code_challenge with the method S256 is needed")
        if asked["response_type"] == HYBRID and not asked.get("nonce"):
            raise _Sent("invalid_request", "nonce is needed")
        scopes = str(asked.get("scope", "")).split()
        wanted = [scope for scope in scopes if scope in SCOPES]
        if "openid" not in scopes or len(wanted) != 1:
            raise _Sent("invalid_scope", f"openid, and one of {', '.join(SCOPES)}")
        consent = self._book.consent(_intent(asked.get("claims")))
        if consent is None or consent["client_id"] != client["client_id"]:
            raise _Sent("invalid_request", f"{_INTENT} names no consent of yours")
        if consent["kind"] != SCOPES[wanted[0]]:
            raise _Sent("invalid_scope", "the consent is for another scope")
        if not self._consents.can_be_authorised(consent):
            raise _Sent("invalid_request", f"the consent is {consent['status']}")
        return {
            "consent_id": consent["id"],
            "scope": " ".join(scopes),
            "nonce": asked.get("nonce"),
            "challenge": asked.get("code_challenge"),
        }

    def _answer(self, session: Mapping[str, Any], call: Call, told: Json) -> dict[str, str]:
        state = {"state": str(session["state"])} if session.get("state") else {}
        return {**told, **state, "iss": call.address}

    # What a PSU does

    def _session(self, session_id: str) -> Row | None:
        sql = "SELECT * FROM sessions WHERE id = ? AND status = ?"
        return self._book.row(sql, session_id, _OPEN)

    def _page(self, session: Row | None, wrong: str = "") -> Reply:
        if session is None:
            return psu.over()
        consent = self._book.consent(session["consent_id"])
        client = self._book.client(session["client_id"])
        if client is None or consent is None or not self._consents.can_be_authorised(consent):
            return psu.over()
        return psu.page(session, client, consent, list(self._book.accounts()), wrong)

    def _decide(self, call: Call, now: datetime) -> Reply:
        """The choice and the accounts come from the page's form, or from the query."""
        session = self._session(call.object_id)
        if session is None:
            return psu.over()
        pairs = parse_qsl(call.raw.decode(errors="replace"))
        given = {**call.fields, **dict(pairs)}
        accounts = [value for name, value in pairs if name == "account"]
        accounts = accounts or call.lists.get("account", [])
        consent = self._book.consent(session["consent_id"])
        assert consent is not None
        if not self._consents.can_be_authorised(consent):
            return psu.over()
        if given.get("choice") != "approve":
            self._close(session)
            self._consents.reject(consent, FAILED, now)
            told = {"error": "access_denied", "error_description": FAILED}
            return psu.back(session, self._answer(session, call, told))
        try:
            self._consents.authorise(consent, accounts, now)
        except NotPossible as error:
            return self._page(session, str(error))
        self._close(session)
        return psu.back(session, self._answer(session, call, self._granted(session, call, now)))

    def leave(self, session_id: str, now: datetime) -> None:
        """A PSU has not acted in time.

        Raises:
            NotPossible: the PSU acted.
        """
        session = self._session(session_id)
        if session is None:
            raise NotPossible("the session is over")
        self._close(session)
        consent = self._book.consent(session["consent_id"])
        others = self._book.row(
            "SELECT 1 FROM sessions WHERE consent_id = ? AND status = ?",
            session["consent_id"], _OPEN,
        )  # fmt: skip
        if consent is not None and others is None:
            self._consents.reject(consent, NOT_COMPLETED, now)

    def _close(self, session: Row) -> None:
        self._book.change("sessions", session["id"], status=_DONE)
        self._timers.stop(session["id"])

    def _granted(self, session: Row, call: Call, now: datetime) -> Json:
        code = secrets.token_urlsafe(32)
        until = now + timedelta(seconds=self._delays["code_expires_after"])
        self._book.insert("codes", hash=hashed(code), session_id=session["id"], family=new_id(),
                          expires_at=stamp(until))  # fmt: skip
        if session["response_type"] == CODE:
            return {"code": code}
        hashes = {"c_hash": jose.left_half(code)}
        if session["state"]:
            hashes["s_hash"] = jose.left_half(session["state"])
        return {"code": code, "id_token": self._id_token(session, call, now, **hashes)}

    # The token endpoint

    def _token(self, call: Call, now: datetime) -> Json:
        form = _form(call)
        client = self._clients.authenticated(form, call, now)
        match form.get("grant_type"):
            case "client_credentials":
                scope = form.get("scope", "")
                if not set(scope.split()) <= {"openid", *SCOPES} or not scope:
                    raise oauth_refusal(400, "invalid_scope", f"there are {', '.join(SCOPES)}")
                return self._tokens.issue(client, scope, None, call, now)
            case "refresh_token":
                renewed = self._tokens.renew(form.get("refresh_token", ""), client, call, now)
                return renewed
            case "authorization_code":
                return self._redeem(form, client, call, now)
            case _:
                text = f"there are {', '.join(_GRANTS)}"
                raise oauth_refusal(400, "unsupported_grant_type", text)

    def _redeem(self, form: Mapping[str, str], client: Row, call: Call, now: datetime) -> Json:
        """A code works once. If it comes again, what it gave is revoked: RFC 6749, 4.1.2."""
        sql = "SELECT * FROM codes JOIN sessions ON sessions.id = session_id WHERE hash = ?"
        found = self._book.row(sql, hashed(form.get("code", "")))
        if found is None or found["client_id"] != client["client_id"]:
            raise _invalid_grant("the code is unknown")
        if found["used"]:
            self._tokens.revoke_family(found["family"])
            raise _invalid_grant("the code was used; what it gave is revoked")
        if moment(found["expires_at"]) <= now:
            raise _invalid_grant("the code has expired")
        if form.get("redirect_uri") != found["redirect_uri"]:
            raise _invalid_grant("redirect_uri is another than before")
        verifier = form.get("code_verifier", "")
        if found["challenge"] and jose.digest(verifier.encode()) != found["challenge"]:
            raise _invalid_grant("code_verifier does not fit code_challenge")
        self._book.run("UPDATE codes SET used = 1 WHERE hash = ?", found["hash"])
        given = self._tokens.issue(
            client, found["scope"], found["consent_id"], call, now, family=found["family"],
            refreshes="accounts" in found["scope"].split(),
        )  # fmt: skip
        return {**given, "id_token": self._id_token(found, call, now)}

    def _id_token(self, session: Row, call: Call, now: datetime, **more: str) -> str:
        claims: Json = {
            "iss": call.address,
            "aud": session["client_id"],
            # The subject is the intent: the bank tells a TPP nothing else about a PSU.
            "sub": session["consent_id"],
            _INTENT: session["consent_id"],
            "acr": "urn:openbanking:psd2:sca",
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp()) + 300,
            **more,
        }
        if session["nonce"]:
            claims["nonce"] = session["nonce"]
        if "accounts" in session["scope"].split():
            until = self._tokens.refresh_expires_at(now)
            if until is not None:
                name = "http://openbanking.org.uk/refresh_token_expires_at"
                claims[name] = int(until.timestamp())
        return self._key.jwt(claims, typ="JWT")


def _form(call: Call) -> dict[str, str]:
    return dict(parse_qsl(call.raw.decode(errors="replace")))


def _intent(claims: Any) -> str | None:
    """The consent that a `claims` parameter names, for the id_token or for userinfo."""
    try:
        read = json.loads(claims) if isinstance(claims, str) else claims
        wanted = {**read.get("userinfo", {}), **read.get("id_token", {})}[_INTENT]["value"]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return str(wanted)


def _invalid_grant(text: str) -> Refusal:
    return oauth_refusal(400, "invalid_grant", text)
