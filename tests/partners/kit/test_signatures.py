"""Who signed a delivery, and when."""

from __future__ import annotations

import base64
import hmac
from datetime import timedelta

import pytest
from pydantic import SecretStr

from domain.lifecycle.answers import WebhookRefused
from partners.kit.signatures import Digest, Encoding, check_age, verify
from tests.clock import START

BODY = b'{"id":"p"}'
SECRET, OLD = SecretStr("new secret"), SecretStr("old secret")


def mac(secret: SecretStr, body: bytes = BODY, digest: str = "sha256") -> bytes:
    return hmac.digest(secret.get_secret_value().encode(), body, digest)


def check(
    *claims: str,
    secrets: tuple[SecretStr, ...] = (SECRET,),
    digest: Digest = "sha256",
    encoding: Encoding = "hex",
) -> None:
    verify(BODY, claims, secrets, digest=digest, encoding=encoding)


def test_one_signature_by_one_secret_is_enough() -> None:
    check(mac(SECRET).hex())
    check(f" {mac(SECRET).hex().upper()} ")
    check(mac(OLD).hex(), secrets=(SECRET, OLD))
    check(mac(OLD).hex(), mac(SECRET).hex())
    check("no hexadecimal", mac(SECRET).hex())
    check(
        base64.b64encode(mac(SECRET, digest="sha512")).decode(), digest="sha512", encoding="base64"
    )


@pytest.mark.parametrize(
    ("claims", "secrets"),
    [
        ((), (SECRET,)),
        (("",), (SECRET,)),
        (("no hexadecimal",), (SECRET,)),
        ((mac(SECRET).hex()[:-2],), (SECRET,)),
        ((mac(SECRET, BODY + b" ").hex(),), (SECRET,)),
        ((mac(SECRET, digest="sha512").hex(),), (SECRET,)),
        ((mac(OLD).hex(),), (SECRET,)),
        ((mac(SecretStr("")).hex(),), ()),
    ],
    ids=["none", "empty", "words", "cut", "other bytes", "other digest", "stranger", "no secret"],
)
def test_any_other_is_refused(claims: tuple[str, ...], secrets: tuple[SecretStr, ...]) -> None:
    with pytest.raises(WebhookRefused) as refused:
        check(*claims, secrets=secrets)
    assert "secret s" not in str(refused.value)


def test_every_pair_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    check(mac(SECRET).hex(), mac(OLD).hex(), secrets=(SECRET, OLD))
    assert len(compared) == 4, "the first fit ends nothing"


def test_a_moment_counts_within_its_tolerance_on_both_sides() -> None:
    tolerance = timedelta(minutes=5)
    for seconds in (-300, 0, 300):
        check_age(str(int(START.timestamp()) + seconds), "t", START, tolerance)
    for text in (-301, 301, "", "today", "1e3", "9" * 30):
        given = str(int(START.timestamp()) + text) if isinstance(text, int) else text
        with pytest.raises(WebhookRefused, match=r"^(stale: )?t is"):
            check_age(given, "t", START, tolerance)
