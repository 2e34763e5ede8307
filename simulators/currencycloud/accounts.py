"""The customer's account, its sub-accounts, and the account that a request acts for."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from simulators.currencycloud.amounts import to_minor
from simulators.currencycloud.book import FUNDING, Book
from simulators.currencycloud.wire import refuse
from simulators.kit.book import new_id
from simulators.kit.clock import stamp
from simulators.kit.timers import Timers

SCOPES = ("own", "all", "clients")


def is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


class Accounts:
    def __init__(self, book: Book) -> None:
        self._book = book

    def main(self) -> dict[str, Any]:
        """The main account, made with a new book; the other accounts are its clients."""
        found = self._book.row("SELECT * FROM accounts WHERE parent_id IS NULL")
        return found or self.open("House")

    def open(
        self, name: str, *, contact_id: str | None = None, parent_id: str | None = None
    ) -> dict[str, Any]:
        """The account of a contact, made if there is none. Without a parent, it is the main one."""
        contact_id = contact_id or new_id()
        found = self._book.row("SELECT * FROM accounts WHERE contact_id = ?", contact_id)
        if found is not None:
            return found
        account = {
            "id": new_id(),
            "contact_id": contact_id,
            "parent_id": parent_id,
            "name": name,
            "payer_id": new_id(),
            "authorisation_steps": 0,
        }
        self._book.insert("accounts", **account)
        return account

    def has_balances(self, account_id: str) -> bool:
        sql = "SELECT 1 FROM balances WHERE account_id = ?"
        return self._book.row(sql, account_id) is not None

    def account(self, account_id: str) -> dict[str, Any]:
        found = self._book.row("SELECT * FROM accounts WHERE id = ?", account_id)
        assert found is not None, "a session of no account"
        return found

    def acting(
        self,
        account_id: str,
        fields: Mapping[str, str],
        error_code: str,
        *,
        if_unknown: int = 400,
    ) -> dict[str, Any]:
        """The account that a request is about: the login's, or the one it acts on behalf of.

        Args:
            if_unknown: the status that their documentation has for an unknown contact.

        Raises:
            Refusal: 400 or that status, `on_behalf_of` is not the contact of a sub-account.
        """
        own = self.account(account_id)
        contact_id = fields.get("on_behalf_of")
        if contact_id is None:
            return own
        name = "on_behalf_of"
        if not is_uuid(contact_id):
            # The documentation has it in capitals for payments.
            spelt = "UUID" if error_code.startswith("payment") else "uuid"
            code = f"on_behalf_of_is_not_valid_{spelt}"
            message = "on_behalf_of should be in UUID format"
            raise refuse(400, error_code, name, code, message)
        if contact_id == own["contact_id"]:
            code, message = "on_behalf_of_self", "You cannot act on behalf of your own Contact"
            raise refuse(400, error_code, name, code, message)
        found = self._book.row(
            "SELECT * FROM accounts WHERE contact_id = ? AND parent_id = ?", contact_id, own["id"]
        )
        if found is None:
            code, message = "contact_not_found", "Contact was not found for this id"
            raise refuse(if_unknown, error_code, name, code, message)
        return found

    def in_scope(self, account_id: str, scope: str) -> list[str]:
        """The accounts that a search covers: the own one, its clients', or both."""
        rows = self._book.rows("SELECT id FROM accounts WHERE parent_id = ?", account_id)
        clients = [str(row["id"]) for row in rows]
        return {"own": [account_id], "clients": clients}.get(scope, [account_id, *clients])

    def fund(self, account_id: str, amount: str, currency: str, now: datetime) -> dict[str, Any]:
        """Money arrives from outside, and payments that waited for funds go on.

        Returns the transaction.

        Raises:
            ValueError: not an amount in that currency.
        """
        minor, at = to_minor(amount, currency), stamp(now)
        self._book.post(at, "funding", currency, [(FUNDING, -minor), (account_id, minor)])
        transaction = self._book.transact(
            at,
            account_id,
            currency,
            amount_minor=minor,
            type="credit",
            action="funding",
            status="completed",
            related_entity_type="inbound_funds",
            related_entity_id=new_id(),
            short_reference="",
            reason="",
        )
        Timers(self._book).funds_came(now)
        return transaction
