"""JSON Web Signatures with PS256, the profile's only algorithm: compact, detached, and key sets.

Written from RFC 7515, 7517, 7797 and 8705 on `cryptography`, so that the bank shares no code with
whoever checks its signatures.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ALGORITHM = "PS256"
_PADDING = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)


class Malformed(ValueError):
    """A text that is no signed object."""


def encode(content: bytes) -> str:
    """Base64url without padding, as in RFC 7515, section 2."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Raises:
    Malformed: not base64url.
    """
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise Malformed("not base64url") from error


def digest(content: bytes) -> str:
    """SHA-256 in base64url: `x5t#S256` of a certificate, `S256` of a PKCE verifier."""
    return encode(hashlib.sha256(content).digest())


def left_half(text: str) -> str:
    """`c_hash` and `s_hash` of OpenID Connect: the left half of the hash."""
    return encode(hashlib.sha256(text.encode()).digest()[:16])


def header_of(signed: str) -> dict[str, Any]:
    """The header of a compact or detached signature.

    Raises:
        Malformed: it has no three parts, or its header is no object.
    """
    parts = signed.split(".")
    if len(parts) != 3:
        raise Malformed("not three parts")
    return _object(parts[0])


def claims_of(signed: str) -> dict[str, Any]:
    """The claims of a JWT, before anybody has checked its signature.

    Raises:
        Malformed: it is none.
    """
    header_of(signed)
    return _object(signed.split(".")[1])


def detached_input(header: str, payload: bytes, *, unencoded: bool) -> bytes:
    """What is signed: RFC 7515, section 5.1, or with `b64: false` RFC 7797, section 3."""
    return header.encode() + b"." + (payload if unencoded else encode(payload).encode())


def verified(signing_input: bytes, signature: str, jwk: dict[str, Any]) -> bool:
    """Raises:
    Malformed: the signature or the key cannot be read.
    """
    return _verified(signing_input, decode(signature), jwk)


def _verified(signing_input: bytes, signature: bytes, jwk: dict[str, Any]) -> bool:
    try:
        modulus, exponent = (int.from_bytes(decode(str(jwk[name]))) for name in ("n", "e"))
        key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    except (KeyError, ValueError) as error:
        raise Malformed("the key is no RSA key") from error
    try:
        key.verify(signature, signing_input, _PADDING, hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def key_of(keys: dict[str, Any], kid: Any) -> dict[str, Any] | None:
    """The key of a key set with that id."""
    found = (key for key in keys.get("keys", ()) if kid is not None and key.get("kid") == kid)
    return next(found, None)


def checked(token: str, keys: dict[str, Any]) -> dict[str, Any]:
    """The claims of a JWT whose signature is right. Its dates are for the caller to check.

    Raises:
        Malformed: it is none, or its algorithm, key or signature is wrong.
    """
    header, claims = header_of(token), claims_of(token)
    key = key_of(keys, header.get("kid"))
    if header.get("alg") != ALGORITHM or key is None:
        raise Malformed("the algorithm is not PS256, or the key is unknown")
    signing_input, _, signature = token.rpartition(".")
    if not verified(signing_input.encode(), signature, key):
        raise Malformed("the signature is wrong")
    return claims


class SigningKey:
    """A private key, with its id: the SHA-256 thumbprint of RFC 7638."""

    def __init__(self, pem: str) -> None:
        loaded = serialization.load_pem_private_key(pem.encode(), None)
        assert isinstance(loaded, rsa.RSAPrivateKey)
        self._key = loaded
        numbers = loaded.public_key().public_numbers()
        size = (numbers.n.bit_length() + 7) // 8
        public = {
            "e": encode(numbers.e.to_bytes(3)),
            "kty": "RSA",
            "n": encode(numbers.n.to_bytes(size)),
        }
        self.kid = digest(json.dumps(public, separators=(",", ":")).encode())
        self.jwk: dict[str, Any] = {**public, "kid": self.kid, "use": "sig", "alg": ALGORITHM}

    @staticmethod
    def new_pem() -> str:
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return made.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def sign(self, signing_input: bytes) -> str:
        return encode(self._key.sign(signing_input, _PADDING, hashes.SHA256()))

    def jwt(self, claims: dict[str, Any], **header: Any) -> str:
        head = encode_json({"alg": ALGORITHM, "kid": self.kid, **header})
        signing_input = f"{head}.{encode_json(claims)}"
        return f"{signing_input}.{self.sign(signing_input.encode())}"


def encode_json(value: dict[str, Any]) -> str:
    return encode(json.dumps(value, separators=(",", ":")).encode())


def _object(part: str) -> dict[str, Any]:
    try:
        read = json.loads(decode(part))
    except ValueError as error:
        raise Malformed("not JSON") from error
    if not isinstance(read, dict):
        raise Malformed("not an object")
    return read
