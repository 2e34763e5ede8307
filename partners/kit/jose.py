"""JSON Web Signatures with PS256: compact ones, and detached ones over the bytes of a body.

PS256 is the only algorithm of the UK profile. No other is offered, so a sender cannot choose a
weaker one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.padding import PSS
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

ALGORITHM: Final = "PS256"
#: RFC 7518, 3.5: the salt is as long as the hash.
_SALT_BYTES: Final = 32


class BadKey(ValueError):
    """Our signing key cannot be used. The text names the file and the remedy."""


class BadSignature(ValueError):
    """A signature is missing, malformed, made with another key, or over other bytes."""


def encode(content: bytes) -> str:
    """Base64url without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Raises:
    BadSignature: it is not base64url.
    """
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise BadSignature("it is not base64url") from None


def fingerprint(content: bytes) -> str:
    """SHA-256 in base64url: `S256` of PKCE, `x5t#S256` of a certificate."""
    return encode(hashlib.sha256(content).digest())


class Signer:
    """Signs with a private key that a file holds.

    Args:
        file: PEM, RSA, without a passphrase. It is read again when it changes.
        key_id: the key's `kid` in our published key set.
    """

    def __init__(self, file: Path, key_id: str) -> None:
        self._file = file
        self._key_id = key_id
        self._loaded: tuple[int, RSAPrivateKey] | None = None

    def unusable(self) -> str | None:
        """Why nothing can be signed; None: it can."""
        try:
            self._key()
        except BadKey as bad:
            return str(bad)
        return None

    def jwt(self, claims: Mapping[str, Any], **header: Any) -> str:
        """A compact JWS over claims.

        Raises:
            BadKey: the file has no key that can be used.
        """
        return self._signed(_json({"typ": "JWT", **header}, self._key_id), _encoded(claims))

    def detached(self, body: bytes, header: Mapping[str, Any]) -> str:
        """`header..signature` over the bytes of a body (RFC 7515, Appendix F).

        Raises:
            BadKey: as for `jwt`.
        """
        signed = self._signed(_json(header, self._key_id), encode(body))
        head, _, signature = signed.split(".")
        return f"{head}..{signature}"

    def _signed(self, head: str, payload: str) -> str:
        from cryptography.hazmat.primitives import hashes

        signed = f"{head}.{payload}"
        signature = self._key().sign(signed.encode(), _padding(), hashes.SHA256())
        return f"{signed}.{encode(signature)}"

    def _key(self) -> RSAPrivateKey:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

        try:
            changed_at = self._file.stat().st_mtime_ns
            if self._loaded is None or self._loaded[0] != changed_at:
                key = serialization.load_pem_private_key(self._file.read_bytes(), password=None)
                if not isinstance(key, RSAPrivateKey):
                    raise BadKey(f"signing_key: {self._file} is no RSA key; {ALGORITHM} needs one")
                self._loaded = (changed_at, key)
        except BadKey:
            raise
        except (OSError, TypeError, ValueError) as error:
            raise BadKey(
                f"signing_key: {self._file} has no private key in PEM ({type(error).__name__}); "
                "give the key whose public half you registered, without a passphrase"
            ) from None
        return self._loaded[1]


def header_of(signed: str) -> dict[str, Any]:
    """The header of a signature that nobody has checked yet.

    Raises:
        BadSignature: it has no three parts, or its header is no JSON object.
    """
    parts = signed.split(".")
    if len(parts) != 3:
        raise BadSignature("it does not have three parts")
    return _object(parts[0])


def claims_of(token: str, keys: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The claims of a JWT with a right signature. The caller checks what they say.

    Args:
        keys: the sender's public keys (JWK) by their ids.

    Raises:
        BadSignature: it is none, or the signature is wrong.
    """
    signed, _, signature = token.rpartition(".")
    _verify(signed.encode(), signature, header_of(token), keys)
    return _object(signed.partition(".")[2])


def verify_detached(signature: str, body: bytes, keys: Mapping[str, Mapping[str, Any]]) -> None:
    """Check `header..signature` over the bytes of a body.

    Raises:
        BadSignature: it is not detached, or wrong.
    """
    header = header_of(signature)
    head, payload, own = signature.split(".")
    if payload:
        raise BadSignature("it is not detached")
    _verify(f"{head}.{encode(body)}".encode(), own, header, keys)


def _verify(
    signed: bytes, signature: str, header: Mapping[str, Any], keys: Mapping[str, Mapping[str, Any]]
) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    if header.get("alg") != ALGORITHM:
        raise BadSignature(f"its algorithm is not {ALGORITHM}")
    key = keys.get(str(header.get("kid")))
    if key is None:
        raise BadSignature("it was made with a key that the sender does not publish")
    try:
        modulus, exponent = (int.from_bytes(decode(str(key[name]))) for name in ("n", "e"))
        public = RSAPublicNumbers(exponent, modulus).public_key()
    except (KeyError, ValueError):
        raise BadSignature("the sender's published key is no RSA key") from None
    try:
        public.verify(decode(signature), signed, _padding(), hashes.SHA256())
    except InvalidSignature:
        raise BadSignature("it does not fit the bytes") from None


def _padding() -> PSS:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS

    return PSS(mgf=MGF1(hashes.SHA256()), salt_length=_SALT_BYTES)


def _json(header: Mapping[str, Any], key_id: str) -> str:
    return _encoded({"alg": ALGORITHM, "kid": key_id, **header})


def _encoded(fields: Mapping[str, Any]) -> str:
    return encode(json.dumps(fields, separators=(",", ":")).encode())


def _object(part: str) -> dict[str, Any]:
    try:
        found = json.loads(decode(part))
    except BadSignature:
        raise
    except ValueError:
        raise BadSignature("its header or claims are no JSON") from None
    if not isinstance(found, dict):
        raise BadSignature("its header or claims are no JSON object")
    return found
