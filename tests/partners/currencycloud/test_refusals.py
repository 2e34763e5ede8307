"""Every documented error code of the calls we make, and what it proves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from partners.currencycloud import refusals
from partners.currencycloud.error_bodies import Refusal, read_refusal
from partners.currencycloud.refusals import Proves
from tests.partners.currencycloud.scripted import error

CREATE, DELETE = "/payments/create", "/payments/{id}/delete"
MAKING = ("/beneficiaries/validate", "/beneficiaries/create")


@pytest.fixture(scope="module")
def reference(specs: Path) -> dict[str, Any]:
    text = (specs / "currencycloud" / "reference.yaml").read_text()
    whole: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return whole


@pytest.fixture(scope="module")
def reason_codes(specs: Path) -> set[str]:
    file = specs / "iso20022" / "codes" / "sets" / "external_status_reason_code.json"
    return set(json.loads(file.read_text())["codes"])


def documented(reference: dict[str, Any], path: str) -> set[tuple[int, str, str]]:
    """(status, field, code) of everything the reference lists for a POST to `path`."""
    return {
        (int(status), each["category"], each["code"])
        for status, answer in reference["paths"][path]["post"]["responses"].items()
        for each in answer.get("x-errors", ())
    }


def refusal(code: str, field: str = "base", top: str = "payment_create_failed") -> Refusal:
    found = read_refusal(json.dumps(error(code, name=field, top=top)))
    assert found is not None
    return found


def test_every_documented_refusal_of_a_payment_is_in_the_table_and_no_other(
    reference: dict[str, Any],
) -> None:
    listed = {code for status, _, code in documented(reference, CREATE) if status == 400}
    assert listed == {*refusals.PAYMENT_REFUSED, *refusals.OUR_ACCESS, "duplicate_request"}


def test_every_documented_answer_to_a_payment_proves_what_it_says(
    reference: dict[str, Any],
) -> None:
    by_status = {401: Proves.TURNED_AWAY, 429: Proves.TURNED_AWAY, 500: Proves.NOTHING,
                 503: Proves.NOTHING, 400: Proves.REFUSED}  # fmt: skip
    special = {
        "duplicate_request": Proves.DUPLICATE,
        "unsupported_account": Proves.TURNED_AWAY,
    }
    for status, field, code in documented(reference, CREATE):
        proven = refusals.of_payment(status, refusal(code, field))
        assert proven is special.get(code, by_status[status]), (status, code)


def test_every_documented_answer_to_a_deletion_proves_what_it_says(
    reference: dict[str, Any],
) -> None:
    expected = {
        (400, "invalid_id"): Proves.REFUSED,
        (400, "invalid_extra_parameters"): Proves.REFUSED,
        (400, "on_behalf_of_self"): Proves.REFUSED,
        (400, "contact_not_found"): Proves.REFUSED,
        (400, "payment_not_found"): Proves.NOTHING,
        (401, "invalid_supplied_credentials"): Proves.TURNED_AWAY,
        (429, "too_many_requests"): Proves.TURNED_AWAY,
        (500, "internal_server_error"): Proves.NOTHING,
        (503, "service_unavailable"): Proves.NOTHING,
    }
    listed = documented(reference, DELETE)
    assert {(status, code) for status, _, code in listed} == set(expected)
    for status, field, code in listed:
        assert refusals.of_deletion(status, refusal(code, field)) is expected[status, code]


@pytest.mark.parametrize("path", MAKING)
def test_every_documented_refusal_of_a_beneficiary_has_a_reason(
    reference: dict[str, Any], reason_codes: set[str], path: str
) -> None:
    listed = [each for each in documented(reference, path) if each[0] == 400]
    assert {field for _, field, _ in listed} <= set(refusals.BENEFICIARY_FIELD)
    for _, field, code in listed:
        found = refusal(code, field, top="beneficiary_not_valid")
        assert refusals.reason_code(found) in reason_codes
        proven = refusals.of_beneficiary(400, found)
        assert (proven is Proves.TURNED_AWAY) is (code in refusals.NOT_MADE), code


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_a_beneficiary_that_could_not_be_made_is_tried_again(status: int) -> None:
    assert refusals.of_beneficiary(status, refusal("whatever")) is Proves.TURNED_AWAY
    assert refusals.of_beneficiary(status, None) is Proves.TURNED_AWAY


def test_no_reason_stands_there_that_iso_20022_does_not_have(reason_codes: set[str]) -> None:
    tables = (refusals.PAYMENT_REFUSED, refusals.OUR_ACCESS, refusals.BENEFICIARY_FIELD)
    assert {code for table in tables for code in table.values()} <= reason_codes


@pytest.mark.parametrize(
    ("field", "code", "reason"),
    [
        ("iban", "iban_is_invalid", "AC03"),
        ("bic_swift", "bic_swift_is_missing", "RC07"),
        ("amount", "payment_above_limit", "AM02"),
        ("currency", "invalid_currency", "AM03"),
        ("payment_date", "invalid_payment_date", "DT01"),
        ("beneficiary_city", "beneficiary_city_is_too_short", "BE04"),
        ("mood", "mood_is_invalid", "NARR"),
    ],
)
def test_the_reason_is_that_of_the_code_or_else_of_its_field(
    field: str, code: str, reason: str
) -> None:
    assert refusals.reason_code(refusal(code, field)) == reason


def test_of_several_reasons_the_first_that_says_something_is_told() -> None:
    several = Refusal("beneficiary_not_valid", (("mood", "bad"), ("iban", "iban_is_missing")), "")
    assert refusals.reason_code(several) == "AC03"
    alone = Refusal("invalid_payment_date", (), "")
    assert refusals.reason_code(alone) == "DT01"


@pytest.mark.parametrize(
    "code",
    [
        "amount_is_required",
        "amount_type_is_wrong",
        "payer_phone_is_missing",
        "bank_country_is_in_invalid_format",
        "beneficiary_not_found",
        "invalid_iban",
        "unsupported_corridor",
        "reference_is_too_short",
    ],
)
def test_a_new_field_turned_down_in_their_usual_words_is_a_refusal_and_told(code: str) -> None:
    found = refusal(code)
    assert refusals.of_payment(400, found) is Proves.REFUSED
    assert refusals.undocumented(found) == (f"payments/create: unknown code {code}",)


@pytest.mark.parametrize(
    "code", ["already_processed", "try_again", "payment_create_failed", "invalid", "amount"]
)
def test_a_word_nobody_documented_proves_nothing(code: str) -> None:
    assert refusals.of_payment(400, refusal(code)) is Proves.NOTHING


@pytest.mark.parametrize("status", [300, 302, 405, 408, 409, 410, 415, 422, 500, 502, 503, 504])
def test_no_other_status_is_a_refusal_whatever_its_body_says(status: int) -> None:
    known = refusal("payment_above_limit", "amount")
    assert refusals.of_payment(status, known) is Proves.NOTHING
    assert refusals.of_deletion(status, known) is Proves.NOTHING


@pytest.mark.parametrize("status", [400, 403, 404])
def test_without_their_words_nothing_is_proven(status: int) -> None:
    assert refusals.of_payment(status, None) is Proves.NOTHING
    assert refusals.of_deletion(status, None) is Proves.NOTHING


def test_a_duplicate_outweighs_every_other_reason() -> None:
    both = Refusal("x", (("amount", "payment_above_limit"), ("x", "duplicate_request")), "")
    assert refusals.of_payment(400, both) is Proves.DUPLICATE
