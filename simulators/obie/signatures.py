"""Detached signatures over message bodies, in the header `x-jws-signature`, in both directions.

Read/Write API Profile v4.0, "Message Signing": RFC 7515, Appendix F. Up to version 3.1.3 the header
also said `b64: false` (RFC 7797), which later versions refuse as an additional critical element.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from simulators.kit.replies import Row
from simulators.obie import jose
from simulators.obie.wire import Problem

HEADER = "x-jws-signature"
TRUST_ANCHOR = "openbanking.org.uk"
_CLAIM = "http://openbanking.org.uk/"
ISSUED, ISSUER, ANCHOR = (f"{_CLAIM}{name}" for name in ("iat", "iss", "tan"))
_CRITICAL = {ISSUED, ISSUER, ANCHOR}
_KNOWN = {"alg", "kid", "typ", "cty", "crit", *_CRITICAL}
_CONTENT = ("json", "application/json")


def header(issuer: str, now: datetime, *, unencoded: bool) -> dict[str, Any]:
    """The members of a signature's header beside `alg` and `kid`."""
    made: dict[str, Any] = {
        "typ": "JOSE",
        "cty": "application/json",
        ISSUED: int(now.timestamp()),
        ISSUER: issuer,
        ANCHOR: TRUST_ANCHOR,
        "crit": [ISSUED, ISSUER, ANCHOR],
    }
    if unencoded:
        made |= {"b64": False, "crit": ["b64", *made["crit"]]}
    return made


def signed(
    body: bytes, key: jose.SigningKey, issuer: str, now: datetime, *, unencoded: bool
) -> str:
    """The value of `x-jws-signature` for a body of ours."""
    members = header(issuer, now, unencoded=unencoded)
    head = jose.encode_json({"alg": jose.ALGORITHM, "kid": key.kid, **members})
    signature = key.sign(jose.detached_input(head, body, unencoded=unencoded))
    return f"{head}..{signature}"


def check(
    headers: Mapping[str, str], body: bytes, client: Row, now: datetime, *, unencoded: bool
) -> None:
    """Check the signature of a request.

    Args:
        client: with its `jwks`, and the `signature_issuer` that it has to name.

    Raises:
        Problem: as the profile orders, always 400.
    """
    given = headers.get(HEADER)
    if not given:
        raise Problem(400, "U019", f"{HEADER} is missing", HEADER)
    try:
        head, payload, signature = given.split(".")
        members = jose.header_of(given)
        jose.decode(signature)
    except ValueError as error:
        raise Problem(400, "U018", f"{HEADER} is no signature", HEADER) from error
    if payload:
        raise Problem(400, "U018", f"{HEADER} is not detached", HEADER)
    jwk = _key(members, client, now, unencoded=unencoded)
    if not jose.verified(jose.detached_input(head, body, unencoded=unencoded), signature, jwk):
        raise Problem(400, "U015", "the signature is not that of the body", HEADER)


def _key(members: dict[str, Any], client: Row, now: datetime, *, unencoded: bool) -> dict[str, Any]:
    """The key that a header names, if all of the header is in order."""
    extra = {"b64"} if unencoded else set[str]()
    needed = {"alg", "kid", "crit", *_CRITICAL, *extra}
    if missing := sorted(needed - set(members)):
        raise Problem(400, "U017", f"the signature lacks {', '.join(missing)}", HEADER)
    jwk = jose.key_of(json.loads(client["jwks"]), members["kid"])
    issued = members[ISSUED]
    wrong = {
        "alg": members["alg"] != jose.ALGORITHM,
        "kid": jwk is None,
        "typ": members.get("typ", "JOSE") != "JOSE",
        "cty": members.get("cty", "json") not in _CONTENT,
        "crit": not _same(members["crit"], _CRITICAL | extra),
        "b64": unencoded and members["b64"] is not False,
        ISSUED: not _is_number(issued) or issued > now.timestamp(),
        ISSUER: members[ISSUER] != client["signature_issuer"],
        ANCHOR: members[ANCHOR] != TRUST_ANCHOR,
        **dict.fromkeys(set(members) - _KNOWN - extra, True),
    }
    if found := [name for name, is_wrong in wrong.items() if is_wrong]:
        raise Problem(400, "U016", f"of the signature, these are wrong: {', '.join(found)}", HEADER)
    assert jwk is not None, "an unknown key is among what is wrong"
    return jwk


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(listed: Any, wanted: set[str]) -> bool:
    return isinstance(listed, list) and sorted(map(str, listed)) == sorted(wanted)
