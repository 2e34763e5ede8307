"""Reads and searches of balances and transactions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from simulators.currencycloud import wire
from simulators.currencycloud.accounts import Accounts, is_uuid
from simulators.currencycloud.book import Book
from simulators.currencycloud.search import PAGING, Search, one_of, only_known
from simulators.currencycloud.wire import refuse
from simulators.kit.clock import stamp
from simulators.kit.replies import Json

_BALANCE = "balance_not_found"
_BALANCES = "balance_find_failed"
_TRANSACTION = "transaction_not_found"
_TRANSACTIONS = "transaction_find_failed"

_FIND_BALANCES = ("on_behalf_of", "amount_from", "amount_to", "scope", *PAGING)
_BALANCE_ORDERS = {
    "created_at": "created_at",
    "amount": "amount_minor",
    "updated_at": "updated_at",
    "currency": "currency",
}
_ACTIONS = (
    "funding",
    "conversion",
    "payment",
    "payment_failure",
    "manual_transaction",
    "transfer",
    "conversion_deposit",
    "deposit_refund",
    "payment_unrelease",
    "payment_fee",
    "margin",
)
_RELATED = ("conversion", "payment", "inbound_funds", "deposit", "transfer")
_FIND_TRANSACTIONS = (
    "on_behalf_of",
    "currency",
    "amount",
    "amount_from",
    "amount_to",
    "action",
    "related_entity_type",
    "related_entity_id",
    "related_entity_short_reference",
    "status",
    "type",
    *(f"{at}_{end}" for at in ("settles_at", "created_at") for end in ("from", "to")),
    *(f"{at}_{end}" for at in ("updated_at", "completed_at") for end in ("from", "to")),
    "beneficiary_id",
    "currency_pair",
    "scope",
    *PAGING,
)
_TRANSACTION_ORDERS = {
    "created_at": "created_at",
    "updated_at": "updated_at",
    "completed_at": "completed_at",
    "settles_at": "settles_at",
    "amount": "amount_minor",
    "currency": "currency",
}


class Ledger:
    def __init__(self, book: Book, accounts: Accounts) -> None:
        self._book = book
        self._accounts = accounts

    def balance(
        self, account_id: str, currency: str, fields: Mapping[str, str], now: datetime
    ) -> Json:
        only_known(fields, ("on_behalf_of",), _BALANCE)
        account = self._accounts.acting(account_id, fields, _BALANCE)
        if len(currency) != 3 or not (currency.isascii() and currency.isupper()):
            code = "currency_is_in_invalid_format"
            message = "currency is not a valid ISO 4217 currency code"
            raise refuse(400, _BALANCE, "currency", code, message)
        return wire.balance(self._book.balance(account["id"], currency, stamp(now)))

    def find_balances(self, account_id: str, fields: Mapping[str, str]) -> Json:
        """Search present balances. There is no history of balances here, so no `as_at_date`."""
        only_known(fields, _FIND_BALANCES, _BALANCES)
        account = self._accounts.acting(account_id, fields, _BALANCES)
        search = Search(self._book, "balances", fields, _BALANCES)
        search.scope(self._accounts, account["id"])
        search.amounts()
        rows, pagination = search.page(_BALANCE_ORDERS)
        return wire.page("balances", [wire.balance(row) for row in rows], pagination)

    def transaction(self, account_id: str, transaction_id: str, fields: Mapping[str, str]) -> Json:
        only_known(fields, ("on_behalf_of",), _TRANSACTION)
        account = self._accounts.acting(account_id, fields, _TRANSACTION)
        if not is_uuid(transaction_id):
            code, message = "id_is_not_valid_uuid", "id should be in UUID format"
            raise refuse(400, _TRANSACTION, "id", code, message)
        sql = "SELECT * FROM transactions WHERE id = ? AND account_id = ?"
        found = self._book.row(sql, transaction_id, account["id"])
        if found is None:
            message = f"No Transaction found for {transaction_id}"
            raise refuse(404, _TRANSACTION, "id", "transaction_not_found", message)
        return wire.transaction(found)

    def find_transactions(self, account_id: str, fields: Mapping[str, str]) -> Json:
        only_known(fields, _FIND_TRANSACTIONS, _TRANSACTIONS)
        account = self._accounts.acting(account_id, fields, _TRANSACTIONS)
        one_of(fields, "status", ("completed", "pending", "deleted"), _TRANSACTIONS)
        one_of(fields, "related_entity_type", _RELATED, _TRANSACTIONS)
        one_of(fields, "action", _ACTIONS, _TRANSACTIONS)
        one_of(fields, "type", ("credit", "debit"), _TRANSACTIONS)
        search = Search(self._book, "transactions", fields, _TRANSACTIONS)
        search.scope(self._accounts, account["id"])
        search.equal("currency", "action", "related_entity_type", "status", "type")
        if "related_entity_id" in fields:
            if not is_uuid(fields["related_entity_id"]):
                code = "related_entity_id_is_not_valid_uuid"
                message = "related_entity_id should be in UUID format"
                raise refuse(400, _TRANSACTIONS, "related_entity_id", code, message)
            search.equal("related_entity_id")
        if "related_entity_short_reference" in fields:
            search.where("short_reference = ?", fields["related_entity_short_reference"])
        if "beneficiary_id" in fields:
            paid = "related_entity_id IN (SELECT id FROM payments WHERE beneficiary_id = ?)"
            search.where(paid, fields["beneficiary_id"])
        if "currency_pair" in fields:
            # Only conversions have a currency pair, and there are none here.
            search.where("0")
        search.between("settles_at", "created_at", "updated_at", "completed_at")
        search.amounts()
        rows, pagination = search.page(_TRANSACTION_ORDERS)
        found = [wire.transaction(row) for row in rows]
        return wire.page("transactions", found, pagination)
