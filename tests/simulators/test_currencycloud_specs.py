"""The simulated Currencycloud against what Currencycloud itself published and answered."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.simulators.conftest import Client
from tests.simulators.swagger import Swagger

ABSENT = "00000000-0000-4000-8000-000000000000"
GB = {
    "bank_country": "GB",
    "account_number": "12345678",
    "routing_code_type_1": "sort_code",
    "routing_code_value_1": "123456",
    "iban": "",
}


@pytest.fixture
def replies(client: Client) -> dict[str, tuple[int, Any]]:
    """One reply of every kind, by what it answers."""
    http = client.http
    payment_id = client.pay()
    beneficiary = client.beneficiary("GBP", **GB)
    client.advance(3600)
    client.control(f"payments/{payment_id}", {"fault": "fail_after_completed"})
    to_delete = client.pay()
    validated = {"currency": "GBP", **GB}
    del validated["iban"]
    answers = {
        "log in": client.log_in(),
        "wrong key": client.log_in("0" * 64),
        "short key": client.log_in("0"),
        "balance": http.get("/v2/balances/GBP"),
        "balances": http.get("/v2/balances/find?per_page=1"),
        "validate": client.post("beneficiaries/validate", **validated),
        "not valid": client.post("beneficiaries/validate", currency="GBP", bank_country="GB"),
        "new beneficiary": client.post(
            "beneficiaries/create", name="T", bank_account_holder_name="T", **validated
        ),
        "beneficiary": http.get(f"/v2/beneficiaries/{beneficiary}"),
        "beneficiaries": client.post("beneficiaries/find", currency="GBP"),
        "no beneficiary": http.get(f"/v2/beneficiaries/{ABSENT}"),
        "create": client.create(unique_request_id="u"),
        "duplicate": client.create(unique_request_id="u"),
        "not created": client.post("payments/create"),
        "payment": http.get(f"/v2/payments/{payment_id}"),
        "payments": http.get("/v2/payments/find?per_page=1"),
        "no status": http.get("/v2/payments/find?status=x"),
        "update": client.post(f"payments/{to_delete}", amount="1200"),
        "delete": client.post(f"payments/{to_delete}/delete"),
        "no payment": http.get(f"/v2/payments/{to_delete}"),
        "transactions": http.get("/v2/transactions/find?per_page=100"),
    }
    client.control("authorisation", {"steps": 1})
    authorised = client.pay()
    answers["awaiting"] = http.get(f"/v2/payments/{authorised}")
    answers["not authorised"] = client.post("payments/authorise")
    answers["authorised"] = client.post("payments/authorise", **{"payment_ids[]": authorised})
    answers["nothing authorised"] = client.post("payments/authorise", **{"payment_ids[]": ABSENT})
    retry = f"payments/{payment_id}/notifications/retry"
    answers["not resent"] = client.post(retry, notification_type="payment_notification")
    answers["resent"] = client.post(retry, notification_type="payment_released_notification")
    answers["key"] = client.post("contacts/generate_hmac_key")
    transaction_id = answers["transactions"].json()["transactions"][0]["id"]
    answers["transaction"] = http.get(f"/v2/transactions/{transaction_id}")
    client.fault("rate_limited")
    answers["rate limited"] = client.create()
    answers["close"] = client.post("authenticate/close_session")
    answers["closed"] = http.get("/v2/beneficiaries/find")
    return {name: (answer.status_code, answer.json()) for name, answer in answers.items()}


# Recordings

RECORDED = [
    ("authentication/happens_lazily", "/authenticate/api", 200, "log in"),
    ("authentication/can_be_closed", "/authenticate/close_session", 200, "close"),
    ("authentication/handles_session_timeout", "/beneficiaries/find", 401, "closed"),
    ("errors/is_raised_on_incorrect_authentication_details", "/api", 401, "wrong key"),
    ("errors/contains_full_details_for_api_error", "/api", 400, "short key"),
    ("errors/is_raised_when_a_resource_is_not_found", "/beneficiaries/", 404, "no beneficiary"),
    ("errors/is_raised_when_too_many_requests_have_been_issued", "/api", 429, "rate limited"),
    ("balances/for_currency", "/balances/GBP", 200, "balance"),
    ("balances/find", "/balances/find", 200, "balances"),
    ("beneficiaries/validate", "/validate", 200, "validate"),
    ("beneficiaries/validate_error", "/validate", 400, "not valid"),
    ("beneficiaries/create", "/beneficiaries/create", 200, "new beneficiary"),
    ("beneficiaries/retrieve", "/beneficiaries/", 200, "beneficiary"),
    ("beneficiaries/find", "/beneficiaries/find", 200, "beneficiaries"),
    ("authentication/can_use_just_a_token", "/beneficiaries/find", 200, "beneficiaries"),
    ("payments/create", "/payments/create", 200, "create"),
    ("payments/authorise", "/payments/create", 200, "create"),
    ("payments/authorise", "/payments/authorise", 200, "nothing authorised"),
    ("payments/retry_payment_notifications", "/retry", 400, "not resent"),
    ("payments/retry_payment_notifications", "/retry", 200, "resent"),
    ("payments/retrieve", "/payments/", 200, "payment"),
    ("payments/find", "/payments/find", 200, "payments"),
    ("payments/update", "/payments/", 200, "update"),
    ("payments/delete", "/delete", 200, "delete"),
    ("payments/delete", "/payments/", 404, "no payment"),
    ("transactions/can_find", "/transactions/find", 200, "transactions"),
    ("transactions/can_retrieve", "/transactions/", 200, "transaction"),
]


def recorded(cassette: Path) -> list[tuple[str, int, Any]]:
    """Path, status and body of every exchange of a recording."""
    exchanges = []
    for exchange in json.loads(cassette.read_text())["http_interactions"]:
        body = exchange["response"]["body"]
        # Where both are there, the text is not the answer's.
        packed = base64.b64decode(body.get("base64_string", ""))
        raw = packed or body["string"].encode()
        text = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        path = urlsplit(exchange["request"]["uri"]).path
        exchanges.append((path, exchange["response"]["status"]["code"], json.loads(text)))
    return exchanges


def assert_same_shape(ours: Any, theirs: Any, where: str = "") -> None:
    """Every key of theirs is in ours, with a value of the same type unless one of them is null."""
    if ours is None or theirs is None:
        return
    assert type(ours) is type(theirs), where
    if isinstance(theirs, dict) and not where.endswith("error_messages"):
        assert set(theirs) <= set(ours), where
        for name in theirs:
            assert_same_shape(ours[name], theirs[name], f"{where}.{name}")
    elif isinstance(theirs, dict):
        assert set(ours) == set(theirs), where
        for name in theirs:
            codes = [[reason["code"] for reason in side[name]] for side in (ours, theirs)]
            assert codes[0] == codes[1], where
            assert_same_shape(ours[name], theirs[name], f"{where}.{name}")
    elif isinstance(theirs, list) and theirs and ours:
        assert_same_shape(ours[0], theirs[0], f"{where}[0]")


def test_replies_have_the_shape_of_the_recorded_ones(
    specs: Path, replies: dict[str, tuple[int, Any]]
) -> None:
    folder = specs / "currencycloud" / "cassettes" / "python"
    for name, path, status, reply in RECORDED:
        exchanges = recorded(folder / f"{name}.json")
        same = [body for at, code, body in exchanges if path in at and code == status]
        assert same, f"{name} has no {status} for {path}"
        for body in same:
            assert replies[reply][0] == status, reply
            assert_same_shape(replies[reply][1], body, reply)


def test_replies_have_the_shape_of_the_published_examples(
    specs: Path, replies: dict[str, tuple[int, Any]]
) -> None:
    examples = {
        "v2_authenticate_api_POST_200": "log in",
        "v2_authenticate_close_session_POST_200": "close",
        "v2_balances_currency_GET_200": "balance",
        "v2_balances_find_GET_200": "balances",
        "v2_beneficiaries_create_POST_200": "new beneficiary",
        "v2_beneficiaries_find_POST_200": "beneficiaries",
        "v2_beneficiaries_id_GET_200": "beneficiary",
        "v2_payments_create_POST_200": "create",
        "v2_payments_authorise_POST_200": "authorised",
        "v2_payments_id_notifications_retry_POST_200": "resent",
        "v2_contacts_generate_hmac_key_POST_200": "key",
        "v2_payments_find_GET_200": "payments",
        "v2_payments_id_GET_200": "payment",
        "v2_payments_id_POST_200": "update",
        "v2_payments_id_delete_POST_200": "delete",
        "v2_transactions_find_GET_200": "transactions",
    }
    for name, reply in examples.items():
        file = specs / "currencycloud" / "responses" / f"{name}.json"
        assert_same_shape(replies[reply][1], json.loads(file.read_text()), reply)


# The Swagger

DOCUMENTED = [
    ("/authenticate/api", "post", "log in"),
    ("/authenticate/api", "post", "short key"),
    ("/balances/{currency}", "get", "balance"),
    ("/balances/find", "get", "balances"),
    ("/beneficiaries/validate", "post", "validate"),
    ("/beneficiaries/validate", "post", "not valid"),
    ("/beneficiaries/create", "post", "new beneficiary"),
    ("/beneficiaries/{id}", "get", "beneficiary"),
    ("/beneficiaries/find", "post", "beneficiaries"),
    ("/beneficiaries/find", "post", "closed"),
    ("/payments/create", "post", "create"),
    ("/payments/create", "post", "duplicate"),
    ("/payments/create", "post", "not created"),
    ("/payments/create", "post", "rate limited"),
    ("/payments/authorise", "post", "authorised"),
    ("/payments/authorise", "post", "not authorised"),
    ("/payments/{id}/notifications/retry", "post", "resent"),
    ("/payments/{id}/notifications/retry", "post", "not resent"),
    ("/contacts/generate_hmac_key", "post", "key"),
    ("/payments/{id}", "get", "payment"),
    ("/payments/{id}", "get", "no payment"),
    ("/payments/{id}", "post", "update"),
    ("/payments/find", "get", "payments"),
    ("/payments/find", "get", "no status"),
    ("/payments/{id}/delete", "post", "delete"),
    ("/transactions/find", "get", "transactions"),
    ("/transactions/{id}", "get", "transaction"),
]


def test_replies_are_valid_by_the_swagger(
    swagger: Swagger, replies: dict[str, tuple[int, Any]]
) -> None:
    for path, method, reply in DOCUMENTED:
        status, body = replies[reply]
        assert swagger.errors(path, method, status, body) == [], reply


def test_the_swagger_would_notice_a_wrong_reply(
    swagger: Swagger, replies: dict[str, tuple[int, Any]]
) -> None:
    def is_valid(body: Any) -> bool:
        return swagger.errors("/payments/create", "post", 200, body) == []

    _, body = replies["create"]
    assert is_valid(body)
    assert not is_valid({**body, "amount": 12.5})
    assert not is_valid({**body, "review_status": "unheard of"})


def test_everything_the_swagger_defines_is_in_a_reply(
    swagger: Swagger, replies: dict[str, tuple[int, Any]]
) -> None:
    objects = {
        "Payment": replies["payment"][1],
        "Beneficiary": replies["beneficiary"][1],
        "Balance": replies["balance"][1],
        "Transaction": replies["transaction"][1],
        "Pagination": replies["payments"][1]["pagination"],
        "PaymentAuthorisation": replies["authorised"][1]["authorisations"][0],
        "HMACKey": replies["key"][1],
    }
    for name, body in objects.items():
        assert set(swagger.definition(name)["properties"]) <= set(body), name
