"""A PSU's accounts: two of everybody's, and those that a consent names.

What happened on an account is what the book has posted to it, so a payment that settles shows in
the list of its debtor's transactions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from simulators.berlin_group.book import OPENING, PAID_OUT, Book
from simulators.kit.book import new_id
from simulators.kit.clock import moment, stamp
from simulators.kit.replies import Json, Row

CURRENCY = "EUR"
OPENING_MINOR = 100_000_000
#: What was posted to a new account before today: days ago, cents, text.
_EARLIER = ((40, 250_000, "Salary"), (21, -4_999, "Book shop"), (3, -120_050, "Rent"))
_OWN_BANK = "37040044"


class Accounts:
    def __init__(self, book: Book) -> None:
        self._book = book

    def of(self, psu: str) -> list[dict[str, Any]]:
        return self._book.rows("SELECT * FROM accounts WHERE psu = ? ORDER BY seq", psu)

    def at(self, account_id: str) -> Row | None:
        return self._book.row("SELECT * FROM accounts WHERE id = ?", account_id)

    def open_for(self, psu: str, named: Sequence[str], now: datetime) -> None:
        """Open the accounts of a PSU who has none yet, and those that are named."""
        known = {each["iban"] for each in self.of(psu)}
        usual = [] if known or named else [_iban(psu, number) for number in (1, 2)]
        for number, iban in enumerate((*usual, *named), start=len(known) + 1):
            if iban in known:
                continue
            self._book.insert(
                "accounts", id=new_id(), psu=psu, iban=iban, currency=CURRENCY,
                name=f"Account {number}",
            )  # fmt: skip
            sql = "SELECT * FROM balances WHERE account_id = ?"
            if self._book.row(sql, iban) is None:
                lines = [(OPENING, -OPENING_MINOR), (iban, OPENING_MINOR)]
                self._book.post(stamp(now - timedelta(days=60)), "opening", CURRENCY, lines)
            for days, amount, text in _EARLIER:
                self.post(iban, amount, text, now - timedelta(days=days))

    def post(self, iban: str, amount_minor: int, text: str, at: datetime) -> None:
        """Book an amount; a positive one is a credit."""
        lines = [(PAID_OUT, -amount_minor), (iban, amount_minor)]
        self._book.post(stamp(at), text, CURRENCY, lines)

    # What a TPP sees

    def reference(self, account: Row) -> Json:
        return {"iban": account["iban"], "currency": account["currency"]}

    def details(self, account: Row, services: Sequence[str], *, with_balance: bool) -> Json:
        own = f"/v1/accounts/{account['id']}"
        shown: Json = {
            "resourceId": account["id"],
            **self.reference(account),
            "name": account["name"],
            "cashAccountType": "CACC",
            "_links": {
                each: {"href": f"{own}/{each}"}
                for each in ("balances", "transactions")
                if each in services
            },
        }
        if with_balance and "balances" in services:
            shown["balances"] = self.balances(account)
        return shown

    def balances(self, account: Row) -> list[Json]:
        found = self._book.row("SELECT * FROM balances WHERE account_id = ?", account["iban"])
        assert found is not None, "an account that is open has a balance"
        amount = _amount(found["amount_minor"])
        return [
            {
                "balanceType": kind,
                "balanceAmount": amount,
                "lastChangeDateTime": found["updated_at"],
            }
            for kind in ("interimBooked", "interimAvailable")
        ]

    def booked(
        self, account: Row, *, since: str, until: str, after: int, below: int | None, limit: int
    ) -> list[dict[str, Any]]:
        """Postings of the account, the newest first.

        Args:
            since, until: the first and the last day, ISO 8601.
            after: only those with a higher number: what is new since a known one.
            below: only those with a lower number: the next page.
        """
        sql = (
            "SELECT * FROM postings WHERE account = ? AND what != 'opening' AND seq > ?"
            " AND (? IS NULL OR seq < ?) AND substr(at, 1, 10) BETWEEN ? AND ?"
            " ORDER BY seq DESC LIMIT ?"
        )
        return self._book.rows(sql, account["iban"], after, below, below, since, until, limit)

    def entry(self, account: Row, seq: int) -> Row | None:
        sql = "SELECT * FROM postings WHERE account = ? AND seq = ? AND what != 'opening'"
        return self._book.row(sql, account["iban"], seq)

    def pending(self, account: Row) -> list[dict[str, Any]]:
        """Payments from the account that are authorised and not booked."""
        sql = "SELECT * FROM payments WHERE debtor_iban = ? AND status IN ('ACTC', 'ACFC')"
        return self._book.rows(sql, account["iban"])

    def transaction(self, posting: Row) -> Json:
        """A booked transaction. Its entry reference is the number of its posting."""
        day = moment(posting["at"]).date().isoformat()
        shown: Json = {
            "transactionId": str(posting["seq"]),
            "entryReference": str(posting["seq"]),
            "bookingDate": day,
            "valueDate": day,
            "transactionAmount": _amount(posting["amount_minor"]),
        }
        sql = "SELECT * FROM payments WHERE id = ?"
        payment = self._book.row(sql, posting["payment_id"]) if posting["payment_id"] else None
        if payment is None:
            return {**shown, "remittanceInformationUnstructured": posting["what"]}
        return {**shown, **_of_payment(payment)}

    def pending_transaction(self, payment: Row) -> Json:
        return {"transactionAmount": _amount(-payment["amount_minor"]), **_of_payment(payment)}


def _of_payment(payment: Row) -> Json:
    body = json.loads(payment["body"])
    shown: Json = {
        "creditorName": payment["creditor_name"],
        "creditorAccount": {"iban": payment["creditor_iban"]},
    }
    if text := body.get("remittanceInformationUnstructured"):
        shown["remittanceInformationUnstructured"] = text
    if end_to_end := body.get("endToEndIdentification"):
        shown["endToEndId"] = end_to_end
    return shown


def _amount(minor: int) -> Json:
    sign, cents = ("-" if minor < 0 else ""), abs(minor)
    return {"currency": CURRENCY, "amount": f"{sign}{cents // 100}.{cents % 100:02}"}


def _iban(psu: str, number: int) -> str:
    """An IBAN of this bank that belongs to the PSU alone. ISO 13616: the check digits."""
    digits = int.from_bytes(hashlib.sha256(f"{psu}/{number}".encode()).digest()[:8], "big")
    basic = f"{_OWN_BANK}{digits % 10**10:010}"
    check = 98 - int(f"{basic}131400") % 97
    return f"DE{check:02}{basic}"
