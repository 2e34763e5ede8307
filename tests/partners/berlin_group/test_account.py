"""Settings of an access: every wrong one is refused by name, and what the profile claims."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from domain.lifecycle.profile import IdempotencyKind, InstructionKind, LookupKind
from partners.berlin_group.profile import profile_of
from tests.partners.berlin_group.conftest import account

HERE = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"aspsp": ""}, "aspsp"),
        ({"our_ip_address": "our house"}, "give the one our requests come from"),
        ({"redirect_uri": "http://app.example/back"}, "give https://HOST/PATH"),
        ({"refused_redirect_uri": "back"}, "give https://HOST/PATH"),
        ({"client_certificate": "c.pem"}, "give both client_certificate and client_key"),
        ({"client_key": "k.pem"}, "give both client_certificate and client_key"),
        ({"address": "https://127.0.0.1:1"}, "client_certificate is missing"),
        ({"product": "target-2-payments"}, "product"),
        ({"sca": "embedded"}, "sca"),
        ({"dialect": {"redirects": True}}, "dialect.redirects"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_remedy(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        account(**{"address": HERE, **settings})
    assert words in str(refused.value)


def test_no_key_and_no_lookup_is_claimed_of_a_payment() -> None:
    pay = profile_of(account(HERE)).operation(InstructionKind.PAY)
    assert pay.idempotency.kind is IdempotencyKind.NONE
    assert pay.lookup.kind is LookupKind.NONE


def test_a_bank_that_cancels_nothing_has_no_such_operation() -> None:
    profile = profile_of(account(HERE, dialect={"cancels": False}))
    assert set(profile.operations) == {InstructionKind.PAY}


def test_a_renewed_certificate_is_the_same_place_and_another_number_is_not() -> None:
    places = [
        profile_of(account(HERE, **settings)).environment
        for settings in (
            {},
            {"client_certificate": "a.pem", "client_key": "b.pem"},
            {"tpp_id": "PSDFR-ACPR-12345"},
        )
    ]
    assert places[0] == places[1] != places[2]
