"""Accounts, balances and transactions of a bank: read with a consent, mapped, page by page."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from assembly import MachineClock
from domain.account_data.accounts import BalanceKind
from domain.account_data.answers import (
    Access,
    AccountsShown,
    BalancesShown,
    NoAccess,
    TransactionsPage,
)
from domain.account_data.transactions import Booking
from domain.lifecycle.answers import Unanswered
from domain.money import Money, MoneyError
from partners.berlin_group import data_mapping
from partners.berlin_group.data import BerlinGroupData
from partners.berlin_group.data_wire import AccountDetails
from partners.kit.wire import Unusable
from partners.kit.workplace import Workplace
from tests.partners.berlin_group.conftest import account
from tests.partners.berlin_group.consenting import consenting
from tests.partners.currencycloud.scripted import FakeLoginBook, FakePreparedBook
from tests.simulators.berlin_group.conftest import Tpp
from transport.http import Transport

Reads = Callable[..., BerlinGroupData]


@pytest.fixture
async def reads() -> AsyncIterator[Reads]:
    made = []

    def adapter(tpp: Tpp, **settings: Any) -> BerlinGroupData:
        clock = MachineClock()
        transport = partial(Transport, clock=clock)
        place = Workplace(clock, FakeLoginBook(held=None), FakePreparedBook(), transport)
        made.append(BerlinGroupData(account(tpp.address, **settings), place))
        return made[-1]

    yield adapter
    for each in made:
        await each.close()


async def _access(tpp: Tpp, **settings: Any) -> Access:
    asked = consenting(tpp, **settings)
    report = await asked.active()
    await asked.adapter.close()
    assert report.partner_reference is not None
    return Access("con_1", report.partner_reference)


async def test_a_consent_shows_accounts_balances_and_every_transaction(
    bank: Callable[[str], Tpp], reads: Reads
) -> None:
    tpp = bank("absolute")
    settings = {"dialect": {"explicit_start": True}}
    access, adapter = await _access(tpp, **settings), reads(tpp, **settings)
    shown = await adapter.accounts(access)
    assert isinstance(shown, AccountsShown)
    first = shown.accounts[0]
    assert first.number is not None
    assert first.number.iban is not None
    assert (first.currency, first.kind) == ("EUR", "CACC")
    balances = await adapter.balances(access, first.reference)
    assert isinstance(balances, BalancesShown)
    assert {each.kind for each in balances.balances} == {BalanceKind.ITBD, BalanceKind.ITAV}
    tpp.control("page_size", {"page_size": 2})
    texts, cursor = [], None
    for _ in range(3):
        page = await adapter.transactions(access, first.reference, None, cursor)
        assert isinstance(page, TransactionsPage), page
        texts += [
            (each.transaction.remittance_information, each.transaction.amount.to_wire())
            for each in page.lines
        ]
        if (cursor := page.cursor) is None:
            break
    assert texts == [("Rent", "-1200.50"), ("Book shop", "-49.99"), ("Salary", "2500.00")]


async def test_a_read_without_the_user_names_no_address_and_meets_the_banks_limit(
    bank: Callable[[str], Tpp], reads: Reads
) -> None:
    """Of no bank, even if it wants an address with every read: that would say the user is there."""
    tpp = bank("standard")
    access = await _access(tpp)
    adapter = reads(tpp, dialect={"sends_address_of_psu": True})
    shown = await adapter.accounts(access)
    assert isinstance(shown, AccountsShown)
    its = shown.accounts[0].reference
    for _ in range(4):
        assert isinstance(await adapter.balances(access, its), BalancesShown)
    spent = await adapter.balances(access, its)
    assert isinstance(spent, Unanswered)
    assert spent.retry_at is not None
    attended = Access(access.consent_id, access.reference, "203.0.113.7")
    assert isinstance(await adapter.balances(attended, its), BalancesShown)


async def test_a_consent_that_ended_gives_no_access(
    bank: Callable[[str], Tpp], reads: Reads
) -> None:
    tpp = bank("standard")
    access, adapter = await _access(tpp), reads(tpp)
    tpp.ask("DELETE", f"/v1/consents/{access.reference}")
    for answer in (
        await adapter.accounts(access),
        await adapter.accounts(Access("con_2", "never-was")),
    ):
        assert isinstance(answer, NoAccess), answer


async def test_an_account_that_was_taken_out_has_the_consent_read(
    bank: Callable[[str], Tpp], reads: Reads
) -> None:
    tpp = bank("standard")
    access, adapter = await _access(tpp), reads(tpp)
    shown = await adapter.accounts(access)
    assert isinstance(shown, AccountsShown)
    gone, left = shown.accounts
    assert gone.number is not None
    param = {"account": gone.number.number}
    tpp.control(f"payments/{access.reference}", {"fault": "take_out", "param": param})
    assert isinstance(await adapter.balances(access, gone.reference), NoAccess)
    assert isinstance(await adapter.balances(access, left.reference), BalancesShown)


LINE = {
    "entryReference": "e1",
    "bookingDate": "2026-03-02",
    "valueDate": "2026-03-03",
    "transactionAmount": {"currency": "EUR", "amount": "-12.5"},
    "creditorName": "Shop",
    "creditorAccount": {"iban": "DE02120300000000202051"},
    "debtorName": "The owner",
    "remittanceInformationUnstructured": "goods",
    "bankTransactionCode": "PMNT-ICDT-ESCT",
}


def test_the_other_side_follows_from_the_sign() -> None:
    (paid,), _ = data_mapping.lines({"booked": [LINE]})
    assert paid.transaction.amount == Money(minor=-1250, currency="EUR")
    assert (paid.transaction.counterparty, paid.transaction.reference) == ("Shop", "e1")
    assert paid.raw == LINE
    received = {**LINE, "transactionAmount": {"currency": "EUR", "amount": 12.5}}
    (got,), _ = data_mapping.lines({"booked": [received]})
    assert (got.transaction.counterparty, got.transaction.amount.minor) == ("The owner", 1250)


def test_a_pending_line_has_no_reference_to_rely_on() -> None:
    (line,), _ = data_mapping.lines({"pending": [LINE]})
    assert (line.transaction.booking, line.transaction.reference) == (Booking.PENDING, None)


@pytest.mark.parametrize(
    "broken",
    [
        None,
        7,
        {**LINE, "transactionAmount": {"currency": "EUR", "amount": "12.555"}},
        {**LINE, "transactionAmount": {"currency": "XTS", "amount": "1"}},
        {**LINE, "transactionAmount": None},
        {**LINE, "bookingDate": "2026-02-30"},
        {**LINE, "creditorName": 5},
        {name: value for name, value in LINE.items() if name != "transactionAmount"},
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_stops_no_other(broken: object) -> None:
    found, drift = data_mapping.lines({"booked": [LINE, broken, LINE]})
    assert len(found) == 2
    assert drift == ("transactions.booked[1]: not readable",)


def test_a_list_that_is_none_is_named() -> None:
    assert data_mapping.lines({"booked": {}})[1] == ("transactions.booked: not a list",)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"remittanceInformationUnstructuredArray": ["one", "two"]}, "one\ntwo"),
        ({"remittanceInformationStructured": {"reference": "RF18"}}, "RF18"),
        ({"remittanceInformationStructured": "RF18"}, "RF18"),
        ({"remittanceInformationStructuredArray": [{"reference": "RF18"}]}, "RF18"),
        ({}, ""),
    ],
)
def test_the_text_is_taken_from_where_the_bank_writes_it(given: dict[str, Any], text: str) -> None:
    bare = {"transactionAmount": LINE["transactionAmount"], **given}
    (line,), _ = data_mapping.lines({"booked": [bare]})
    assert line.transaction.remittance_information == text


def test_a_whole_card_number_is_not_kept() -> None:
    card = {**LINE, "creditorAccount": {"pan": "4111111111111111"}}
    (line,), _ = data_mapping.lines({"booked": [card]})
    assert line.transaction.counterparty_account is None
    masked = {**LINE, "creditorAccount": {"maskedPan": "411111xxxxxx1111"}}
    (line,), _ = data_mapping.lines({"booked": [masked]})
    assert line.transaction.counterparty_account is not None


@pytest.mark.parametrize(
    "given",
    [
        {"creditorAccount": {"maskedPan": "4111 1111 1111 1111"}},
        {"creditorAccount": {"pan": "4111111111111111"}},
        {"remittanceInformationUnstructured": "card 4111-1111-1111-1111"},
        {"remittanceInformationUnstructuredArray": ["a", "card 4111111111111111"]},
        {"creditorName": "4111111111111111"},
        {"additionalInformation": "card 4111111111111111"},
    ],
)
def test_no_card_number_is_kept_of_what_the_bank_wrote(given: dict[str, Any]) -> None:
    (line,), _ = data_mapping.lines({"booked": [{**LINE, **given}]})
    kept = f"{line.raw} {line.transaction}"
    assert "4111111111111111" not in re.sub(r"[\W_]", "", kept)


def test_an_account_whose_bank_does_not_mask_its_card_has_no_number() -> None:
    shown = {"resourceId": "a1", "currency": "EUR", "maskedPan": "4111111111111111"}
    found = data_mapping.account(AccountDetails.model_validate_json(json.dumps(shown)))
    assert found.number is None


@pytest.mark.parametrize("text", ["", "-", "--1", "1,50", "1e3", None, [], True])
def test_what_is_no_amount_is_refused(text: object) -> None:
    with pytest.raises(MoneyError):
        data_mapping.money(text, "EUR")


def test_every_documented_kind_of_balance_is_mapped(specs: Path) -> None:
    file = specs / "berlin-group" / "psd2-api_v1.3.11-2021-10-01v1.yaml"
    documented = yaml.safe_load(file.read_text())["components"]["schemas"]["balanceType"]["enum"]
    assert set(documented) == set(data_mapping.BALANCES)


@pytest.mark.parametrize(
    ("href", "leads"),
    [
        ("/v1/accounts/a1/transactions?page=2", "/v1/accounts/a1/transactions?page=2"),
        ("https://bank.test/psd2/v1/accounts/a1/transactions?p", "/v1/accounts/a1/transactions?p"),
        ("transactions?p=2", "/v1/accounts/a1/transactions?p=2"),
        ("https://elsewhere.test/v1/accounts/a1/transactions", None),
        ("/v1/accounts/a2/transactions", None),
        ("/v1/accounts/a1/../a2/transactions", None),
        ("/v1/accounts/a1/%2E%2e/a2/transactions", None),
        ("http://[::1", None),
    ],
)  # fmt: skip
def test_a_link_is_followed_only_within_the_accounts_own_list(
    reads: Reads, href: str, leads: str | None
) -> None:
    class Nowhere:
        address = "http://127.0.0.1:1"

    adapter = reads(Nowhere())
    base = "https://bank.test/psd2" if "bank.test" in href else "https://bank.test"
    adapter._account = adapter._account.model_copy(update={"base_url": base})
    found = adapter._following({"_links": {"next": {"href": href}}}, "a1")
    assert isinstance(found, Unusable) if leads is None else found == leads
