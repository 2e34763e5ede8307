"""Signatures with PS256: one changed byte anywhere, another key or algorithm is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from partners.kit.jose import (
    BadKey,
    BadSignature,
    Signer,
    claims_of,
    encode,
    header_of,
    verify_detached,
)

BODY = b'{"Data":{"Amount":"10.00"}}'
Keys = dict[str, dict[str, Any]]


def _written(file: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Path:
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def signer(key: rsa.RSAPrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(_written(tmp_path_factory.mktemp("keys") / "key.pem", key), "k1")


@pytest.fixture(scope="module")
def keys(key: rsa.RSAPrivateKey) -> Keys:
    numbers = key.public_key().public_numbers()
    return {
        "k1": {"kty": "RSA", "n": encode(numbers.n.to_bytes(256)), "e": encode(b"\x01\x00\x01")}
    }


def test_a_jwt_is_read_by_whoever_has_the_key(signer: Signer, keys: Keys) -> None:
    token = signer.jwt({"iss": "us", "iat": 1})
    assert header_of(token) == {"alg": "PS256", "kid": "k1", "typ": "JWT"}
    assert claims_of(token, keys) == {"iss": "us", "iat": 1}


def test_a_detached_signature_fits_its_bytes_alone(signer: Signer, keys: Keys) -> None:
    signature = signer.detached(BODY, {"cty": "application/json"})
    assert ".." in signature
    verify_detached(signature, BODY, keys)
    for place in range(len(BODY)):
        changed = bytearray(BODY)
        changed[place] ^= 1
        with pytest.raises(BadSignature):
            verify_detached(signature, bytes(changed), keys)


def test_one_changed_character_of_a_signature_is_refused(signer: Signer, keys: Keys) -> None:
    signature = signer.detached(BODY, {})
    head, _, _ = signature.split(".")
    # Of the last character of each part, base64url may ignore the last bits.
    for place in (*range(len(head) - 1), *range(len(head) + 2, len(signature) - 1)):
        other = "B" if signature[place] == "A" else "A"
        with pytest.raises(BadSignature):
            verify_detached(f"{signature[:place]}{other}{signature[place + 1 :]}", BODY, keys)


@pytest.mark.parametrize(
    "wrong", ["", "a", "a.b", "a..b", "!..!", "a.b.c.d", "e30..e30", "bnVsbA..AA"]
)
def test_what_is_no_signature_is_refused(keys: Keys, wrong: str) -> None:
    with pytest.raises(BadSignature):
        verify_detached(wrong, BODY, keys)


def test_no_other_algorithm_and_no_other_key_is_taken(signer: Signer, keys: Keys) -> None:
    signature = signer.detached(BODY, {"alg": "none"})
    with pytest.raises(BadSignature, match="algorithm"):
        verify_detached(signature, BODY, keys)
    with pytest.raises(BadSignature, match="does not publish"):
        verify_detached(signer.detached(BODY, {"kid": "k2"}), BODY, keys)
    attached = signer.jwt({"a": 1})
    with pytest.raises(BadSignature, match="not detached"):
        verify_detached(attached, BODY, keys)


def test_a_key_that_cannot_sign_is_named(tmp_path: Path) -> None:
    nothing = Signer(tmp_path / "none.pem", "k1")
    assert "signing_key" in (nothing.unusable() or "")
    curve = _written(tmp_path / "ec.pem", ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(BadKey, match="RSA"):
        Signer(curve, "k1").jwt({})
