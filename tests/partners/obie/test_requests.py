"""What an order becomes in each version, and what the bank can never execute."""

from __future__ import annotations

import json
from typing import Any

import pytest

from domain.accounts import Account, ClearingMember
from domain.money import Money
from domain.payments.order import Order, Rail
from partners.obie import requests
from tests.partners.obie.conftest import ORDER
from tests.partners.obie.test_account import made

KEY = "K" * 32
_SORT_CODE = ClearingMember(system="GBDSC", number="203002")
_DASHED = ClearingMember(system="GBDSC", number="20-30-02")
_AMERICAN = ClearingMember(system="USABA", number="203002")
FULL = ORDER.model_copy(update={"creditor_reference": "RF-7", "instruction_id": "I-7"})


def _initiation(order: Order, **settings: Any) -> Any:
    body = requests.consent_body(order, made(**settings), KEY).body
    return json.loads(body)["Data"]["Initiation"]


def test_every_field_of_an_order_is_carried_implied_or_refused() -> None:
    groups = [*requests.CARRIED, *requests.IMPLIED, *requests.REFUSED]
    assert sorted(groups) == sorted(Order.model_fields)


def test_the_texts_are_lists_in_the_later_version() -> None:
    assert _initiation(FULL)["RemittanceInformation"] == {
        "Unstructured": ["Invoice 7"],
        "Structured": [{"CreditorReferenceInformation": {"Reference": "RF-7"}}],
    }
    assert _initiation(FULL, version="v3.1.11")["RemittanceInformation"] == {
        "Unstructured": "Invoice 7",
        "Reference": "RF-7",
    }


def test_a_payment_repeats_what_its_consent_says() -> None:
    asked = json.loads(requests.consent_body(FULL, made(), KEY).body)
    sent = json.loads(requests.payment_body(FULL, made(), KEY, "c-1").body)
    assert sent["Data"]["ConsentId"] == "c-1"
    assert (sent["Data"]["Initiation"], sent["Risk"]) == (
        asked["Data"]["Initiation"], asked["Risk"],
    )  # fmt: skip


def test_an_order_without_ids_has_those_of_its_key() -> None:
    order = ORDER.model_copy(update={"end_to_end_id": "NOTPROVIDED", "instruction_id": None})
    initiation = _initiation(order)
    assert initiation["InstructionIdentification"] == KEY
    assert initiation["EndToEndIdentification"] == KEY[:31]


def test_the_keys_of_consent_and_payment_differ_and_are_short_enough() -> None:
    assert requests.consent_key(KEY) != KEY
    assert len(requests.consent_key(KEY)) <= 40


@pytest.mark.parametrize(
    ("account", "member", "number"),
    [
        (Account(other="12345678"), _SORT_CODE, "20300212345678"),
        (Account(other="12345678"), _DASHED, "20300212345678"),
        (Account(other="20300212345678"), None, "20300212345678"),
        (Account(iban="GB82WEST12345698765432"), None, "GB82WEST12345698765432"),
    ],
)  # fmt: skip
def test_a_british_account_is_written_as_the_bank_wants_it(
    account: Account, member: ClearingMember | None, number: str
) -> None:
    order = ORDER.model_copy(update={"creditor_account": account, "creditor_agent_member": member})
    assert requests.unfit(order, made()) == ""
    assert _initiation(order)["CreditorAccount"]["Identification"] == number


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"rail": Rail.SEPA_CREDIT_TRANSFER}, "rail: "),
        ({"instructed_amount": Money(minor=1, currency="EUR")}, "instructed_amount: EUR"),
        ({"creditor_agent_member": None}, "creditor_account: "),
        ({"creditor_agent_member": _AMERICAN}, "creditor_acc"),
        ({"debtor_account": Account(other="12345678")}, "debtor_account: "),
        ({"end_to_end_id": "E" * 32}, "end_to_end_id: "),
        ({"creditor_reference": "R" * 36}, "creditor_reference: "),
        ({"remittance_information": "x" * 141}, "remittance_information: "),
        ({"purpose": "SALA"}, "purpose: "),
        ({"creditor_agent": "WESTGB22"}, "creditor_agent: "),
        ({"uetr": "x"}, "uetr: "),
    ],
)  # fmt: skip
def test_what_the_bank_cannot_execute_is_refused_with_a_remedy(
    changed: dict[str, Any], says: str
) -> None:
    assert requests.unfit(ORDER.model_copy(update=changed), made()).startswith(says)
