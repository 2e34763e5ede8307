"""Which rail leads where, and what each of them refuses."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from domain.accounts import Account, ClearingMember
from domain.money import Money
from domain.party import Party, PostalAddress
from domain.payments.order import ChargeBearer, Collection, Direction, Order, Rail
from regimes.limits import is_creditor_reference
from regimes.rails import COLLECTING, Destination, check_credit_transfer, way_to
from tests.fakes import order as plain_order

DAY = date(2026, 11, 25)
SCT, DOMESTIC, CROSS_BORDER = Rail.SEPA_CREDIT_TRANSFER, Rail.DOMESTIC, Rail.CROSS_BORDER

US_BANK = ClearingMember(system="USABA", number="021000021")
UK_BANK = ClearingMember(system="GBDSC", number="404784")


@pytest.mark.parametrize(
    ("rail", "levels", "currency", "country", "has_iban", "system"),
    [
        (SCT, [], "EUR", "DE", True, ""),
        (SCT, ["NURG"], "EUR", "DE", True, ""),
        (SCT, ["SEPA"], "EUR", "AE", True, ""),
        (SCT, ["SEPA"], "USD", "US", False, "USABA"),
        (SCT, [], "EUR", "", False, ""),
        (CROSS_BORDER, [], "EUR", "AE", True, ""),
        (CROSS_BORDER, ["URGP"], "EUR", "DE", True, ""),
        (CROSS_BORDER, ["SDVA"], "EUR", "DE", True, ""),
        (DOMESTIC, [], "USD", "US", False, "USABA"),
        (DOMESTIC, ["NURG"], "USD", "US", False, "USABA"),
        (CROSS_BORDER, ["URGP"], "USD", "US", False, "USABA"),
        (CROSS_BORDER, [], "USD", "US", False, ""),
        (CROSS_BORDER, [], "USD", "US", False, "USPID"),
        (CROSS_BORDER, [], "USD", "DE", True, ""),
        (DOMESTIC, [], "GBP", "GB", True, ""),
        (DOMESTIC, [], "GBP", "GB", False, "GBDSC"),
        (DOMESTIC, [], "PLN", "PL", True, ""),
        (DOMESTIC, [], "MXN", "MX", False, ""),
        (CROSS_BORDER, [], "PLN", "PL", False, "PLKNR"),
        (CROSS_BORDER, [], "KWD", "KW", True, ""),
    ],
)
def test_the_rail_is_what_is_asked_for_or_the_cheapest_that_leads_there(
    rail: Rail, levels: list[str], currency: str, country: str, has_iban: bool, system: str
) -> None:
    there = Destination(currency, country, has_iban, system)
    assert way_to(there, levels).rail is rail


def test_high_priority_takes_no_clearing_of_small_payments() -> None:
    there = Destination("USD", "US", False, "USABA")
    assert way_to(there, [], is_high=True).rail is CROSS_BORDER


def test_a_dearer_way_than_may_be_expected_is_said() -> None:
    assert "USABA" in way_to(Destination("USD", "US", False, ""), []).notice
    assert "AE" in way_to(Destination("EUR", "AE", True, ""), []).notice
    assert way_to(Destination("USD", "US", False, "USABA"), ["URGP"]).notice == ""


def domestic(currency: str = "USD", minor: int = 12_345, **fields: Any) -> Order:
    to_us = {
        "rail": DOMESTIC,
        "instructed_amount": Money(minor=minor, currency=currency),
        "creditor_account": Account(other="1234567890"),
        "creditor_agent": None,
        "creditor_agent_member": US_BANK,
    }
    return plain_order().model_copy(update={**to_us, **fields})


def british(minor: int = 100, **fields: Any) -> Order:
    there = {"creditor_account": Account(other="12345678"), "creditor_agent_member": UK_BANK}
    return domestic("GBP", minor, **{**there, **fields})


def mexican(number: str) -> Order:
    return domestic(
        "MXN",
        creditor_account=Account(other=number),
        creditor_agent="BCMRMXMM",
        creditor_agent_member=None,
    )


def cross_border(currency: str = "USD", minor: int = 12_345, **fields: Any) -> Order:
    by_swift = {
        "rail": CROSS_BORDER,
        "creditor_agent": "CHASUS33",
        "creditor_agent_member": None,
        "charge_bearer": ChargeBearer.SHAR,
    }
    return domestic(currency, minor, **{**by_swift, **fields})


@pytest.mark.parametrize(
    "order",
    [
        plain_order(),
        domestic(),
        domestic(creditor_account=Account(other="12-345 678")),
        british(),
        british(
            creditor_agent_member=None, creditor_account=Account(iban="GB29NWBK60161331926819")
        ),
        british(minor=100_000_000),
        cross_border(),
        cross_border(charge_bearer=ChargeBearer.DEBT),
        cross_border(charge_bearer=ChargeBearer.SLEV),
        mexican("032180000118359719"),
        cross_border("JPY", 10_000_000),
        cross_border("KWD", 1_250, creditor_account=Account(iban="KW81CBKU0000000000001234560101")),
        cross_border(creditor_reference="RF18539007547034", remittance_information=""),
        cross_border(creditor_reference="INV 12", remittance_information=""),
    ],
)
def test_what_a_rail_carries_passes(order: Order) -> None:
    assert check_credit_transfer(order, on=DAY) == ()


LINES = PostalAddress(address_lines=("1 Street", "New York"))


@pytest.mark.parametrize(
    ("code", "field", "order"),
    [
        ("AM03", "instructed_amount", domestic("KWD")),
        ("AM01", "instructed_amount", domestic(minor=0)),
        ("AM12", "instructed_amount", cross_border(minor=-1)),
        ("AM13", "instructed_amount", domestic(minor=10_000_000_000)),
        ("AM13", "instructed_amount", british(minor=100_000_001)),
        ("AG03", "creditor_account", domestic("GBP")),
        ("AC03", "creditor_account", british(creditor_account=Account(other="1234567"))),
        ("AC03", "creditor_account", domestic(creditor_account=Account(other="1" * 18))),
        (
            "RC10",
            "creditor_agent_member",
            british(creditor_agent_member=None, creditor_agent="BARCGB22"),
        ),
        (
            "RC10",
            "creditor_agent_member",
            domestic(creditor_agent_member=ClearingMember(system="USABA", number="021000022")),
        ),
        ("AC03", "creditor_account", mexican("1234567890")),
        ("BE19", "charge_bearer", domestic(charge_bearer=ChargeBearer.DEBT)),
        ("BE19", "charge_bearer", cross_border(charge_bearer=ChargeBearer.CRED)),
        ("RC01", "creditor_agent", cross_border(creditor_agent="CHASUS3")),
        ("RC04", "creditor_agent", cross_border(creditor_agent=None)),
        ("AC03", "creditor_account", cross_border("EUR", creditor_agent="DEUTDEFF")),
        ("AC03", "creditor_account", cross_border(creditor_account=Account(other="12_34"))),
        (
            "AC03",
            "creditor_account",
            cross_border(creditor_account=Account(iban="DE88200500001234567890")),
        ),
        ("BE04", "creditor.address", cross_border(creditor=Party(name="N", address=LINES))),
        ("BE20", "creditor.name", cross_border(creditor=Party(name="n" * 141))),
        ("BE22", "creditor.name", domestic(creditor=Party(name=" "))),
        ("RR07", "remittance_information", cross_border(remittance_information="x" * 141)),
        (
            "RR09",
            "creditor_reference",
            cross_border(creditor_reference="RF19539007547034", remittance_information=""),
        ),
        (
            "RR07",
            "creditor_reference",
            cross_border(creditor_reference="1", remittance_information="2"),
        ),
    ],
)  # fmt: skip
def test_what_a_rail_does_not_carry_is_refused_by_field(
    code: str, field: str, order: Order
) -> None:
    refusals = check_credit_transfer(order, on=DAY)
    assert [(refusal.code, refusal.field) for refusal in refusals] == [(code, field)]
    assert refusals[0].text


def test_the_limit_of_faster_payments_is_the_days() -> None:
    large = british(minor=30_000_000)
    assert check_credit_transfer(large, on=date(2022, 2, 7)) == ()
    (refusal,) = check_credit_transfer(large, on=date(2022, 2, 6))
    assert "250000.00 GBP" in refusal.text


def test_lines_of_an_address_alone_go_cross_border_until_their_day() -> None:
    order = cross_border(creditor=Party(name="N", address=LINES))
    assert check_credit_transfer(order, on=date(2026, 11, 13)) == ()
    assert check_credit_transfer(order, on=date(2026, 11, 14)) != ()


@pytest.mark.parametrize("text", ["RF18539007547034", "rf18 5390 0754 7034"])
def test_a_reference_of_iso_11649_has_right_check_digits(text: str) -> None:
    assert is_creditor_reference(text)
    assert not is_creditor_reference(text.replace("18", "81"))


# Collections


def collection(rail: Rail, currency: str = "EUR", minor: int = 10_00, **changes: Any) -> Order:
    return plain_order(
        rail=rail,
        direction=Direction.INCOMING,
        instructed_amount=Money(minor=minor, currency=currency),
        **{"collection": Collection(payment_method="pm_1"), **changes},
    )


@pytest.mark.parametrize("rail", COLLECTING)
def test_a_collection_is_taken_in_the_currency_of_its_rail(rail: Rail) -> None:
    currency = COLLECTING[rail] or "JPY"
    assert check_credit_transfer(collection(rail, currency), on=DAY) == ()
    nothing = check_credit_transfer(collection(rail, currency, minor=0), on=DAY)
    assert [(each.code, each.field) for each in nothing] == [("AM01", "instructed_amount")]
    other = check_credit_transfer(collection(rail, "GBP"), on=DAY)
    assert [each.code for each in other] == ([] if rail is Rail.CARD else ["AM03"])


@pytest.mark.parametrize("rail", COLLECTING)
def test_a_rail_that_only_collects_pays_nothing_out(rail: Rail) -> None:
    (refusal,) = check_credit_transfer(plain_order(rail=rail), on=DAY)
    assert (refusal.code, refusal.field) == ("AG03", "rail")


CARD_NUMBER = "4242 4242 4242 4242"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"remittance_information": f"card {CARD_NUMBER}"}, "remittance_information"),
        ({"end_to_end_id": "4242424242424242"}, "end_to_end_id"),
        ({"debtor": Party(name=CARD_NUMBER)}, "debtor.name"),
        ({"debtor": Party(name="P", address=PostalAddress(address_lines=("A", CARD_NUMBER)))},
         "debtor.address.address_lines"),
        ({"debtor_account": Account(other="4242424242424242")}, "debtor_account.other"),
        ({"collection": Collection(payment_method="4242424242424242")},
         "collection.payment_method"),
        ({"collection": Collection(payment_method="pm_1", statement_descriptor=CARD_NUMBER)},
         "collection.statement_descriptor"),
    ],
)  # fmt: skip
def test_a_card_number_is_refused_by_field_and_never_repeated(
    changes: dict[str, Any], field: str
) -> None:
    (refusal,) = check_credit_transfer(collection(Rail.CARD, **changes), on=DAY)
    assert (refusal.code, refusal.field) == ("CH16", field)
    assert "4242" not in refusal.text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"remittance_information": f"card {CARD_NUMBER}"}, "remittance_information"),
        ({"end_to_end_id": "4242424242424242"}, "end_to_end_id"),
        ({"instruction_id": "4242424242424242"}, "instruction_id"),
        ({"creditor": Party(name=CARD_NUMBER)}, "creditor.name"),
        ({"debtor": Party(name="P", address=PostalAddress(town_name=CARD_NUMBER, country="DE"))},
         "debtor.address.town_name"),
    ],
)  # fmt: skip
def test_a_credit_transfer_shows_no_card_number_either(changes: dict[str, Any], field: str) -> None:
    refusals = check_credit_transfer(plain_order(**changes), on=DAY)
    assert ("CH16", field) in [(each.code, each.field) for each in refusals]
    assert not any("4242" in each.text for each in refusals)


@pytest.mark.parametrize(
    "changes",
    [
        # One reference of digits in ten would be refused for nothing.
        {"end_to_end_id": "2026113000000006"},
        # References of other countries end in the check digit of card numbers.
        {"rail": DOMESTIC, "creditor_reference": "4242424242424242"},
        {"rail": DOMESTIC, "creditor_account": Account(other="4242424242424242")},
    ],
)
def test_a_credit_transfer_may_contain_what_looks_like_one(changes: dict[str, Any]) -> None:
    refusals = check_credit_transfer(plain_order(**changes), on=DAY)
    assert not any("card" in each.text for each in refusals)
