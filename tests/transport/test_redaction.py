"""What may be kept of an exchange."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from transport.exchange import Lost, Outcome, Request, Response
from transport.redaction import KEPT_CHARACTERS_MAX, evidence, masked, redact_body, redact_text

IBAN = "DE89370400440532013000"
AT = datetime(2026, 11, 23, tzinfo=UTC)
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "text",
    [IBAN, f"account {IBAN} is closed", "DE89 3704 0044 0532 0130 00 closed", "no 12345678901"],
)
def test_account_numbers_in_a_text_keep_their_last_four(text: str) -> None:
    redacted = redact_text(text)
    assert "…" in redacted
    assert "370400" not in redacted
    assert "1234567" not in redacted


@pytest.mark.parametrize("text", ["4242 4242 4242 4242", "card 4242-4242-4242-4242 declined"])
def test_card_numbers_in_a_text_keep_their_last_four(text: str) -> None:
    assert "…4242" in redact_text(text)
    assert "4242" not in redact_text(text).replace("…4242", "")
    assert "4242" not in redact_body(json.dumps({"message": text})).replace("…4242", "")


@pytest.mark.parametrize(
    "text",
    [
        "80bb87ac-7153-4aa8-8299-5a97bc9584d0",
        "12345678-1234-1234-1234-123456789012",
        "1000000.00",
        "2026-11-23T10:00:00+00:00",
        "261123-BCDFGH001",
        "amount should be of numeric type",
    ],
)
def test_what_is_no_account_number_is_kept(text: str) -> None:
    assert redact_text(text) == text


def test_fields_are_redacted_by_name_at_any_depth() -> None:
    body = {
        "auth_token": "abc",
        "beneficiaries": [{"iban": IBAN, "account_number": "12345678", "name": "Carla"}],
        "unique_request_id": "DE89ABCDEFGHJKLMNPQRSTUVWXYZ2345",
        "count": 3,
        "none": None,
    }
    assert json.loads(redact_body(json.dumps(body))) == {
        "auth_token": "[hidden]",
        "beneficiaries": [{"iban": "…3000", "account_number": "…5678", "name": "Carla"}],
        "unique_request_id": "DE89ABCDEFGHJKLMNPQRSTUVWXYZ2345",
        "count": 3,
        "none": None,
    }


CREDENTIALS = (
    "token", "access_token", "refreshToken", "X-Auth-Token", "next-token-2", "idToken[]", "secret",
    "client_secret", "clientSecret", "CLIENT_SECRET", "client-assertion", "SAMLAssertion", "code",
    "authorization_code", "authCode", "sms_code", "password", "newPassword", "Authorization",
    "Proxy-Authorization", "api_key", "apiKey", "X-API-Key", "APIKEY", "otp", "otpCode", "sms_otp",
    "smsOtp", "TOTP", "Set-Cookie", "login_id", "credentials", "private_key", "pin", "jwt",
    "next_action", "scaRedirect",
)  # fmt: skip
PLAIN = (
    "currency_code", "countryCode", "bank_code", "error_code", "status_code", "routing_code",
    "footprint", "shipping", "opinion", "amount", "id", "decode", "codes", "reason", "sort_code",
    "passport_type",
)  # fmt: skip


@pytest.mark.parametrize("name", CREDENTIALS)
def test_what_looks_like_a_credential_is_hidden_wherever_it_stands(name: str) -> None:
    body = {"a": [{"b": {name: "canary"}}], name: {"value": "canary", "list": ["canary"]}}
    assert "canary" not in redact_body(json.dumps(body))
    assert "canary" not in redact_body(json.dumps({name: ["canary", {"x": "canary"}]}))
    assert "918273" not in redact_body(json.dumps({name: 918273}))
    form = Request("POST", "/p", body=f"{name}=canary&a=b".encode(), content_type=FORM)
    assert "canary" not in repr(evidence(form, Response(200, {}, b"{}"), AT))
    asked = Request("GET", "/p", query=((name, "canary"), ("page", "1")))
    assert evidence(asked, Response(200, {}, b"{}"), AT).path.endswith("=[hidden]&page=1")


@pytest.mark.parametrize("name", PLAIN)
def test_a_name_that_only_resembles_one_is_kept(name: str) -> None:
    assert json.loads(redact_body(json.dumps({name: "EUR"}))) == {name: "EUR"}


@pytest.mark.parametrize(
    "text",
    [
        '{"access_token": "canary", "expi',
        "access_token=canary&token_type=bearer",
        "Authorization: Bearer canary-canary-canary",
        "the header was 'bearer canary.canary.canary'",
        "client_secret: canary",
        "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOjF9.canary",
    ],
)
def test_credentials_in_a_text_are_hidden(text: str) -> None:
    """An answer that was cut short, or is no JSON at all."""
    kept = redact_body(text)
    assert "canary" not in kept
    assert "eyJ" not in kept


def test_the_code_of_an_error_is_kept() -> None:
    body = {"error_messages": {"amount": [{"code": "amount_too_small", "message": "too small"}]}}
    assert json.loads(redact_body(json.dumps(body))) == body
    assert redact_text("it failed with code: 42") == "it failed with code: 42"


def test_a_short_number_shows_nothing() -> None:
    assert masked("123456") == "…"


def test_a_body_is_bounded() -> None:
    assert len(redact_body("x" * (KEPT_CHARACTERS_MAX * 2))) < KEPT_CHARACTERS_MAX + 100


def test_a_login_leaves_no_credential_in_its_evidence() -> None:
    request = Request(
        "POST", "/login", body=b"login_id=me%40x.test&api_key=" + b"5a" * 32, content_type=FORM
    )
    kept = evidence(request, Response(200, {}, b'{"auth_token":"t0ken"}'), AT)
    assert "5a5a" not in repr(kept)
    assert "me@" not in repr(kept)
    assert "t0ken" not in repr(kept)
    assert kept.request == "login_id=[hidden]&api_key=[hidden]"


@pytest.mark.parametrize("outcome", [Response(400, {}, f"no {IBAN}".encode()), Lost(f"no {IBAN}")])
def test_evidence_of_any_outcome_masks_accounts(outcome: Outcome) -> None:
    request = Request("GET", "/find", query=(("iban", IBAN), ("page", "1")))
    kept = evidence(request, outcome, AT)
    assert kept.path == "/find?iban=…3000&page=1"
    assert kept.response == "no …3000"
    assert kept.status == (400 if isinstance(outcome, Response) else None)


def test_requests_and_responses_do_not_print_their_secrets() -> None:
    request = Request("POST", "/p", headers={"x-auth-token": "t0ken"}, body=b"api_key=5a")
    assert "t0ken" not in repr(request)
    assert "5a" not in repr(request)
    assert "5a" not in repr(Response(200, {}, b"5a"))
