"""Keys, searches and beneficiaries at the simulated Currencycloud."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulators.conftest import SUB_CONTACT, Client


def codes(error: dict[str, dict[str, list[dict[str, str]]]]) -> dict[str, list[str]]:
    """The codes by field, of an error body."""
    found = error["error_messages"].items()
    return {name: [reason["code"] for reason in reasons] for name, reasons in found}


def test_a_used_key_is_refused_for_ever_and_the_original_is_not_shown(client: Client) -> None:
    client.pay(unique_request_id="k")
    for seconds in (0, 86_400 * 400):
        client.advance(seconds)
        again = client.create(unique_request_id="k", amount="1.00")
        assert again.status_code == 400
        assert again.json()["error_code"] == "duplicate_request"
        assert codes(again.json()) == {"duplicate_request": ["duplicate_request"]}
        assert "id" not in again.json()
    assert len(client.control("book")["payments"]) == 1


def test_the_key_of_a_deleted_payment_stays_used(client: Client) -> None:
    client.post(f"payments/{client.pay(unique_request_id='k')}/delete")
    assert client.create(unique_request_id="k").json()["error_code"] == "duplicate_request"


def test_the_key_of_a_refused_payment_stays_free(client: Client) -> None:
    assert client.create(unique_request_id="k", amount="nothing").status_code == 400
    assert client.create(unique_request_id="k").status_code == 200


def test_keys_are_an_accounts_own(start: Callable[..., Client]) -> None:
    client = start(contacts=[SUB_CONTACT])
    client.pay(unique_request_id="k")
    client.pay(unique_request_id="k", on_behalf_of=SUB_CONTACT)
    assert len(client.found(unique_request_id="k", scope="all")) == 2


def test_all_that_is_missing_is_named_at_once(client: Client) -> None:
    answer = client.post("payments/create", currency="EUR", amount="1.00")
    assert answer.status_code == 400
    missing = ("beneficiary_id", "reason", "reference", "unique_request_id")
    assert codes(answer.json()) == {name: [f"{name}_is_required"] for name in missing}


def test_a_parameter_the_spec_does_not_have_is_refused(client: Client) -> None:
    assert codes(client.create(colour="red").json()) == {"base": ["invalid_extra_parameters"]}
    error = client.get("payments/find", colour="red")
    assert codes(error) == {"base": ["invalid_extra_parameters"]}


def test_a_payment_needs_a_beneficiary_of_its_currency_and_account(client: Client) -> None:
    other = client.beneficiary("USD")
    error = client.create(beneficiary_id=other).json()
    assert codes(error) == {"beneficiary_currency": ["invalid_beneficiary_currency"]}
    error = client.create(beneficiary_id="x").json()
    assert codes(error) == {"beneficiary_id": ["beneficiary_id_is_not_valid_uuid"]}
    error = client.create(beneficiary_id=client.beneficiary(), on_behalf_of=SUB_CONTACT).json()
    assert codes(error) == {"beneficiary_id": ["invalid_beneficiary_id"]}


def test_payments_are_found_by_what_they_are(client: Client) -> None:
    client.clock(now="2027-03-01T12:00:00+00:00")
    first = client.create(amount="1.00", reason="rent").json()
    client.advance(100)
    second = client.create(amount="2.00", currency="USD").json()

    def found(**params: str) -> list[int]:
        ids = [payment["id"] for payment in client.found(**params)]
        return [n for n, one in enumerate((first, second), 1) if one["id"] in ids]

    assert found() == [1, 2]
    assert found(unique_request_id=first["unique_request_id"]) == [1]
    assert found(short_reference=second["short_reference"]) == [2]
    assert found(currency="USD", amount="2") == [2]
    assert found(amount_from="1.01") == [2]
    assert found(amount_to="1.99") == [1]
    assert found(reason="rent") == [1]
    assert found(beneficiary_id=first["beneficiary_id"]) == [1]
    assert found(status="completed") == [1]
    assert found(status="ready_to_send") == [2]
    assert found(review_status="in_review") == [2]
    assert found(created_at_from="2027-03-01T12:01:00Z") == [2]
    assert found(created_at_to="2027-03-01T12:01:00") == [1]
    assert found(created_at_from="2027-03-01", created_at_to="2027-03-02") == [1, 2]
    assert found(payment_date_from="2027-03-02") == []
    assert codes(client.get("payments/find", status="unheard")) == {
        "status": ["status_not_in_range"]
    }
    assert client.http.get("/v2/payments/find", params={"with_deleted": "True"}).status_code == 400
    assert client.http.get("/v2/payments/find", params={"created_at_to": "x"}).status_code == 400


def test_a_search_is_read_page_by_page(client: Client) -> None:
    ids = [client.pay() for _ in range(5)]
    page = client.get("payments/find", per_page="2", page="2", order_asc_desc="desc")
    assert [payment["id"] for payment in page["payments"]] == [ids[2], ids[1]]
    assert page["pagination"] == {
        "total_entries": 5,
        "total_pages": 3,
        "current_page": 2,
        "per_page": 2,
        "previous_page": 1,
        "next_page": 3,
        "order": "created_at",
        "order_asc_desc": "desc",
    }
    last = client.get("payments/find", per_page="2", page="3", order="amount")
    assert (len(last["payments"]), last["pagination"]["next_page"]) == (1, -1)
    for wrong in ({"page": "0"}, {"per_page": "x"}, {"order": "colour"}, {"scope": "mine"}):
        assert client.http.get("/v2/payments/find", params=wrong).status_code == 400


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"iban": "DE89370400440532013001"}, {"iban": ["iban_is_invalid"]}),
        ({"iban": ""}, {"iban": ["iban_is_missing"]}),
        ({"bic_swift": "COBADEF"}, {"bic_swift": ["bic_swift_is_invalid"]}),
        ({"bank_country": "de"}, {"bank_country": ["bank_country_is_in_invalid_format"]}),
        ({"currency": ""}, {"currency": ["currency_is_required"]}),
        ({"name": ""}, {"name": ["name_is_required"]}),
        (
            {"currency": "GBP", "bank_country": "GB", "iban": ""},
            {
                "account_number": ["account_number_is_missing"],
                "routing_code": ["sort_code_is_missing"],
            },
        ),
    ],
)
def test_a_beneficiary_that_cannot_be_paid_is_refused(
    client: Client, changed: dict[str, str], expected: dict[str, list[str]]
) -> None:
    form = {
        "name": "E",
        "bank_account_holder_name": "E",
        "bank_country": "DE",
        "currency": "EUR",
        "iban": "DE89 3704 0044 0532 0130 00",
        "bic_swift": "COBADEFF",
    }
    assert client.post("beneficiaries/create", **form).json()["iban"] == "DE89370400440532013000"
    answer = client.post("beneficiaries/create", **(form | changed))
    assert (answer.status_code, answer.json()["error_code"]) == (400, "beneficiary_not_valid")
    assert codes(answer.json()) == expected


def test_a_beneficiary_is_found_by_our_reference_with_get_and_post(client: Client) -> None:
    mine = client.beneficiary(beneficiary_external_reference="payee/1")
    client.beneficiary(beneficiary_external_reference="payee/2")
    wanted = {"beneficiary_external_reference": "payee/1"}
    by_get = client.get("beneficiaries/find", **wanted)
    by_post = client.post("beneficiaries/find", **wanted).json()
    assert by_get == by_post
    assert [one["id"] for one in by_get["beneficiaries"]] == [mine]
    assert client.get(f"beneficiaries/{mine}")["beneficiary_external_reference"] == "payee/1"
    assert client.get("beneficiaries/find", iban="DE00")["beneficiaries"] == []
    absent = client.http.get("/v2/beneficiaries/00000000-0000-4000-8000-000000000000")
    assert (absent.status_code, absent.json()["error_code"]) == (404, "beneficiary_not_found")


def test_a_form_in_parts_is_read_as_well(client: Client) -> None:
    """The spec says multipart, the official client sends it URL-encoded."""
    form = client.order()
    parts = {name: (None, value.encode()) for name, value in form.items()}
    answer = client.http.post("/v2/payments/create", files=parts)
    assert answer.json()["reference"] == form["reference"]


def test_balances_and_transactions_are_found(client: Client) -> None:
    found = client.get("balances/find", order="currency")
    assert [one["currency"] for one in found["balances"]] == ["EUR", "GBP", "JPY", "KWD", "USD"]
    assert client.get("balances/find", amount_from="1")["pagination"]["total_entries"] == 5
    [funding] = client.get("transactions/find", currency="EUR", action="funding")["transactions"]
    assert client.get(f"transactions/{funding['id']}") == funding
    assert client.http.get("/v2/transactions/x").status_code == 400
    absent = client.http.get("/v2/transactions/00000000-0000-4000-8000-000000000000")
    assert absent.status_code == 404
    assert client.get("balances/CHF")["amount"] == "0.00"
    assert client.http.get("/v2/balances/euro").status_code == 400
