"""The adapter against the published API reference: nothing documented is unknown to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import yaml

from domain.payments.report import PaymentState
from partners.currencycloud import wire
from partners.currencycloud.beneficiaries import _beneficiary
from partners.currencycloud.corridors import _TOLD_BY
from partners.currencycloud.creditors import ROUTING
from partners.currencycloud.mapping import FAILED, STATE, bookings
from partners.currencycloud.profile import COMPLETE, PROFILE
from partners.kit.wire import Unusable
from tests.partners.currencycloud.scripted import ORDER, request, transaction


@pytest.fixture(scope="module")
def reference(specs: Path) -> dict[str, Any]:
    text = (specs / "currencycloud" / "reference.yaml").read_text()
    whole: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return whole


def parameter(reference: dict[str, Any], path: str, method: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in reference["paths"][path][method]["parameters"]}


def test_the_profile_is_of_this_version(reference: dict[str, Any]) -> None:
    assert PROFILE.spec_version == reference["info"]["version"]


def test_every_documented_status_is_mapped_and_no_other(reference: dict[str, Any]) -> None:
    documented = set(parameter(reference, "/payments/find", "get")["status"]["enum"])
    assert set(STATE) | {FAILED} == documented
    assert all(isinstance(state, PaymentState) for state, _ in STATE.values())


def test_no_status_claims_an_end_that_others_decide() -> None:
    states = {state for state, _ in STATE.values()}
    assert not states & {PaymentState.FINAL, PaymentState.REJECTED, PaymentState.RETURNED}


def test_every_documented_field_of_a_payment_is_known(reference: dict[str, Any]) -> None:
    documented = set(reference["definitions"]["Payment"]["properties"])
    known = set(wire.Payment.model_fields) | wire.Payment.documented
    # `charge_type` stands in their example answers, but not in the definition.
    assert known == documented | {"charge_type"}


@pytest.mark.parametrize(
    ("model", "definition"),
    [
        (wire.Transaction, "Transaction"),
        (wire.Beneficiary, "Beneficiary"),
        (wire.Pagination, "Pagination"),
    ],
)
def test_every_field_we_read_is_documented(
    reference: dict[str, Any], model: type[wire.Payment], definition: str
) -> None:
    assert set(model.model_fields) <= set(reference["definitions"][definition]["properties"])


async def test_our_forms_use_documented_parameters_and_all_required_ones(
    reference: dict[str, Any],
) -> None:
    create = parameter(reference, "/payments/create", "post")
    sent = dict(parse_qsl((await request()).body.decode()))
    required = {name for name, each in create.items() if each.get("required")}
    assert required - {"X-Auth-Token"} <= set(sent) <= set(create)
    assert set(_beneficiary(ORDER)) <= set(parameter(reference, "/beneficiaries/create", "post"))


def test_the_complete_search_names_documented_parameters(reference: dict[str, Any]) -> None:
    find = parameter(reference, "/payments/find", "get")
    assert {*COMPLETE, "unique_request_id", "on_behalf_of"} <= set(find)
    assert find["scope"]["default"] == "own", "or we would not have to ask for more"
    assert find["with_deleted"]["default"] is False


def test_the_key_fits_the_documented_length(reference: dict[str, Any]) -> None:
    idempotency = PROFILE.operation(next(iter(PROFILE.operations))).idempotency
    field = parameter(reference, "/payments/create", "post")["unique_request_id"]
    assert field["required"]
    assert idempotency.key_length <= field["maxLength"]


def test_every_action_a_payment_can_book_is_known(reference: dict[str, Any]) -> None:
    documented = parameter(reference, "/transactions/find", "get")["action"]["enum"]
    of_payments = {action for action in documented if action.startswith("payment")}
    assert of_payments == {"payment", "payment_failure", "payment_fee", "payment_unrelease"}
    for action, kind in (
        ("payment", "debit"), ("payment_failure", "credit"), ("payment_fee", "debit"),
    ):  # fmt: skip
        booked = bookings([wire.Transaction(**transaction(1, action, kind))])
        assert len(booked.movements) == 1
        assert booked.drift == ()


@pytest.mark.parametrize(
    "example",
    [
        "v2_payments_create_POST_200",
        "v2_payments_id_GET_200",
        "v2_payments_id_POST_200",
        "v2_payments_id_delete_POST_200",
    ],
)
def test_their_example_of_a_payment_is_read_without_drift(specs: Path, example: str) -> None:
    body = (specs / "currencycloud" / "responses" / f"{example}.json").read_text()
    payment = wire.read_payment(body)
    assert isinstance(payment, wire.Payment), payment
    assert payment.drift == ()


def test_their_examples_of_pages_are_read(specs: Path) -> None:
    folder = specs / "currencycloud" / "responses"
    payments = wire.read_payments((folder / "v2_payments_find_GET_200.json").read_text())
    assert not isinstance(payments, Unusable), payments
    assert {each.drift for each in payments[0]} == {()}
    beneficiaries = (folder / "v2_beneficiaries_find_POST_200.json").read_text()
    assert not isinstance(wire.read_beneficiaries(beneficiaries), Unusable)
    transactions = (folder / "v2_transactions_find_GET_200.json").read_text()
    found = wire.read_transactions(transactions)
    assert not isinstance(found, Unusable), found
    token = (folder / "v2_authenticate_api_POST_200.json").read_text()
    assert wire.read_token(token) == json.loads(token)["auth_token"]


def test_every_documented_routing_code_can_be_told(reference: dict[str, Any]) -> None:
    documented = parameter(reference, "/beneficiaries/create", "post")["routing_code_type_1"][
        "enum"
    ]
    split = [parts("0" * 12) for parts in ROUTING.values()]
    # The CLABE is the account's own number, not a bank's.
    assert {kind for codes in split for kind in codes} | {"clabe"} == set(documented)


def test_every_field_a_corridor_may_require_is_told_by_something(reference: dict[str, Any]) -> None:
    required = set(reference["definitions"]["BeneficiaryRequirements"]["properties"])
    assert required - {"payment_type"} <= set(_TOLD_BY)
