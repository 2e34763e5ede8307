"""The TPPs that the bank knows, and how they prove at the token endpoint who they are."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from simulators.kit.partner import Call
from simulators.kit.replies import Refusal, Row
from simulators.obie import jose
from simulators.obie.book import Book

PRIVATE_KEY_JWT, TLS_CLIENT_AUTH = "private_key_jwt", "tls_client_auth"
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def oauth_refusal(status: int, error: str, description: str) -> Refusal:
    """An error of the token endpoint: RFC 6749, section 5.2."""
    return Refusal(status, {"error": error, "error_description": description})


def subject_of(certificate_der: bytes) -> str:
    """The subject of a certificate as RFC 4514 writes it, which a client registers."""
    return x509.load_der_x509_certificate(certificate_der).subject.rfc4514_string()


class Clients:
    def __init__(self, book: Book) -> None:
        self._book = book

    def register(self, asked: Mapping[str, Any]) -> Row:
        """Add a client, or replace the one with its `client_id`.

        Args:
            asked: `client_id`, `jwks` (an object) and `redirect_uris`; besides `client_name`,
                `token_endpoint_auth_method`, `tls_client_auth_subject_dn`, `organisation_id` and
                `software_id`, which a signature names as `{organisation_id}/{software_id}`.

        Raises:
            KeyError, TypeError, ValueError: a field is missing or wrong.
        """
        method = asked.get("token_endpoint_auth_method", PRIVATE_KEY_JWT)
        if method not in (PRIVATE_KEY_JWT, TLS_CLIENT_AUTH):
            there = f"{PRIVATE_KEY_JWT}, {TLS_CLIENT_AUTH}"
            raise ValueError(f"token_endpoint_auth_method {method!r}; there are {there}")
        subject = str(asked.get("tls_client_auth_subject_dn", ""))
        if method == TLS_CLIENT_AUTH and not subject:
            raise ValueError("tls_client_auth needs tls_client_auth_subject_dn")
        if not isinstance(asked["redirect_uris"], list):
            raise TypeError("redirect_uris is a list")
        client_id = str(asked["client_id"])
        organisation = str(asked.get("organisation_id", "0015800001041RHAAY"))
        self._book.run("DELETE FROM clients WHERE client_id = ?", client_id)
        self._book.insert(
            "clients",
            client_id=client_id,
            name=str(asked.get("client_name", client_id)),
            auth_method=method,
            subject=subject,
            jwks=json.dumps({"keys": list(asked["jwks"]["keys"])}),
            redirect_uris=json.dumps(asked["redirect_uris"]),
            signature_issuer=f"{organisation}/{asked.get('software_id', client_id)}",
        )
        found = self._book.client(client_id)
        assert found is not None
        return found

    def authenticated(self, form: Mapping[str, str], call: Call, now: datetime) -> Row:
        """The client of a request to the token endpoint.

        Raises:
            Refusal: it is unknown, or has not proven who it is.
        """
        if "client_assertion" in form:
            return self._by_assertion(form, call, now)
        client = self._book.client(form.get("client_id"))
        if client is None or client["auth_method"] != TLS_CLIENT_AUTH:
            raise oauth_refusal(401, "invalid_client", "client_assertion is missing")
        if not call.certificate_der or subject_of(call.certificate_der) != client["subject"]:
            raise oauth_refusal(401, "invalid_client", "the certificate is not the client's")
        return client

    def _by_assertion(self, form: Mapping[str, str], call: Call, now: datetime) -> Row:
        """RFC 7523, section 3: issuer and subject are the client, and each assertion works once."""
        token = form["client_assertion"]
        if form.get("client_assertion_type") != _ASSERTION_TYPE:
            raise oauth_refusal(401, "invalid_client", "client_assertion_type is wrong")
        try:
            client = self._book.client(jose.claims_of(token).get("sub"))
            if client is None or client["auth_method"] != PRIVATE_KEY_JWT:
                raise jose.Malformed("the client is unknown, or has another method")
            claims = jose.checked(token, json.loads(client["jwks"]))
        except jose.Malformed as error:
            raise oauth_refusal(401, "invalid_client", str(error)) from error
        audiences = claims.get("aud")
        given = audiences if isinstance(audiences, list) else [audiences]
        issuer = call.address
        expires = claims.get("exp")
        wrong = {
            "iss": claims.get("iss") != client["client_id"],
            "aud": not {issuer, f"{issuer}/token"} & set(map(str, given)),
            "exp": not isinstance(expires, int | float) or expires <= _earlier(now).timestamp(),
            "jti": not claims.get("jti"),
            "client_id": form.get("client_id", client["client_id"]) != client["client_id"],
        }
        if found := [name for name, is_wrong in wrong.items() if is_wrong]:
            text = f"of client_assertion, these are wrong: {', '.join(found)}"
            raise oauth_refusal(401, "invalid_client", text)
        try:
            self._book.insert("assertions", client_id=client["client_id"], jti=str(claims["jti"]))
        except sqlite3.IntegrityError:
            text = "client_assertion was used before"
            raise oauth_refusal(401, "invalid_client", text) from None
        return client


def _earlier(now: datetime) -> datetime:
    """The bank's clock may be far ahead of a client's, which no client can know."""
    return min(now, datetime.now(UTC))
