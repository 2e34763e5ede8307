"""What is sent fits the official file, and what does not fit is refused before it is sent."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.accounts import Account, ClearingMember
from domain.money import Money
from domain.party import Party, PostalAddress
from domain.payments.order import Order, Rail
from partners.berlin_group import requests
from tests.partners.berlin_group.conftest import ORDER, Pays, account
from tests.simulators.berlin_group.openapi import OpenApi

NOW = datetime(2026, 11, 30, 10, tzinfo=UTC)
ACCESS = account("http://127.0.0.1:1")
FULL = ORDER.model_copy(
    update={
        "ultimate_debtor": Party(name="Uma Ultimate"),
        "creditor_agent": "AGRIFRPP",
        "instruction_id": "I-1",
        "purpose": "SALA",
        "creditor": Party(
            name="Carla Creditor",
            address=PostalAddress(street_name="Rue", town_name="Paris", country="FR"),
        ),
    }
)
MARKED = Account(iban="FR1420041010050500013M02606")


def test_every_field_of_an_order_is_carried_implied_or_refused() -> None:
    listed = [*requests.CARRIED, *requests.IMPLIED, *requests.REFUSED]
    assert sorted(listed) == sorted(Order.model_fields)


@pytest.mark.parametrize("order", [ORDER, FULL], ids=["plain", "full"])
def test_a_body_is_as_published(openapi: OpenApi, order: Order) -> None:
    for access in (ACCESS, account("http://127.0.0.1:1", dialect={"needs_creditor_address": True})):
        body = json.loads(requests.payment_body(order, access).body)
        assert openapi.wrong("paymentInitiation_json", body) == []


@pytest.mark.parametrize(
    ("changes", "mark"),
    [
        ({"instructed_amount": Money(minor=7_77, currency="EUR")}, "7.77"),
        ({"debtor": Party(name="Mark")}, "Mark"),
        ({"debtor_account": MARKED}, MARKED.iban),
        ({"ultimate_debtor": Party(name="Mark")}, "Mark"),
        ({"creditor": Party(name="Mark")}, "Mark"),
        ({"creditor_account": MARKED}, MARKED.iban),
        ({"creditor_agent": "AGRIFRPP"}, "AGRIFRPP"),
        ({"end_to_end_id": "MARK"}, "MARK"),
        ({"instruction_id": "MARK"}, "MARK"),
        ({"remittance_information": "MARK"}, "MARK"),
        ({"remittance_information": "", "creditor_reference": "RF18MARK"}, "RF18MARK"),
        ({"purpose": "SALA"}, "SALA"),
    ],
)
def test_what_is_carried_reaches_the_bank(changes: dict[str, Any], mark: str) -> None:
    changed = ORDER.model_copy(update=changes)
    assert requests.unfit(changed, ACCESS) == ""
    assert mark in requests.payment_body(changed, ACCESS).body.decode()
    assert set(changes) <= requests.CARRIED


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rail": Rail.CROSS_BORDER}, "rail"),
        ({"instructed_amount": Money(minor=1, currency="GBP")}, "instructed_amount"),
        ({"debtor_account": Account(other="12345678")}, "debtor_account"),
        ({"creditor_account": Account(other="12345678")}, "creditor_account"),
        ({"creditor": Party(name="x" * 71)}, "creditorName"),
        ({"remittance_information": "x" * 141}, "remittanceInformationUnstructured"),
        ({"creditor_reference": "RF18539007547034"}, "creditor_reference"),
        ({"on_behalf_of": "somebody"}, "on_behalf_of"),
        ({"category_purpose": "SALA"}, "category_purpose"),
        ({"uetr": "97ed4827-7b6f-4491-a06f-b548d5a7512d"}, "uetr"),
        ({"creditor_agent_country": "DE"}, "creditor_agent_country"),
        (
            {"creditor_agent_member": ClearingMember(system="GBDSC", number="1")},
            "creditor_agent_member",
        ),
    ],
)
async def test_what_does_not_fit_names_its_field(changes: dict[str, Any], field: str) -> None:
    why = requests.unfit(ORDER.model_copy(update=changes), ACCESS)
    assert why.startswith(f"{field}: ")


def test_a_bank_that_needs_an_address_names_it() -> None:
    access = account("http://127.0.0.1:1", dialect={"needs_creditor_address": True})
    assert requests.unfit(ORDER, access).startswith("creditor.address: Simulated Bank")
    assert requests.unfit(FULL, access) == ""


def test_the_headers_are_published_and_the_required_ones_are_there(openapi: OpenApi) -> None:
    published = openapi.headers("POST", requests.payments(ACCESS))
    access = account("http://127.0.0.1:1", psu_id="paula", dialect={"sends_date": True})
    sent = requests.headers(access, NOW, key="0" * 32, for_psu=True)
    # Date belongs to every HTTP request, so the file does not name it.
    assert set(sent) - {"date"} <= set(published)
    assert {name for name, needed in published.items() if needed} <= set(sent)
    assert sent["date"] == "Mon, 30 Nov 2026 10:00:00 GMT"


def test_an_initiation_has_our_key_as_its_id_and_every_read_an_id_of_its_own() -> None:
    key = "0123456789abcdef0123456789abcdef"
    assert requests.headers(ACCESS, NOW, key=key)["x-request-id"] == str(uuid.UUID(key))
    first, second = (requests.headers(ACCESS, NOW)["x-request-id"] for _ in range(2))
    assert uuid.UUID(first) != uuid.UUID(second)


async def test_an_order_that_does_not_fit_is_refused_before_anything_is_sent(pays: Pays) -> None:
    from tests.partners.berlin_group.test_lives import unreachable

    paying = pays(unreachable(), ORDER.model_copy(update={"rail": Rail.CROSS_BORDER}))
    refused = await paying.adapter.prepare(paying.subject)
    assert getattr(refused, "refused", None) is not None
    examined = await paying.adapter.examine(paying.subject.order)
    assert examined is not None
    assert await paying.adapter.examine(ORDER) is None
