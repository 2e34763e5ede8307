"""Settings of an access: what is missing or wrong is named, with the remedy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest
from pydantic import ValidationError

from partners.obie.account import ObieAccount

GIVEN: Final[dict[str, Any]] = {
    "base_url": "https://rs.bank.test",
    "aspsp": "Bank",
    "client_id": "c",
    "organisation": "o/s",
    "redirect_uri": "https://app.test/back",
    "signing_key": "/k.pem",
    "signing_key_id": "k1",
    "client_certificate": "/c.pem",
    "client_key": "/c.key",
}


def made(**settings: Any) -> ObieAccount:
    return ObieAccount.model_validate({**GIVEN, **settings})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"client_certificate": None, "client_key": None}, "client_certificate is missing"),
        ({"client_key": None}, "give both"),
        ({"redirect_uri": "http://app.example/back"}, "not an address of a page"),
        ({"issuer": "http://auth.bank.example"}, "in the clear"),
        ({"user_acts_within": timedelta(hours=2)}, "between 0 and an hour"),
        ({"version": "v3.0"}, "v3.1.11"),
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        made(**wrong)


def test_the_version_is_a_part_of_every_path() -> None:
    assert made().path("pisp", "domestic-payments") == "/open-banking/v4.0/pisp/domestic-payments"
    old = made(version="v3.1.11", api="/api/open-banking/")
    assert old.path("aisp", "accounts") == "/api/open-banking/v3.1/aisp/accounts"


def test_the_authorisation_server_is_the_bank_unless_it_is_named() -> None:
    assert made().authorisation_server == "https://rs.bank.test"
    named = made(issuer="https://auth.bank.test/")
    assert named.authorisation_server == "https://auth.bank.test"
    assert named.issuer_in_callbacks == "https://auth.bank.test/", "its name to the letter"
    assert made(names_itself=False).issuer_in_callbacks is None
