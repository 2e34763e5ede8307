"""The authorisation server: clients, codes, tokens, and what a redirect carries."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.simulators.obie.conftest import (
    BACK,
    CLIENT,
    PAYMENTS,
    Tpp,
    b64,
    claims_of,
    jwk_of,
    jwt,
)


def test_discovery_says_where_everything_is(tpp: Tpp) -> None:
    told = tpp.http.get("/.well-known/openid-configuration").json()
    assert told["issuer"] == tpp.address
    assert told["authorization_response_iss_parameter_supported"] is True
    assert told["tls_client_certificate_bound_access_tokens"] is True
    assert told["token_endpoint_auth_methods_supported"] == ["private_key_jwt", "tls_client_auth"]
    assert tpp.http.get(told["jwks_uri"]).json()["keys"][0]["alg"] == "PS256"
    assert tpp.http.post(told["token_endpoint"]).json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "somebody"},
        {"sub": "somebody"},
        {"aud": "https://another.bank.example"},
        {"exp": 1_700_000_000},
        {"jti": None},
    ],
    ids=lambda each: next(iter(each)),
)
def test_a_client_assertion_that_is_not_in_order_is_refused(
    tpp: Tpp, changed: dict[str, Any]
) -> None:
    assertion = tpp.assertion(**changed)
    refused = tpp.ask_token(
        grant_type="client_credentials", scope="accounts", client_assertion=assertion
    )
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


def test_a_client_assertion_works_once_and_with_the_client_s_key(tpp: Tpp) -> None:
    grant = {"grant_type": "client_credentials", "scope": "accounts"}
    assertion = tpp.assertion()
    assert tpp.ask_token(**grant, client_assertion=assertion).status_code == 200
    assert tpp.ask_token(**grant, client_assertion=assertion).status_code == 401
    head, payload, _ = tpp.assertion().split(".")
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forged = jwt(json.loads(json.dumps({"iss": CLIENT, "sub": CLIENT})), other)
    assert tpp.ask_token(**grant, client_assertion=forged).status_code == 401
    assert tpp.ask_token(**grant, client_assertion=f"{head}.{payload}.AAAA").status_code == 401
    assert tpp.ask_token(**grant, client_assertion="nonsense").status_code == 401


def test_a_scope_or_grant_that_does_not_exist_is_refused(tpp: Tpp) -> None:
    for form, error in (
        ({"grant_type": "client_credentials", "scope": "everything"}, "invalid_scope"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "guessed"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "guessed"}, "invalid_grant"),
    ):
        refused = tpp.ask_token(**form)
        assert (refused.status_code, refused.json()["error"]) == (400, error)


def test_the_redirect_carries_code_state_and_issuer(tpp: Tpp) -> None:
    url, verifier = tpp.authorise_url(tpp.ask_access(), "accounts", state="mine", nonce="once")
    told = tpp.answer_of(tpp.click(tpp.browse(url), "approve"))
    assert (told["state"], told["iss"], sorted(told)) == (
        "mine",
        tpp.address,
        ["code", "iss", "state"],
    )
    given = tpp.redeem(told["code"], verifier)
    claims = claims_of(given["id_token"], tpp.keys())
    assert (claims["aud"], claims["nonce"]) == (CLIENT, "once")
    assert "http://openbanking.org.uk/refresh_token_expires_at" not in claims


def test_a_code_works_once_and_a_second_use_revokes_what_it_gave(tpp: Tpp) -> None:
    consent_id = tpp.ask_access()
    url, verifier = tpp.authorise_url(consent_id, "accounts")
    code = tpp.answer_of(tpp.click(tpp.browse(url), "approve"))["code"]
    given = tpp.redeem(code, verifier)
    assert tpp.ask("GET", "aisp/accounts", token=given["access_token"]).status_code == 200
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    again = tpp.ask_token(**form, code_verifier=verifier)
    assert again.json()["error"] == "invalid_grant"
    assert tpp.ask("GET", "aisp/accounts", token=given["access_token"]).status_code == 401
    dead = tpp.ask_token(grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert dead.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "changed",
    [{"code_verifier": "x" * 43}, {"redirect_uri": "https://app.test/elsewhere"}],
    ids=lambda each: next(iter(each)),
)
def test_a_code_is_bound_to_verifier_and_redirect_uri(tpp: Tpp, changed: dict[str, str]) -> None:
    url, verifier = tpp.authorise_url(tpp.ask_access(), "accounts")
    code = tpp.answer_of(tpp.click(tpp.browse(url), "approve"))["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK,
            "code_verifier": verifier}  # fmt: skip
    assert tpp.ask_token(**{**form, **changed}).json()["error"] == "invalid_grant"
    assert tpp.ask_token(**form).status_code == 200, "a wrong guess takes nothing away"


def test_a_code_lives_a_minute(tpp: Tpp) -> None:
    url, verifier = tpp.authorise_url(tpp.ask_access(), "accounts")
    code = tpp.answer_of(tpp.click(tpp.browse(url), "approve"))["code"]
    tpp.advance(61)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    assert tpp.ask_token(**form, code_verifier=verifier).json()["error"] == "invalid_grant"


def test_a_refresh_token_rotates_and_its_second_use_revokes_the_family(tpp: Tpp) -> None:
    first = tpp.authorised(tpp.ask_access(), "accounts")
    second = tpp.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert tpp.ask("GET", "aisp/accounts", token=second["access_token"]).status_code == 200
    replayed = tpp.ask_token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert replayed.json()["error"] == "invalid_grant"
    assert tpp.ask("GET", "aisp/accounts", token=second["access_token"]).status_code == 401
    dead = tpp.ask_token(grant_type="refresh_token", refresh_token=second["refresh_token"])
    assert dead.json()["error"] == "invalid_grant"


def test_a_refresh_whose_reply_is_lost_has_used_the_token_up(tpp: Tpp) -> None:
    first = tpp.authorised(tpp.ask_access(), "accounts")
    tpp.fault("error_500_after", "POST /token")
    lost = tpp.ask_token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert lost.status_code == 500
    again = tpp.ask_token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert again.json()["error"] == "invalid_grant"


def test_a_refresh_token_that_expires_says_when(tpp: Tpp) -> None:
    tpp.control("delays", {"refresh_expires_after": 3600})
    url, verifier = tpp.authorise_url(tpp.ask_access(), "accounts")
    told = tpp.answer_of(tpp.click(tpp.browse(url), "approve"))
    given = tpp.redeem(told["code"], verifier)
    claims = claims_of(given["id_token"], tpp.keys())
    expires = claims["http://openbanking.org.uk/refresh_token_expires_at"]
    assert expires == claims["iat"] + 3600
    tpp.advance(3601)
    late = tpp.ask_token(grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert late.json()["error_description"] == "the refresh token has expired"


def test_a_payment_token_has_no_refresh_token(tpp: Tpp) -> None:
    consent = tpp.ask_payment()
    assert "refresh_token" not in tpp.authorised(consent["Data"]["ConsentId"], "payments")


def test_a_tpp_gives_a_token_back(tpp: Tpp) -> None:
    given = tpp.authorised(tpp.ask_access(), "accounts")
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    form = {"client_assertion_type": kind, "client_assertion": tpp.assertion()}
    answer = tpp.http.post("/revoke", data={**form, "token": given["refresh_token"]})
    assert answer.status_code == 200
    assert tpp.ask("GET", "aisp/accounts", token=given["access_token"]).status_code == 401


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "accounts"}, "invalid_scope"),
        ({"scope": "openid payments"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"claims": None}, "invalid_request"),
        ({"claims": '{"id_token": {"openbanking_intent_id": {"value": "x"}}}'}, "invalid_request"),
    ],
)
def test_a_wrong_request_leads_back_with_its_error(
    tpp: Tpp, changed: dict[str, str | None], error: str
) -> None:
    url, _ = tpp.authorise_url(tpp.ask_access(), "accounts", state="mine", **changed)
    told = tpp.answer_of(tpp.browse(url))
    assert (told["error"], told["state"], told["iss"]) == (error, "mine", tpp.address)


@pytest.mark.parametrize(
    "changed", [{"client_id": "nobody"}, {"redirect_uri": "https://thief.test/"}]
)
def test_a_request_of_a_stranger_leads_nowhere(tpp: Tpp, changed: dict[str, str]) -> None:
    url, _ = tpp.authorise_url(tpp.ask_access(), "accounts", **changed)
    page = tpp.browse(url)
    assert page.status_code == 400
    assert "location" not in page.headers


def test_the_hybrid_flow_answers_in_the_fragment_with_hashes(tpp: Tpp) -> None:
    hybrid = {"response_type": "code id_token", "code_challenge": None, "state": "mine"}
    url, _ = tpp.authorise_url(tpp.ask_access(), "accounts", code_challenge_method=None, **hybrid)
    back = tpp.click(tpp.browse(url), "approve")
    assert "#" in back.headers["location"]
    told = tpp.answer_of(back)
    claims = claims_of(told["id_token"], tpp.keys())
    assert claims["c_hash"] == half_of(told["code"])
    assert claims["s_hash"] == half_of("mine")


def half_of(text: str) -> str:
    return b64(hashlib.sha256(text.encode()).digest()[:16])


def test_a_signed_request_object_replaces_the_parameters(bank: Callable[..., Tpp]) -> None:
    tpp = bank("fapi")
    consent_id = tpp.ask_access()
    plain, _ = tpp.authorise_url(consent_id, "accounts")
    assert tpp.answer_of(tpp.browse(plain))["error"] == "invalid_request"
    asked = {
        "aud": tpp.address,
        "iss": CLIENT,
        "client_id": CLIENT,
        "response_type": "code id_token",
        "redirect_uri": BACK,
        "scope": "openid accounts",
        "state": "signed",
        "nonce": "once",
        "claims": {"id_token": {"openbanking_intent_id": {"value": consent_id}}},
    }
    url = f"{tpp.address}/authorize?client_id={CLIENT}&state=plain&request="
    told = tpp.answer_of(tpp.click(tpp.browse(url + jwt(asked)), "approve"))
    assert told["state"] == "signed", "what is not signed is not believed"
    for wrong in ({"aud": "https://another.bank.example"}, {"client_id": "nobody"}):
        assert tpp.browse(url + jwt({**asked, **wrong})).status_code == 400
    assert tpp.browse(url + jwt(asked)[:-4] + "AAAA").status_code == 400


def test_faults_of_the_redirect(tpp: Tpp) -> None:
    for fault, wrong in (
        ("foreign_state", lambda told: told["state"] != "mine"),
        ("foreign_issuer", lambda told: told["iss"] != tpp.address),
        ("drops_issuer", lambda told: "iss" not in told),
    ):
        tpp.fault(fault, "POST /psu/*")
        url, _ = tpp.authorise_url(tpp.ask_access(), "accounts", state="mine")
        assert wrong(tpp.answer_of(tpp.click(tpp.browse(url), "approve"))), fault


def test_the_bank_trusts_another_authorisation_server_by_its_keys(tpp: Tpp) -> None:
    """The seam for an authorisation server of its own: the bank needs only its key set."""
    consent_id = tpp.ask_access()
    tpp.authorised(consent_id, "accounts")
    issuer, key = "https://login.bank.example", rsa.generate_private_key(65537, 2048)
    claims = {
        "iss": issuer,
        "client_id": CLIENT,
        "scope": "openid accounts",
        "openbanking_intent_id": consent_id,
        "exp": int(time.time()) + 3600,
        "jti": str(uuid.uuid4()),
    }
    token = jwt(claims, key)
    assert tpp.ask("GET", "aisp/accounts", token=token).status_code == 401
    tpp.control("issuers", {"issuer": issuer, "jwks": {"keys": [jwk_of(key)]}})
    assert tpp.ask("GET", "aisp/accounts", token=token).status_code == 200
    bound = jwt({**claims, "cnf": {"x5t#S256": "another"}}, key)
    assert tpp.ask("GET", "aisp/accounts", token=bound).status_code == 401
    forged = jwt(claims)
    assert tpp.ask("GET", "aisp/accounts", token=forged).status_code == 401


def test_secrets_are_not_in_the_book(tpp: Tpp) -> None:
    given = tpp.authorised(tpp.ask_access(), "accounts")
    paid = tpp.pay()
    assert paid["Data"]["DomesticPaymentId"] in json.dumps(tpp.control("book"))
    for secret in (given["access_token"], given["refresh_token"]):
        assert secret not in json.dumps(tpp.control("book"))
    assert tpp.ask("GET", PAYMENTS).status_code == 405
