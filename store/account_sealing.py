"""How account data is sealed: each value for the account and the field that it belongs to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from domain.account_data.accounts import LinkedAccount
from domain.account_data.transactions import (
    Booking,
    Line,
    details_of,
    identity_of,
    transaction_of,
)
from domain.accounts import Account
from domain.money import Money
from store.keyring import Keyring
from store.tables.account_data import LinkedAccountRow, TransactionRow

_IDENTITY_LENGTH: Final = 32
_ACCOUNTS: Final = "linked_accounts.identity"
_TRANSACTIONS: Final = "account_transactions.identity"


def sealed_details(keyring: Keyring, account_id: str, account: LinkedAccount) -> bytes:
    """Everything about the account that names it or its owner."""
    number = account.number
    clear = {
        "reference": account.reference,
        "iban": number.iban if number else None,
        "other": number.other if number else None,
        "name": account.name,
        "owner": account.owner,
        "product": account.product,
        "kind": account.kind,
    }
    return keyring.seal(json.dumps(clear).encode(), _details(account_id))


def opened_details(keyring: Keyring, row: LinkedAccountRow) -> LinkedAccount:
    """The account as the bank showed it; without anything once it is erased.

    Raises:
        KeyringError: it cannot be opened.
    """
    if not row.details_sealed:
        return LinkedAccount(reference="", currency=row.currency)
    clear = json.loads(keyring.open(row.details_sealed, _details(row.account_id)))
    iban, other = clear.pop("iban"), clear.pop("other")
    number = Account(iban=iban, other=other) if iban or other else None
    return LinkedAccount(number=number, currency=row.currency, **clear)


def sealed_cursor(keyring: Keyring, account_id: str, cursor: str) -> bytes:
    """A bank's cursor may be an address with an account number in it."""
    return keyring.seal(cursor.encode(), _cursor(account_id))


def opened_cursor(keyring: Keyring, row: LinkedAccountRow) -> str | None:
    if row.cursor_sealed is None:
        return None
    return keyring.open(row.cursor_sealed, _cursor(row.account_id)).decode()


def sealed_line(keyring: Keyring, account_id: str, line: Line) -> bytes:
    """The fields of a transaction that may name people, and what the bank wrote."""
    clear = {"raw": line.raw, **details_of(line.transaction)}
    return keyring.seal(json.dumps(clear, ensure_ascii=False).encode(), _line(account_id))


def opened_line(keyring: Keyring, row: TransactionRow) -> Line:
    """The transaction of a row, with what the bank wrote.

    Raises:
        KeyringError: it cannot be opened.
    """
    details = json.loads(keyring.open(row.line_sealed, _line(row.account_id)))
    transaction = transaction_of(
        details,
        amount=Money(minor=row.amount_minor, currency=row.currency),
        booking=Booking(row.booking),
        booked_on=row.booked_on,
        valued_on=row.valued_on,
    )
    return Line(transaction, details["raw"])


def account_identities(
    keyring: Keyring, *, tenant: str, bank: tuple[str, str], user_id: str, account: LinkedAccount
) -> tuple[str, ...]:
    """Keyed hashes of what makes it one account, the current key's first.

    Its number, with the currency since a bank may have several accounts under one number. Without
    a number it is the bank's own id.
    """
    number = account.number.number if account.number else f"reference {account.reference}"
    parts = (tenant, *bank, user_id, number, account.currency or "")
    return tuple(each[:_IDENTITY_LENGTH] for each in keyring.macs(_joined(parts), _ACCOUNTS))


def line_identities(keyring: Keyring, account_id: str) -> Callable[[Line], tuple[str, ...]]:
    """Makes the keyed hashes of an account's lines, the current key's first."""
    hashed = keyring.hasher(_TRANSACTIONS)

    def identities(line: Line) -> tuple[str, ...]:
        parts = (account_id, *identity_of(line.transaction))
        return tuple(each[:_IDENTITY_LENGTH] for each in hashed(_joined(parts)))

    return identities


def _joined(parts: tuple[str, ...]) -> bytes:
    """Each part with its length, so that ("ab", "c") and ("a", "bc") differ."""
    return "".join(f"{len(part)}:{part}" for part in parts).encode()


def _details(account_id: str) -> str:
    return f"linked_accounts.details/{account_id}"


def _cursor(account_id: str) -> str:
    return f"linked_accounts.cursor/{account_id}"


def _line(account_id: str) -> str:
    return f"account_transactions.line/{account_id}"
