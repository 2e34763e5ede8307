"""What the SEPA credit transfer scheme refuses."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from domain.accounts import Account
from domain.money import Money
from domain.party import Party, PostalAddress
from domain.payments.order import ChargeBearer, Order, Times
from regimes.sepa import AMOUNT_MAX, COUNTRIES, check_credit_transfer

DAY = date(2026, 11, 25)
EMIRATES = "AE070331234567890123456"


def order(**changes: Any) -> Order:
    fields: dict[str, Any] = {
        "tenant": "default",
        "partner": "currencycloud",
        "partner_account": "main",
        "instructed_amount": Money(minor=1, currency="EUR"),
        "debtor": Party(name="Debtor"),
        "debtor_account": Account(iban="DE87200500001234567890"),
        "creditor": Party(name="Creditor"),
        "creditor_account": Account(iban="FR7630006000011234567890189"),
        "times": Times(submit_before=datetime(2026, 11, 25, 14, tzinfo=UTC)),
    }
    return Order(**{**fields, **changes})


def test_a_plain_order_passes() -> None:
    assert check_credit_transfer(order(), on=DAY) == ()
    assert check_credit_transfer(order(instructed_amount=AMOUNT_MAX), on=DAY) == ()


@pytest.mark.parametrize(
    ("code", "field", "changes"),
    [
        ("AM01", "instructed_amount", {"instructed_amount": Money(minor=0, currency="EUR")}),
        ("AM12", "instructed_amount", {"instructed_amount": Money(minor=-1, currency="EUR")}),
        ("AM02", "instructed_amount", {"instructed_amount": Money(minor=10**11, currency="EUR")}),
        ("AM03", "instructed_amount", {"instructed_amount": Money(minor=1, currency="GBP")}),
        ("BE22", "creditor.name", {"creditor": Party(name=" ")}),
        ("BE08", "debtor.name", {"debtor": Party(name="")}),
        ("BE20", "creditor.name", {"creditor": Party(name="n" * 71)}),
        (
            "BE04",
            "creditor.address",
            {"creditor": Party(name="C", address=PostalAddress(address_lines=("one",)))},
        ),
        ("AC03", "creditor_account", {"creditor_account": Account(other="12345678")}),
        ("AC03", "creditor_account", {"creditor_account": Account(iban="DE88200500001234567890")}),
        ("AC02", "debtor_account", {"debtor_account": Account(iban="DE88200500001234567890")}),
        ("AG03", "creditor_account", {"creditor_account": Account(iban=EMIRATES)}),
        ("RR07", "remittance_information", {"remittance_information": "x" * 141}),
        ("CH16", "end_to_end_id", {"end_to_end_id": "e" * 36}),
        ("CH16", "instruction_id", {"instruction_id": "i" * 36}),
        ("BE19", "charge_bearer", {"charge_bearer": ChargeBearer.DEBT}),
    ],
)
def test_each_rule_refuses_with_its_code(code: str, field: str, changes: dict[str, Any]) -> None:
    (refusal,) = check_credit_transfer(order(**changes), on=DAY)
    assert (refusal.code, refusal.field) == (code, field)
    assert refusal.text


def test_everything_wrong_is_named_at_once() -> None:
    wrong = order(instructed_amount=Money(minor=0, currency="EUR"), debtor=Party(name=""))
    assert {refusal.code for refusal in check_credit_transfer(wrong, on=DAY)} == {"AM01", "BE08"}


def test_a_country_is_reached_from_its_day_on() -> None:
    to_albania = order(creditor_account=Account(iban="AL47212110090000000235698741"))
    since = COUNTRIES["AL"]
    assert check_credit_transfer(to_albania, on=since) == ()
    (refusal,) = check_credit_transfer(to_albania, on=date(2025, 1, 1))
    assert refusal.code == "AG03"


def test_account_numbers_stay_out_of_texts() -> None:
    wrong = order(creditor_account=Account(iban="DE88200500001234567890"))
    (refusal,) = check_credit_transfer(wrong, on=DAY)
    assert "200500001234567890" not in refusal.text
