"""The accounts of the bank's one PSU, with balances and entries, as far as a consent permits."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from simulators.kit.book import new_id
from simulators.kit.clock import moment, stamp
from simulators.kit.partner import Call
from simulators.kit.replies import Json, Row
from simulators.obie import wire
from simulators.obie.book import OPENING, Book
from simulators.obie.dialects import Version
from simulators.obie.wire import SORT_CODE, Problem

#: Endpoints of account data are named by this and a name of `KINDS`.
READ = "read accounts "
#: The least that the profile recommends for a page that is not the last.
PAGE_SIZE = 25
HOLDER = "Ms Penny Payer"
_ACCOUNTS = (
    ("22289", "Bills", "Personal", "CurrentAccount", "80200110203345"),
    ("31820", "Household", "Personal", "Savings", "80200110203348"),
    ("44301", "Shop", "Business", "CurrentAccount", "80200112344562"),
)
#: `AccountSubType` of v3.1, and the codes of v4.0's ISO list.
_KINDS = {"CurrentAccount": "CACC", "Savings": "SVGS"}
_SEEDED, _SEEDED_DAYS = 60, 120
_OPENING_MINOR = 5_000_000


@dataclass(frozen=True)
class Kind:
    """A kind of data that this PSU may have: where it is read, and which permissions open it.

    Attributes:
        name: of the list in the reply.
        permissions: one of them is needed.
    """

    name: str
    permissions: tuple[str, ...]


def _basic_or_detail(kind: str) -> tuple[str, ...]:
    return f"Read{kind}Basic", f"Read{kind}Detail"


KINDS = {
    "accounts": Kind("Account", _basic_or_detail("Accounts")),
    "balances": Kind("Balance", ("ReadBalances",)),
    "transactions": Kind("Transaction", _basic_or_detail("Transactions")),
    "beneficiaries": Kind("Beneficiary", _basic_or_detail("Beneficiaries")),
    "direct-debits": Kind("DirectDebit", ("ReadDirectDebits",)),
    "offers": Kind("Offer", ("ReadOffers",)),
    "product": Kind("Product", ("ReadProducts",)),
    "products": Kind("Product", ("ReadProducts",)),
    "scheduled-payments": Kind("ScheduledPayment", _basic_or_detail("ScheduledPayments")),
    "standing-orders": Kind("StandingOrder", _basic_or_detail("StandingOrders")),
    "statements": Kind("Statement", _basic_or_detail("Statements")),
}


class Accounts:
    def __init__(self, book: Book) -> None:
        self._book = book

    def open(self, now: datetime) -> None:
        """Furnish a new book with accounts, money, and entries of the last months."""
        if self._book.accounts():
            return
        with self._book.transaction():
            for account_id, nickname, category, kind, number in _ACCOUNTS:
                self._book.insert("accounts", id=account_id, currency="GBP", nickname=nickname,
                                  holder=HOLDER, category=category, kind=kind,
                                  identification=number)  # fmt: skip
                self.enter(account_id, _OPENING_MINOR, "Opening balance", now - _age(_SEEDED))
                # The same in every book, so that tests can be read.
                drawn = random.Random(account_id)
                for nth in range(_SEEDED - 1, 0, -1):
                    minor = drawn.choice((-1, -1, 1)) * drawn.randint(100, 20_000)
                    self.enter(account_id, minor, f"Entry {nth}", now - _age(nth))

    def enter(
        self, account_id: str, minor: int, what: str, at: datetime, *, booked: bool = True
    ) -> str:
        """Add an entry. One that is not booked does not change the balance yet."""
        entry_id = new_id()
        if booked:
            self._book.post(stamp(at), what, "GBP", [(OPENING, -minor), (account_id, minor)])
        self._book.insert(
            "entries",
            id=entry_id,
            account_id=account_id,
            at=stamp(at),
            amount_minor=minor,
            currency="GBP",
            booked=int(booked),
            what=what,
        )
        return entry_id

    def book_pending(self, entry_id: str, at: datetime) -> None:
        """Raises:
        ValueError: there is no such pending entry.
        """
        found = self._book.row("SELECT * FROM entries WHERE id = ? AND booked = 0", entry_id)
        if found is None:
            raise ValueError(f"no pending entry: {entry_id}")
        minor, account_id = found["amount_minor"], found["account_id"]
        self._book.post(stamp(at), found["what"], "GBP", [(OPENING, -minor), (account_id, minor)])
        self._book.change("entries", entry_id, booked=1, at=stamp(at))

    def read(self, call: Call, consent: Row, version: Version, now: datetime) -> Json:
        """Raises:
        Problem: 400 for an unknown account, 403 for one that the consent does not name.
        """
        data = json.loads(consent["body"])["Data"]
        permissions = set(data["Permissions"])
        name = call.endpoint.removeprefix(READ)
        kind = KINDS[name]
        if not permissions & set(kind.permissions):
            raise Problem(403)
        accounts = self._chosen(call, consent)
        match name:
            case "accounts":
                is_detail = "ReadAccountsDetail" in permissions
                shown = [_account(row, version, is_detail=is_detail) for row in accounts]
                return _one_page(call, {kind.name: shown})
            case "balances":
                return _one_page(call, {kind.name: [self._balance(row, version, now)
                                                    for row in accounts]})  # fmt: skip
            case "transactions":
                return self._transactions(call, accounts, data, version)
            case _:
                # This PSU has none, and the profile asks for an empty list then.
                return _one_page(call, {kind.name: []})

    def _chosen(self, call: Call, consent: Row) -> list[dict[str, Any]]:
        linked = json.loads(consent["accounts"])
        if not call.object_id:
            return [row for row in self._book.accounts() if row["id"] in linked]
        found = self._book.account(call.object_id)
        if found is None:
            raise Problem(400, "U011", "there is no such account", "AccountId")
        if found["id"] not in linked:
            raise Problem(403)
        return [dict(found)]

    def _balance(self, account: Row, version: Version, now: datetime) -> Json:
        minor = self._book.balance(account["id"], "GBP", stamp(now))["amount_minor"]
        return {
            "AccountId": account["id"],
            **_signed(minor, account["currency"]),
            "Type": version.balance,
            "DateTime": wire.shown_at(stamp(now)),
        }

    def _transactions(
        self, call: Call, accounts: list[dict[str, Any]], data: Json, version: Version
    ) -> Json:
        """Newest first, a page at a time. Entries that come meanwhile move the pages."""
        permissions = set(data["Permissions"])
        since, until = _period(call, data)
        marks = ", ".join("?" * len(accounts))
        rows = self._book.rows(
            f"SELECT * FROM entries WHERE account_id IN ({marks}) ORDER BY at DESC, seq DESC",
            *(account["id"] for account in accounts),
        )
        fitting = [
            row
            for row in rows
            if since <= moment(row["at"]) <= until
            and f"ReadTransactions{_direction(row)}" in permissions
        ]
        size = int(self._book.setting("page_size") or PAGE_SIZE)
        pages, page = max(-(-len(fitting) // size), 1), _page(call)
        is_detail = "ReadTransactionsDetail" in permissions
        shown = [
            _entry(row, version, is_detail=is_detail)
            for row in fitting[(page - 1) * size : page * size]
        ]

        def link(number: int) -> str:
            query = urlencode({**call.fields, "page": number})
            return f"{call.address}{call.path}?{query}"

        links = wire.links(call, First=link(1), Last=link(pages))
        links["Self"] = link(page)
        if page < pages:
            links["Next"] = link(page + 1)
        if page > 1:
            links["Prev"] = link(page - 1)
        return {"Data": {"Transaction": shown}, "Links": links, "Meta": {"TotalPages": pages}}


def _age(nth: int) -> timedelta:
    return timedelta(days=_SEEDED_DAYS * nth / _SEEDED)


def _one_page(call: Call, data: Json) -> Json:
    return {"Data": data, "Links": wire.links(call), "Meta": {"TotalPages": 1}}


def _signed(minor: int, currency: str) -> Json:
    """An amount has no sign here; beside it is said whether it is a credit."""
    indicator = "Credit" if minor >= 0 else "Debit"
    return {"Amount": wire.money(abs(minor), currency), "CreditDebitIndicator": indicator}


def _direction(entry: Row) -> str:
    return "Credits" if entry["amount_minor"] >= 0 else "Debits"


def _account(account: Row, version: Version, *, is_detail: bool) -> Json:
    shown: Json = {
        "AccountId": account["id"],
        "Currency": account["currency"],
        "Nickname": account["nickname"],
        "Description": account["nickname"],
    }
    if version.codes_only:
        shown |= {"AccountCategory": account["category"],
                  "AccountTypeCode": _KINDS[account["kind"]]}  # fmt: skip
    else:
        shown |= {"AccountType": account["category"], "AccountSubType": account["kind"]}
    if is_detail:
        number = {"SchemeName": SORT_CODE, "Identification": account["identification"]}
        shown["Account"] = [{**number, "Name": account["holder"]}]
    return shown


def _entry(entry: Row, version: Version, *, is_detail: bool) -> Json:
    shown: Json = {
        "AccountId": entry["account_id"],
        "TransactionId": entry["id"],
        "Status": version.booked if entry["booked"] else version.pending,
        "TransactionMutability": "Immutable" if entry["booked"] else "Mutable",
        "BookingDateTime": wire.shown_at(entry["at"]),
        "ValueDateTime": wire.shown_at(entry["at"]),
        **_signed(entry["amount_minor"], entry["currency"]),
    }
    if entry["reference"]:
        shown["TransactionReference"] = entry["reference"]
    if is_detail:
        shown["TransactionInformation"] = entry["what"]
        if entry["creditor"]:
            code, sub_code = version.credit_transfer
            shown["BankTransactionCode"] = {"Code": code, "SubCode": sub_code}
            shown["CreditorAccount"] = json.loads(entry["creditor"])
    return shown


def _period(call: Call, data: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """The part of the past that is both permitted and asked for.

    A filter's offset from UTC is ignored, as the profile orders.
    """
    since, until = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    if "TransactionFromDateTime" in data:
        since = wire.read_at(data["TransactionFromDateTime"], "TransactionFromDateTime")
    if "TransactionToDateTime" in data:
        until = wire.read_at(data["TransactionToDateTime"], "TransactionToDateTime")
    for name in ("fromBookingDateTime", "toBookingDateTime"):
        if name in call.fields:
            asked = wire.read_at(call.fields[name], name).replace(tzinfo=UTC)
            since, until = (max(since, asked), until) if name[0] == "f" else (
                since, min(until, asked))  # fmt: skip
    return since, until


def _page(call: Call) -> int:
    given = str(call.fields.get("page", "1"))
    if not given.isascii() or not given.isdigit() or int(given) < 1:
        raise Problem(400, "U002", "page is no number of a page", "page")
    return int(given)
