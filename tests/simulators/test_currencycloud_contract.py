"""All that the simulated Currencycloud ever answers, held against their Swagger and its lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulators.currencycloud.corridors import CORRIDORS
from simulators.currencycloud.partner import ENDPOINTS
from tests.simulators.conftest import IBAN, SUB_CONTACT, Client
from tests.simulators.swagger import Swagger

NOBODY = "00000000-0000-4000-8000-000000000000"
SECOND_KEY = "cd" * 32
#: Not in the Swagger, but in the recordings of their client.
UNDOCUMENTED = {("GET", "/beneficiaries/find"): "POST"}
#: Bookings of what is not simulated: conversions, transfers, margins, fees.
NOT_BOOKED = {
    "conversion",
    "conversion_deposit",
    "deposit_refund",
    "manual_transaction",
    "margin",
    "payment_fee",
    "transfer",
}


class Recorder:
    """Every reply of theirs to a client, as it came."""

    def __init__(self, client: Client) -> None:
        self.replies: list[tuple[str, str, int, Any]] = []
        client.http.event_hooks["response"].append(self._keep)

    def _keep(self, response: httpx.Response) -> None:
        path = response.request.url.path
        if path.startswith("/v2/"):
            response.read()
            method, status = response.request.method, response.status_code
            self.replies.append((method, path.removeprefix("/v2"), status, response.json()))


def second_person(client: Client) -> Client:
    """A colleague, who may approve what the first one created."""
    client.control("logins", {"login_id": "colleague", "api_key": SECOND_KEY})
    return Client(client.address, "colleague", SECOND_KEY)


# Each takes a new payment to the status it is named after, and returns it.


def new(client: Client) -> str:
    client.control("delays", {"accept_after": 10})
    payment_id = client.pay()
    client.control("delays", {"accept_after": 0})
    return payment_id


def awaiting_authorisation(client: Client) -> str:
    client.control("authorisation", {"steps": 1})
    payment_id = client.pay()
    client.control("authorisation", {"steps": 0})
    return payment_id


def authorised(client: Client) -> str:
    client.control("delays", {"queue_after": 10})
    payment_id = awaiting_authorisation(client)
    client.apply(payment_id, "authorise_by_hand")
    return payment_id


def ready_to_send(client: Client) -> str:
    return client.pay()


def suspended(client: Client) -> str:
    payment_id = client.pay()
    client.apply(payment_id, "suspend")
    return payment_id


def released(client: Client) -> str:
    payment_id = client.pay()
    client.advance(10)
    return payment_id


def submitted(client: Client) -> str:
    payment_id = client.pay()
    client.advance(20)
    return payment_id


def completed(client: Client) -> str:
    payment_id = client.pay()
    client.advance(30)
    return payment_id


def failed(client: Client) -> str:
    payment_id = completed(client)
    client.apply(payment_id, "fail_after_completed")
    return payment_id


def deleted(client: Client) -> str:
    payment_id = client.pay()
    assert client.post(f"payments/{payment_id}/delete").status_code == 200
    return payment_id


BY_STATUS: dict[str, Callable[[Client], str]] = {
    way.__name__: way
    for way in (
        new,
        awaiting_authorisation,
        authorised,
        ready_to_send,
        suspended,
        released,
        submitted,
        completed,
        failed,
        deleted,
    )
}


@pytest.fixture(scope="session")
def enums(specs: Path) -> dict[str, list[str]]:
    listed: dict[str, list[str]] = json.loads((specs / "currencycloud" / "enums.json").read_text())[
        "enums"
    ]
    return listed


def test_every_documented_status_is_reached(client: Client, enums: dict[str, list[str]]) -> None:
    documented = enums["paths./payments/find.get.parameters.status"]
    assert set(BY_STATUS) == set(documented)
    for status in documented:
        payment_id = BY_STATUS[status](client)
        found = client.found(status=status, with_deleted="true", per_page="100")
        assert payment_id in [payment["id"] for payment in found], status
        assert client.get(f"payments/{payment_id}", with_deleted="true")["status"] == status


def test_every_documented_review_status_is_reached(
    client: Client, enums: dict[str, list[str]]
) -> None:
    client.apply(rejected := client.pay(), "fail_before_release")
    passed = completed(client)
    in_review = client.pay()
    reached = {"in_review": in_review, "rejected": rejected, "passed": passed}
    assert set(reached) == set(enums["definitions.Payment.properties.review_status"])
    for review_status, payment_id in reached.items():
        found = client.found(review_status=review_status)
        assert payment_id in [payment["id"] for payment in found]


def test_every_documented_booking_of_a_payment_is_reached(
    client: Client, enums: dict[str, list[str]]
) -> None:
    failed(client)
    client.apply(released(client), "unrelease")
    released(client)
    found = client.get("transactions/find", per_page="100")["transactions"]
    actions = enums["definitions.Transaction.properties.action"]
    assert {each["action"] for each in found} == set(actions) - NOT_BOOKED
    assert {each["type"] for each in found} == set(enums["definitions.Transaction.properties.type"])
    # A booking is never deleted here: that word comes by the fault `unknown_status` only.
    assert {each["status"] for each in found} == {"completed", "pending"}
    client.fault("unknown_status", "GET /v2/transactions/find", param={"status": "deleted"})
    [booking, *_] = client.get("transactions/find")["transactions"]
    assert booking["status"] == "deleted"


# Everything they answer


def touch_everything(client: Client) -> None:
    """Ask every endpoint for its answers, good and bad."""
    http, ids = client.http, {status: way(client) for status, way in BY_STATUS.items()}
    for payment_id in [*ids.values(), NOBODY, "no-uuid"]:
        http.get(f"/v2/payments/{payment_id}")
        http.get(f"/v2/payments/{payment_id}", params={"with_deleted": "true"})
        client.get("transactions/find", related_entity_id=payment_id)
        for change in ({"reason": "changed"}, {"amount": "none"}, {"payment_type": "x"}):
            client.post(f"payments/{payment_id}", **change)
        retry = f"payments/{payment_id}/notifications/retry"
        client.post(retry, notification_type="payment_released_notification")
        client.post(retry, notification_type="x")
    colleague = second_person(client)
    recorder = Recorder(colleague)
    waiting = awaiting_authorisation(client)
    for asker in (client, colleague, colleague):
        asker.post("payments/authorise", **{"payment_ids[]": waiting})
    client.post("payments/authorise")
    client.post("payments/authorise", payment_ids=waiting)
    assert recorder.replies
    colleague.http.close()
    for payment_id in [*ids.values(), NOBODY, "no-uuid"]:
        client.post(f"payments/{payment_id}/delete")
    for booked in client.get("transactions/find", per_page="100")["transactions"]:
        http.get(f"/v2/transactions/{booked['id']}")
    for missing in (NOBODY, "no-uuid"):
        http.get(f"/v2/transactions/{missing}")
        http.get(f"/v2/beneficiaries/{missing}")
    http.get(f"/v2/beneficiaries/{client.beneficiary()}")
    for currency in ("EUR", "CHF", "euro"):
        http.get(f"/v2/balances/{currency}")
    sub = {"on_behalf_of": SUB_CONTACT}
    client.pay(**sub)
    for name in ("payments", "transactions", "balances", "beneficiaries"):
        for asked in ({}, sub, {"page": "0"}, {"order": "x"}, {"scope": "x"}, {"colour": "red"}):
            http.get(f"/v2/{name}/find", params=asked)
    client.post("beneficiaries/find")
    bank = {"bank_country": "DE", "currency": "EUR", "iban": IBAN}
    client.post("beneficiaries/validate", **bank)
    client.post("beneficiaries/validate", **{**bank, "iban": "x"})
    client.post("beneficiaries/create", **bank)
    ask_about_corridors(client)
    client.post("contacts/generate_hmac_key")
    for contact in ("x", NOBODY):
        client.create(on_behalf_of=contact, beneficiary_id=NOBODY)
    client.create(unique_request_id="key-1")
    client.post("payments/create")
    client.log_in("0")
    client.log_in("0" * 64)


def ask_about_corridors(client: Client) -> None:
    """What each asks for, and what is no question."""
    asked = "/v2/reference/beneficiary_required_details"
    for currency, country in [*CORRIDORS, ("EUR", "FR"), ("PLN", "PL")]:
        where = {"currency": currency, "bank_account_country": country}
        client.http.get(asked, params={**where, "beneficiary_country": "GB"})
        client.http.get(asked, params={**where, "currency": "x"})
        client.http.get(asked, params={**where, "bank_account_country": "x"})
    of_payer = "/v2/reference/payer_required_details"
    for wrong in ({}, {"payment_type": "x"}, {"payer_entity_type": "x"}, {"payer_country": "x"}):
        client.http.get(of_payer, params={"payer_country": "GB", **wrong})
    client.http.get(of_payer)


def refuse_everything(client: Client) -> None:
    """Have every endpoint answer each of the refusals that need no reason of its own."""
    for method, path, _ in ENDPOINTS:
        request = path.replace("{id}", "EUR" if "balances" in path else NOBODY)
        for fault in ("rate_limited", "service_unavailable", "error_500_before", "unauthorised"):
            client.fault(fault, f"{method} {request}")
            client.http.request(method, request, data={} if method == "POST" else None)
            client.http.headers["X-Auth-Token"] = client.log_in().json()["auth_token"]
    client.control("quotas", {"on": "GET /v2/balances/*", "limit": 0})
    client.http.get("/v2/balances/EUR")
    client.forget("quotas")
    client.post("authenticate/close_session")
    client.http.get("/v2/balances/EUR")


def test_every_reply_of_a_broad_run_is_valid_by_the_swagger(
    client: Client, swagger: Swagger
) -> None:
    recorder = Recorder(client)
    touch_everything(client)
    refuse_everything(client)
    answered: set[tuple[str, str, int]] = set()
    for method, path, status, body in recorder.replies:
        known = UNDOCUMENTED.get((method, path), method)
        template = swagger.operation(known, path)
        assert template is not None, path
        errors = swagger.errors(template, known.lower(), status, body)
        assert errors == [], f"{method} {path} {status} {json.dumps(body)}"
        answered.add((method, template, status))
    # Nothing is left out: every endpoint was heard with all it has to say.
    assert {(method, path.removeprefix("/v2")) for method, path, _ in ENDPOINTS} == {
        (method, template.replace("{currency}", "{id}")) for method, template, _ in answered
    }
    assert {200, 400, 401, 404, 429, 500, 503} == {status for _, _, status in answered}
    assert len(recorder.replies) > 300


def test_every_documented_refusal_can_be_had(client: Client, swagger: Swagger) -> None:
    count = 0
    for method, path, _ in ENDPOINTS:
        template = swagger.operation(method, path.removeprefix("/v2").replace("{id}", NOBODY))
        if template is None:
            continue
        request = path.replace("{id}", NOBODY)
        for status, code, field in swagger.refusals(template, method.lower()):
            param = {"status": status, "error_code": "x", "field": field, "code": code}
            client.fault("refused", f"{method} {request}", param=param)
            answer = client.http.request(method, request)
            assert answer.status_code == status
            assert [reason["code"] for reason in answer.json()["error_messages"][field]] == [code]
            # The outer code of some is fixed: it is not what was ordered here.
            body = {**answer.json(), "error_code": "auth_failed"}
            assert swagger.errors(template, method.lower(), status, body) == []
            count += 1
    assert count > 300
    assert len(client.fired()) == count


# Refusals that come by themselves

NATURAL: list[tuple[str, dict[str, str], str]] = [
    ("create", {"currency": ""}, "currency_is_required"),
    ("create", {"currency": "EURO"}, "currency_length_is_invalid"),
    ("create", {"currency": "eur"}, "invalid_currency"),
    ("create", {"amount": ""}, "amount_is_required"),
    ("create", {"unique_request_id": ""}, "unique_request_id_is_required"),
    ("create", {"beneficiary_id": ""}, "beneficiary_id_is_required"),
    ("create", {"beneficiary_id": "x"}, "beneficiary_id_is_not_valid_uuid"),
    ("create", {"beneficiary_id": NOBODY}, "invalid_beneficiary_id"),
    ("create", {"payment_type": "x"}, "invalid_type"),
    ("create", {"payment_date": "2001-01-01"}, "invalid_payment_date"),
    ("create", {"reference": "x" * 256}, "reference_is_too_long"),
    ("create", {"charge_type": "x"}, "invalid_charge_type"),
    ("create", {"conversion_id": NOBODY}, "invalid_conversion_id"),
    ("create", {"payer_entity_type": "x"}, "payer_entity_type_not_in_range"),
    ("create", {"fee_amount": "x"}, "fee_amount_type_is_wrong"),
    ("create", {"fee_currency": "x"}, "fee_currency_is_in_invalid_format"),
    ("create", {"invoice_number": "1"}, "invoice_date_missing"),
    ("create", {"invoice_date": "2026-01-01"}, "invoice_number_missing"),
    ("create", {"invoice_date": "x", "invoice_number": "1"}, "invalid_invoice_date"),
    (
        "create",
        {"invoice_date": "2026-01-01", "invoice_number": "#"},
        "invoice_number_parameter_invalid",
    ),
    ("create", {"on_behalf_of": NOBODY}, "contact_not_found"),
    ("create", {"colour": "red"}, "invalid_extra_parameters"),
    ("update", {"amount": "x"}, "amount_type_is_wrong"),
    ("update", {"payment_type": "x"}, "payment_type_not_in_range"),
    ("update", {"charge_type": "x"}, "charge_type_not_in_range"),
    ("update", {"on_behalf_of": "x"}, "on_behalf_of_is_not_valid_UUID"),
    ("find", {"status": "x"}, "status_not_in_range"),
    ("find", {"review_status": "x"}, "review_status_not_in_range"),
    ("find", {"currency": "x"}, "invalid_currency"),
    ("find", {"charge_type": "x"}, "invalid_charge_type"),
    ("read", {"with_deleted": "x"}, "with_deleted_type_is_wrong"),
    ("read", {"review_status": "x"}, "review_status_not_in_range"),
    ("read", {"on_behalf_of": NOBODY}, "contact_not_found"),
    ("delete", {"on_behalf_of": NOBODY}, "contact_not_found"),
    ("delete", {"colour": "red"}, "invalid_extra_parameters"),
]


@pytest.mark.parametrize(("verb", "fields", "code"), NATURAL)
def test_a_wrong_request_is_refused_in_their_words(
    client: Client, verb: str, fields: dict[str, str], code: str
) -> None:
    payment_id = client.pay()
    path = f"/v2/payments/{payment_id}"
    beneficiary_id = client.beneficiary()
    answer = {
        "create": lambda: client.create(**{"beneficiary_id": beneficiary_id, **fields}),
        "update": lambda: client.http.post(path, data=fields),
        "find": lambda: client.http.get("/v2/payments/find", params=fields),
        "read": lambda: client.http.get(path, params=fields),
        "delete": lambda: client.http.post(f"{path}/delete", data=fields),
    }[verb]()
    assert answer.status_code in (400, 404)
    codes = [one["code"] for each in answer.json()["error_messages"].values() for one in each]
    assert code in codes
    assert client.status(payment_id) == "ready_to_send"
    assert len(client.control("book")["payments"]) == 1


def test_a_search_by_what_is_not_simulated_finds_nothing(client: Client) -> None:
    payment_id = client.pay(payment_type="priority", charge_type="shared")
    for name in ("conversion_id", "payment_group_id", "bulk_upload_id"):
        assert client.found(**{name: NOBODY}) == []
    assert client.get("transactions/find", currency_pair="EURUSD")["transactions"] == []
    assert [each["id"] for each in client.found(charge_type="shared")] == [payment_id]
    assert client.found(charge_type="ours") == []
