"""Accounts, balances and transactions of a bank of both versions: read, mapped, page by page."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from assembly import MachineClock
from domain.account_data.accounts import BalanceKind
from domain.account_data.answers import (
    Access,
    AccountsShown,
    BalancesShown,
    NoAccess,
    TransactionsPage,
)
from domain.account_data.transactions import Booking, Transaction
from domain.consents.instructions import ConsentInstruction as Kind
from domain.lifecycle.answers import Exchange, Unanswered
from domain.money import Money
from partners.kit.calls import Reply
from partners.kit.logins import Grant
from partners.kit.wire import Unusable, read
from partners.kit.workplace import Workplace
from partners.obie import data_mapping
from partners.obie import data_wire as wire
from partners.obie.data import ObieData
from tests.partners.conformance.bench import Logins
from tests.partners.currencycloud.scripted import FakePreparedBook
from tests.partners.obie.conftest import ORDER, VERSIONS, Asking, Asks, Bank, Pays
from transport.http import Transport

BILLS: Final = "22289"
CARD: Final = "4111111111111111"
_LISTS: Final = "GET /open-banking/*/aisp/accounts*"
Reads = Callable[..., tuple[ObieData, Access]]


@pytest.fixture
async def reads(bank: Bank) -> AsyncIterator[Reads]:
    """Makes a reader of the accounts of a consent, which shares its tokens."""
    made = []

    def reader(asking: Asking, **settings: Any) -> tuple[ObieData, Access]:
        clock = MachineClock()
        transport = partial(Transport, clock=clock)
        place = Workplace(clock, asking.logins, FakePreparedBook(), transport)
        made.append(ObieData(bank.account(**settings), place))
        return made[-1], Access("con_1", asking.consent_id)

    yield reader
    for each in made:
        await each.close()


async def listed(reader: ObieData, access: Access, since: date | None = None) -> list[Transaction]:
    """Every transaction, page after page."""
    found: list[Transaction] = []
    cursor = None
    while True:
        page = await reader.transactions(access, BILLS, since, cursor)
        assert isinstance(page, TransactionsPage), page
        assert page.drift == ()
        found += [each.transaction for each in page.lines]
        if (cursor := page.cursor) is None:
            return found


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_consent_shows_its_account_its_balances_and_every_transaction(
    asks: Asks, reads: Reads, bank: Bank, version: str
) -> None:
    reader, access = reads(await asks(version=version).active(), version=version)
    shown = await reader.accounts(access)
    assert isinstance(shown, AccountsShown), shown
    assert shown.drift == ()
    (account,) = shown.accounts
    assert (account.reference, account.ends, account.currency) == (BILLS, "3345", "GBP")
    assert (account.kind, account.name, account.owner) == ("CACC", "Bills", "Ms Penny Payer")
    balances = await reader.balances(access, BILLS)
    assert isinstance(balances, BalancesShown), balances
    assert balances.drift == ()
    held = {each["id"]: each["amount_minor"] for each in bank.control("accounts")["accounts"]}
    (balance,) = balances.balances
    assert (balance.kind, balance.amount) == (
        BalanceKind.ITAV, Money(minor=held[BILLS], currency="GBP"),
    )  # fmt: skip
    seen = await listed(reader, access)
    texts = [each.remittance_information for each in seen]
    # Entries are two days apart, and the first listing goes back for ninety days.
    assert len(set(texts)) == len(texts) == len({each.reference for each in seen})
    assert 40 <= len(texts) < 60
    assert {each.amount.minor < 0 for each in seen} == {True, False}
    recent = await listed(reader, access, datetime.now(UTC).date() - timedelta(days=10))
    assert recent == seen[: len(recent)]
    assert 4 <= len(recent) <= 5


async def test_a_pending_line_keeps_its_reference_when_it_is_booked(
    asks: Asks, reads: Reads, bank: Bank
) -> None:
    reader, access = reads(await asks().active())
    asked = {"account": BILLS, "amount": -450, "what": "Card", "pending": True}
    entry = bank.control("entries", asked)["id"]
    today = datetime.now(UTC).date()
    pending = (await listed(reader, access, today))[0]
    assert (pending.booking, pending.reference, pending.amount.minor) == (
        Booking.PENDING, entry, -450,
    )  # fmt: skip
    bank.control("entries", {"id": entry})
    booked = (await listed(reader, access, today))[0]
    assert (booked.booking, booked.reference) == (Booking.BOOKED, entry)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_payment_shows_whom_it_paid(
    asks: Asks, reads: Reads, pays: Pays, bank: Bank, version: str
) -> None:
    paying = await (await pays(version=version).approved()).prepared()
    await paying.accepted()
    bank.advance(2)
    reader, access = reads(await asks(version=version).active(), version=version)
    shown = (await listed(reader, access, datetime.now(UTC).date()))[0]
    assert shown.amount.minor == -ORDER.instructed_amount.minor
    assert shown.counterparty == ORDER.creditor.name
    assert shown.counterparty_account is not None
    assert shown.counterparty_account.number == "20300212345678"
    words = ("", "IssuedCreditTransfer-DomesticCreditTransfer")
    assert (shown.code, shown.own_code) == (words if version == "v3.1.11" else ("ICDT-DMCT", ""))


async def test_a_consent_that_ended_gives_no_access(asks: Asks, reads: Reads, bank: Bank) -> None:
    for what in ("revoke", "reauthenticate"):
        asking = await asks().active()
        reader, access = reads(asking)
        bank.apply(what, asking.consent_id)
        assert isinstance(await reader.accounts(access), NoAccess), what
    ended = await asks().active()
    reader, access = reads(ended)
    await ended.accepted(Kind.REVOKE)
    answer = await reader.transactions(access, BILLS, None, None)
    assert isinstance(answer, NoAccess)
    assert "token" in answer.why


async def test_a_token_that_ends_is_refreshed_and_a_refused_one_gives_no_access(
    asks: Asks, reads: Reads
) -> None:
    asking = await asks().active()
    name = next(each for each in asking.logins.tokens if each.endswith(asking.consent_id))
    first = Grant.of(asking.logins.tokens[name])
    past = datetime.now(UTC) - timedelta(seconds=5)
    asking.logins.tokens[name] = replace(first, expires_at=past).kept()
    reader, access = reads(asking)
    assert isinstance(await reader.accounts(access), AccountsShown)
    assert Grant.of(asking.logins.tokens[name]).token != first.token
    asking.logins.tokens[name] = Grant("dead", past, "forged").kept()
    reader, access = reads(asking)
    assert isinstance(await reader.accounts(access), NoAccess)


@pytest.mark.parametrize("fault", ["rate_limited", "error_500_after", "cut_mid_body", "html_200"])
async def test_what_may_pass_is_no_loss_of_access(
    asks: Asks, reads: Reads, bank: Bank, fault: str
) -> None:
    reader, access = reads(await asks().active())
    bank.fault(fault, _LISTS)
    assert isinstance(await reader.accounts(access), Unanswered)
    assert isinstance(await reader.accounts(access), AccountsShown)


async def test_an_account_that_was_taken_out_has_the_consent_read(
    asks: Asks, reads: Reads, bank: Bank
) -> None:
    asking = await asks().active()
    reader, access = reads(asking)
    bank.apply("unlink", asking.consent_id, account=BILLS)
    for account in (BILLS, "never-was"):
        assert isinstance(await reader.balances(access, account), NoAccess)
    shown = await reader.accounts(access)
    assert isinstance(shown, AccountsShown)
    assert shown.accounts == ()


LINE: Final = {
    "AccountId": BILLS,
    "TransactionId": "t1",
    "Status": "BOOK",
    "CreditDebitIndicator": "Debit",
    "BookingDateTime": "2026-03-29T23:30:00+01:00",
    "ValueDateTime": "2026-03-30T00:00:00+01:00",
    "Amount": {"Amount": "12.50", "Currency": "GBP"},
    "TransactionInformation": "goods",
    "CreditorAccount": {
        "SchemeName": "UK.OBIE.SortCodeAccountNumber", "Identification": "20300212345678",
        "Name": "Shop",
    },
    "CreditorAgent": {"SchemeName": "UK.OBIE.BICFI", "Identification": "BARCGB22"},
    "DebtorAccount": {"SchemeName": "UK.OBIE.IBAN", "Identification": "X", "Name": "The owner"},
    "ProprietaryBankTransactionCode": {"Code": "DEB"},
    "PaymentPurposeCode": "GDDS",
}  # fmt: skip


def read_line(**changed: Any) -> Transaction:
    (line,), drift = data_mapping.lines({"Transaction": [{**LINE, **changed}]}, BILLS)
    assert drift == ()
    assert CARD not in re.sub(r"[\W_]", "", json.dumps(line.raw))
    return line.transaction


def test_what_the_bank_wrote_is_kept() -> None:
    (line,), _ = data_mapping.lines({"Transaction": [LINE]}, BILLS)
    assert line.raw == LINE


def test_the_other_side_follows_from_the_indicator() -> None:
    paid = read_line()
    assert paid.amount == Money(minor=-1250, currency="GBP")
    assert (paid.counterparty, paid.reference, paid.counterparty_agent) == (
        "Shop", "t1", "BARCGB22",
    )  # fmt: skip
    assert (paid.booked_on, paid.valued_on) == (date(2026, 3, 29), date(2026, 3, 30))
    assert (paid.own_code, paid.purpose, paid.code) == ("DEB", "GDDS", "")
    received = read_line(CreditDebitIndicator="Credit")
    assert (received.counterparty, received.amount.minor) == ("The owner", 1250)


def test_a_merchant_is_the_other_side_of_a_card_payment() -> None:
    card = read_line(CreditorAccount=None, MerchantDetails={"MerchantName": "Café"})
    assert (card.counterparty, card.counterparty_account) == ("Café", None)


@pytest.mark.parametrize("word", ["RJCT", "Rejected", "INFO"])
def test_an_entry_that_moved_nothing_is_no_transaction(word: str) -> None:
    assert data_mapping.lines({"Transaction": [{**LINE, "Status": word}]}, BILLS) == ((), ())


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (None, "not readable"),
        ({**LINE, "Amount": {"Amount": "12.555", "Currency": "GBP"}}, "not readable"),
        ({**LINE, "Amount": {"Amount": "-12.50", "Currency": "GBP"}}, "not readable"),
        ({**LINE, "Amount": {"Amount": 12.5, "Currency": "GBP"}}, "not readable"),
        ({**LINE, "BookingDateTime": "2026-02-30T00:00:00Z"}, "not readable"),
        ({**LINE, "AccountId": "31820"}, "not readable"),
        ({**LINE, "CreditorAccount": ["x"]}, "not readable"),
        ({**LINE, "Status": "POSTED"}, "Status: unknown 'POSTED'"),
        ({**LINE, "CreditDebitIndicator": "DBIT"}, "CreditDebitIndicator: unknown 'DBIT'"),
        ({name: each for name, each in LINE.items() if name != "Amount"}, "not readable"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_stops_no_other(broken: object, said: str) -> None:
    found, drift = data_mapping.lines({"Transaction": [LINE, broken, LINE]}, BILLS)
    assert len(found) == 2
    assert len(drift) == 1
    assert drift[0].startswith("Transaction[1]")
    assert drift[0].endswith(said)


@pytest.mark.parametrize("number", [CARD, "4111 1111 1111 1111", "4111-1111-1111-1111"])
@pytest.mark.parametrize("scheme", ["UK.OBIE.PAN", "PAN", "UK.TestBank.CardNumber", ""])
def test_a_whole_card_number_is_not_kept(scheme: str, number: str) -> None:
    """`read_line` looks at what is kept of the bank's own words."""
    card = {"SchemeName": scheme, "Identification": number, "Name": "Shop"}
    assert read_line(CreditorAccount=card).counterparty_account is None
    read_line(CardInstrument={"CardSchemeName": "VISA", "Identification": number})
    read_line(SupplementaryData={"numbers": [{"of": number}]})
    read_line(SupplementaryData={"number": int(CARD)})
    told = read_line(TransactionInformation=f"paid with {number}", MerchantDetails=None)
    assert told.remittance_information == "paid with …1111"


def test_a_masked_card_and_an_account_that_looks_like_a_card_are_kept() -> None:
    card = {"SchemeName": "UK.OBIE.PAN", "Identification": "411111******1111", "Name": "Shop"}
    assert read_line(CreditorAccount=card).counterparty_account is not None
    # 14 digits that begin with 30 and pass the check of ISO/IEC 7812-1.
    account = {"SchemeName": "UK.OBIE.SortCodeAccountNumber", "Identification": "30569309025904"}
    kept = read_line(CreditorAccount=account).counterparty_account
    assert kept is not None
    assert kept.number == "30569309025904"


def test_balances_have_a_sign_and_another_accounts_is_not_taken() -> None:
    def balance(**changed: Any) -> wire.Balance:
        return wire.Balance.model_validate_json(
            json.dumps(
                {
                    "AccountId": BILLS,
                    "Amount": {"Amount": "5.00", "Currency": "GBP"},
                    "CreditDebitIndicator": "Debit",
                    "Type": "ITBD",
                    "DateTime": "2026-03-02T10:00:00+00:00",
                    **changed,
                }
            )
        )

    odd = (
        balance(AccountId="31820"),
        balance(CreditDebitIndicator="Minus"),
        balance(Amount={"Amount": "5.001", "Currency": "GBP"}),
    )
    line = [{"Included": False}, {"Included": True}]
    (first, second), drift = data_mapping.balances(
        (balance(CreditLine=line), *odd, balance(Type="Imagined")), BILLS
    )
    assert (first.amount.minor, first.kind, first.includes_credit) == (-500, BalanceKind.ITBD, True)
    assert (second.kind, second.includes_credit) == (BalanceKind.INFO, False)
    assert drift == (
        "balances[1].AccountId: another account's",
        "balances[2].CreditDebitIndicator: unknown 'Minus'",
        "balances[3].Amount: not readable",
        "balances[4].Type: unknown 'Imagined'",
    )


@pytest.mark.parametrize(
    ("names", "table"),
    [
        (("OBBalanceType1Code", "OBBalanceType1Code"), data_mapping.BALANCES),
        (("OBEntryStatus1Code", "ExternalEntryStatus1Code"), data_mapping.BOOKINGS),
        (("OBCreditDebitCode_1", "OBCreditDebitCode_1"), data_mapping.SIGNS),
        (("OBExternalAccountSubType1Code", None), data_mapping.KINDS),
    ],
    ids=["balances", "bookings", "signs", "kinds"],
)
def test_every_word_of_both_versions_is_mapped(
    specs: Path, names: tuple[str, str | None], table: dict[str, Any]
) -> None:
    published = json.loads((specs / "obie" / "enums.json").read_text())
    words = {
        word
        for version, name in zip(("v3.1.11", "v4.0"), names, strict=True)
        if name is not None
        for word in published[f"{version}/account-info"][name]
    }
    assert words == set(table)


@pytest.mark.parametrize(
    ("href", "leads"),
    [
        ("https://bank.test/api/open-banking/v4.0/aisp/accounts/a%2F1/transactions?page=2",
         "/open-banking/v4.0/aisp/accounts/a%2F1/transactions?page=2"),
        ("transactions?page=2", "/open-banking/v4.0/aisp/accounts/a%2F1/transactions?page=2"),
        ("https://elsewhere.test/api/open-banking/v4.0/aisp/accounts/a%2F1/transactions", None),
        ("/api/open-banking/v4.0/aisp/accounts/a2/transactions", None),
        ("/api/open-banking/v4.0/aisp/accounts/a%2F1/../a2/transactions", None),
        ("/api/open-banking/v4.0/aisp/accounts/a%2F1/%2e%2e/a2/transactions", None),
        ("/api/open-banking/v4.0/aisp/accounts/a%2F1/%252E./a2/transactions", None),
        ("http://[::1", None),
        (["x"], None),
    ],
)  # fmt: skip
def test_a_link_is_followed_only_within_the_accounts_own_list(
    bank: Bank, href: Any, leads: str | None
) -> None:
    found = reader_of(bank)._following({"Links": {"Next": href}}, "a/1")
    assert found == leads if leads is not None else not isinstance(found, str)
    assert found is not None


def reader_of(bank: Bank) -> ObieData:
    """A reader that reaches nobody."""
    account = bank.account().model_copy(update={"base_url": "https://bank.test/api"})
    clock = MachineClock()
    transport = partial(Transport, clock=clock)
    return ObieData(account, Workplace(clock, Logins(), FakePreparedBook(), transport))


class Answers:
    """Answers every read with one page of a list, and keeps what it was asked with."""

    def __init__(self, pages: int) -> None:
        self._pages = pages
        self.headers: list[Mapping[str, str]] = []

    async def get_for_user(
        self, _: str, path: str, headers: Mapping[str, str], query: Mapping[str, str], **__: Any
    ) -> Reply:
        self.headers.append(headers)
        number, now = int(query.get("page", "1")), datetime.now(UTC)
        links = {"Next": f"accounts?page={number + 1}"} if number < self._pages else {}
        body = json.dumps({"Data": {"Account": [{"AccountId": str(number)}]}, "Links": links})
        return Reply("", Exchange("GET", path, 200, "", "", now), now, 200, body)

    async def knows_server(self) -> None:
        return None


@pytest.mark.parametrize(("pages", "is_shown"), [(3, True), (21, False)])
async def test_a_list_of_accounts_counts_only_as_a_whole(
    bank: Bank, pages: int, is_shown: bool
) -> None:
    """An account that is missing from the list is no longer read, and its data is erased."""
    reader = reader_of(bank)
    reader._bank = Answers(pages)  # type: ignore[assignment]
    answer = await reader.accounts(Access("con_1", "c1"))
    assert isinstance(answer, AccountsShown if is_shown else Unanswered)
    if isinstance(answer, AccountsShown):
        assert [each.reference for each in answer.accounts] == ["1", "2", "3"]


@pytest.mark.parametrize("address", [None, "203.0.113.7"])
async def test_only_the_users_own_address_is_sent(bank: Bank, address: str | None) -> None:
    reader, answers = reader_of(bank), Answers(1)
    reader._bank = answers  # type: ignore[assignment]
    await reader.accounts(Access("con_1", "c1", address))
    (headers,) = answers.headers
    assert headers.get("x-fapi-customer-ip-address") == address


def test_a_missing_list_of_accounts_is_not_an_empty_one() -> None:
    assert isinstance(read(wire.Accounts, '{"Data": {}, "Links": {}, "Meta": {}}'), Unusable)
    none = read(wire.Accounts, '{"Data": {"Account": []}, "Links": {}, "Meta": {}}')
    assert isinstance(none, wire.Accounts)
    assert none.data.account == ()
