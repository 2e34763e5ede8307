"""Requests that the bank refuses: fields, keys, signatures, tokens, other people's resources."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.simulators.obie.conftest import (
    ACCESS,
    CLAIMS,
    CONSENTS,
    PAYMENTS,
    Tpp,
    check_detached,
    detached,
    initiation,
)

BODY: dict[str, Any] = {"Data": {"Initiation": initiation()}, "Risk": {}}


def codes(answer: Any) -> list[str]:
    return [error["ErrorCode"] for error in answer.json()["Errors"]]


def changed(path: str, value: Any) -> dict[str, Any]:
    """The order with another value there; None removes the field."""
    whole: dict[str, Any] = json.loads(json.dumps(BODY))
    *parents, last = path.split(".")
    place = whole
    for part in parents:
        place = place[part]
    place[last] = value
    if value is None:
        del place[last]
    return whole


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("Data.Initiation", None, "U004"),
        ("Risk", None, "U004"),
        ("Data.Initiation.InstructionIdentification", None, "U004"),
        ("Data.Initiation.EndToEndIdentification", "x" * 36, "U002"),
        ("Data.Initiation.InstructedAmount.Amount", "0.00", "U002"),
        ("Data.Initiation.InstructedAmount.Amount", 12.5, "U002"),
        ("Data.Initiation.InstructedAmount.Amount", "1.001", "U002"),
        ("Data.Initiation.InstructedAmount.Currency", "EUR", "U023"),
        ("Data.Initiation.CreditorAccount.Name", None, "U004"),
        ("Data.Initiation.CreditorAccount.SchemeName", "UK.OBIE.Paym", "U027"),
        ("Data.Initiation.CreditorAccount.Identification", "0808", "U021"),
    ],
)
def test_a_wrong_field_is_named(tpp: Tpp, path: str, value: Any, code: str) -> None:
    refused = tpp.ask("POST", CONSENTS, changed(path, value))
    error = refused.json()["Errors"][0]
    assert (refused.status_code, error["ErrorCode"], error["Path"]) == (400, code, path)


def test_a_field_that_is_missing_or_wrong_is_named(either: Tpp) -> None:
    path = "Data.Initiation.CreditorAccount.Name"
    refused = either.ask("POST", CONSENTS, changed(path, None))
    assert codes(refused) in (["U004"], ["UK.OBIE.Field.Missing"])
    refused = either.ask("POST", CONSENTS, BODY, x_idempotency_key=None)
    assert codes(refused) in (["U007"], ["UK.OBIE.Header.Missing"])
    refused = either.ask("POST", CONSENTS, BODY, x_idempotency_key="x" * 41)
    assert codes(refused) in (["U006"], ["UK.OBIE.Header.Invalid"])
    refused = either.ask("GET", f"{CONSENTS}/22289")
    assert (refused.status_code, codes(refused)[0]) in (
        (400, "U011"),
        (400, "UK.OBIE.Resource.NotFound"),
    )


_SIGNATURES: list[tuple[dict[str, Any], str, str]] = [
    ({"ob_iss": None}, "U017", "MissingClaim"),
    ({"kid": None}, "U017", "MissingClaim"),
    ({"crit": None}, "U017", "MissingClaim"),
    ({"alg": "RS256"}, "U016", "InvalidClaim"),
    ({"kid": "another-key"}, "U016", "InvalidClaim"),
    ({"ob_iss": "somebody/else"}, "U016", "InvalidClaim"),
    ({"ob_tan": "another.anchor"}, "U016", "InvalidClaim"),
    ({"ob_iat": 4102444800}, "U016", "InvalidClaim"),
    ({"crit": ["b64", *CLAIMS], "b64": True}, "U016", "InvalidClaim"),
    ({"typ": "JWT"}, "U016", "InvalidClaim"),
    ({"cty": "text/plain"}, "U016", "InvalidClaim"),
    ({"unknown": 1}, "U016", "InvalidClaim"),
]


def test_a_signature_that_is_not_in_order_is_refused(either: Tpp) -> None:
    body = json.dumps(BODY).encode()
    for members, new, old in _SIGNATURES:
        refused = either.ask("POST", CONSENTS, BODY, x_jws_signature=detached(body, **members))
        assert refused.status_code == 400
        assert codes(refused) in ([new], [f"UK.OBIE.Signature.{old}"]), members
    for given, new, old in (
        (None, "U019", "Missing"),
        ("nonsense", "U018", "Malformed"),
        (detached(body).replace("..", ".e30."), "U018", "Malformed"),
        (detached(body + b" "), "U015", "Invalid"),
    ):
        refused = either.ask("POST", CONSENTS, BODY, x_jws_signature=given)
        assert codes(refused) in ([new], [f"UK.OBIE.Signature.{old}"]), given
    assert either.control("book")["consents"] == []


def test_the_bank_signs_what_it_answers(either: Tpp) -> None:
    refused = either.ask("POST", CONSENTS, {})
    check_detached(refused, either.keys())
    made = either.ask_payment()
    answer = either.ask("GET", f"{CONSENTS}/{made['Data']['ConsentId']}")
    found = check_detached(answer, either.keys())
    assert sorted(found["crit"]) == sorted(CLAIMS)
    assert found["http://openbanking.org.uk/iat"] <= time.time()


def test_a_bank_of_the_older_kind_signs_the_body_unencoded(bank: Callable[..., Tpp]) -> None:
    tpp = bank("unencoded", version="v3.1")
    made = tpp.ask_payment()
    answer = tpp.ask("GET", f"{CONSENTS}/{made['Data']['ConsentId']}")
    assert check_detached(answer, tpp.keys(), unencoded=True)["b64"] is False
    plain = detached(json.dumps(BODY).encode())
    refused = tpp.ask("POST", CONSENTS, BODY, x_jws_signature=plain)
    assert codes(refused) == ["UK.OBIE.Signature.MissingClaim"]


def test_an_order_other_than_the_authorised_one_is_refused(either: Tpp) -> None:
    consent = either.ask_payment()
    order = either.order_of(consent)
    token = either.authorised(consent["Data"]["ConsentId"], "payments")["access_token"]
    dearer = {**order["Data"]["Initiation"]["InstructedAmount"], "Amount": "999.99"}
    initiation = {**order["Data"]["Initiation"], "InstructedAmount": dearer}
    other = {**order, "Data": {**order["Data"], "Initiation": initiation}}
    refused = either.ask("POST", PAYMENTS, other, token=token)
    assert codes(refused) in (["U008"], ["UK.OBIE.Resource.ConsentMismatch"])
    refused = either.ask("POST", PAYMENTS, {**order, "Risk": {"x": 1}}, token=token)
    assert codes(refused) in (["U008"], ["UK.OBIE.Resource.ConsentMismatch"])
    assert either.control("book")["payments"] == []


def test_a_token_opens_what_it_was_issued_for(tpp: Tpp) -> None:
    consent, other = tpp.ask_payment(), tpp.ask_payment()
    token = tpp.authorised(consent["Data"]["ConsentId"], "payments")["access_token"]
    own = tpp.ask("POST", PAYMENTS, tpp.order_of(consent))
    assert own.status_code == 401, "a TPP alone cannot submit"
    wrong = tpp.ask("POST", PAYMENTS, tpp.order_of(other), token=token)
    assert wrong.status_code == 403, "it names another consent"
    assert tpp.ask("GET", "aisp/accounts", token=token).status_code == 403, "another scope"
    psu = tpp.ask("GET", f"{CONSENTS}/{consent['Data']['ConsentId']}", token=token)
    assert psu.status_code == 403, "a consent is read by the TPP itself"
    for bad in ("nonsense", f"{token}x"):
        assert tpp.ask("GET", f"{CONSENTS}/x", token=bad).status_code == 401
    scope = tpp.own_token("accounts")
    assert tpp.ask("POST", CONSENTS, BODY, token=scope).status_code == 403


def test_what_belongs_to_another_tpp_is_forbidden(tpp: Tpp) -> None:
    consent_id, paid = tpp.ask_access(), tpp.pay()
    tpp.register(client_id="tpp-2")
    for scope, path in (
        ("accounts", f"{ACCESS}/{consent_id}"),
        ("payments", f"{PAYMENTS}/{paid['Data']['DomesticPaymentId']}"),
    ):
        assertion = tpp.assertion(iss="tpp-2", sub="tpp-2")
        grant = {"grant_type": "client_credentials", "scope": scope}
        token = tpp.token(**grant, client_assertion=assertion)["access_token"]
        assert tpp.ask("GET", path, token=token).status_code == 403


def test_a_bank_serves_the_versions_of_its_dialect(bank: Callable[..., Tpp]) -> None:
    old, new = bank("v3.1.11", version="v4.0"), bank("v4.0", version="v3.1")
    for tpp in (old, new):
        assert tpp.ask("POST", CONSENTS, BODY).status_code == 404
    old.version, new.version = "v3.1", "v4.0"
    for tpp in (old, new):
        assert tpp.ask("POST", CONSENTS, BODY).status_code == 201
