"""Currencycloud's book: logins, accounts, beneficiaries, payments and transactions."""

from __future__ import annotations

import json
from typing import Any

from simulators.kit import book as kit
from simulators.kit.book import new_id

# The counter-accounts of a customer's money, one per currency.
FUNDING = "world:funding"
OUTGOING = "clearing:outgoing"
PAID_OUT = "world:paid_out"
FEES = "income:return_fees"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS logins (
    login_id TEXT PRIMARY KEY, api_key TEXT NOT NULL, account_id TEXT NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0, locked INTEGER NOT NULL DEFAULT 0, contact_id TEXT);
CREATE TABLE IF NOT EXISTS sessions (
    token TEXT PRIMARY KEY, login_id TEXT NOT NULL, last_used_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY, contact_id TEXT NOT NULL UNIQUE, parent_id TEXT, name TEXT NOT NULL,
    payer_id TEXT NOT NULL, authorisation_steps INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS beneficiaries (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, account_id TEXT NOT NULL,
    contact_id TEXT NOT NULL, name TEXT NOT NULL, bank_account_holder_name TEXT NOT NULL,
    currency TEXT NOT NULL, iban TEXT, external_reference TEXT, details TEXT NOT NULL,
    created_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS beneficiaries_reference ON beneficiaries (external_reference);
CREATE TABLE IF NOT EXISTS payments (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, account_id TEXT NOT NULL,
    contact_id TEXT NOT NULL, payer_id TEXT NOT NULL, unique_request_id TEXT NOT NULL,
    short_reference TEXT NOT NULL UNIQUE, beneficiary_id TEXT NOT NULL,
    currency TEXT NOT NULL, amount_minor INTEGER NOT NULL, reference TEXT NOT NULL,
    reason TEXT NOT NULL, payment_type TEXT NOT NULL, payment_date TEXT NOT NULL,
    texts TEXT NOT NULL, status TEXT NOT NULL, review_status TEXT NOT NULL,
    failure_reason TEXT NOT NULL DEFAULT '', returned_minor INTEGER NOT NULL DEFAULT 0,
    transferred_at TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    steps_required INTEGER NOT NULL DEFAULT 0, UNIQUE (account_id, unique_request_id));
CREATE TABLE IF NOT EXISTS approvals (
    payment_id TEXT NOT NULL, contact_id TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (payment_id, contact_id));
CREATE TABLE IF NOT EXISTS transactions (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, balance_id TEXT NOT NULL,
    account_id TEXT NOT NULL, currency TEXT NOT NULL, amount_minor INTEGER NOT NULL,
    balance_minor INTEGER, type TEXT NOT NULL, action TEXT NOT NULL,
    related_entity_type TEXT NOT NULL, related_entity_id TEXT NOT NULL,
    short_reference TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
    settles_at TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    completed_at TEXT);
CREATE INDEX IF NOT EXISTS transactions_related ON transactions (related_entity_id);
"""

# Columns that books of earlier versions lack.
_NEW_COLUMNS = (
    ("logins", "contact_id", "TEXT"),
    ("accounts", "authorisation_steps", "INTEGER NOT NULL DEFAULT 0"),
    ("payments", "steps_required", "INTEGER NOT NULL DEFAULT 0"),
)


class Book(kit.Book):
    schema = _SCHEMA
    new_columns = _NEW_COLUMNS

    def transact(self, at: str, account_id: str, currency: str, **fields: Any) -> dict[str, Any]:
        """Write a transaction. A completed one has the balance after its posting."""
        balance = self.balance(account_id, currency, at)
        is_done = fields["status"] == "completed"
        transaction = {
            "id": new_id(),
            "balance_id": balance["id"],
            "account_id": account_id,
            "currency": currency,
            "balance_minor": balance["amount_minor"] if is_done else None,
            **dict.fromkeys(("settles_at", "created_at", "updated_at"), at),
            "completed_at": at if is_done else None,
            **fields,
        }
        self.insert("transactions", **transaction)
        return transaction

    def contents(self) -> dict[str, Any]:
        payments = self.rows(
            "SELECT payments.*, beneficiaries.iban AS beneficiary_iban FROM payments"
            " LEFT JOIN beneficiaries ON beneficiaries.id = payments.beneficiary_id"
            " ORDER BY payments.seq"
        )
        histories = self.histories()
        for payment in payments:
            payment["texts"] = json.loads(payment["texts"])
            payment["history"] = histories.get(payment["id"], [])
        beneficiaries = self.rows("SELECT * FROM beneficiaries ORDER BY seq")
        for beneficiary in beneficiaries:
            beneficiary["details"] = json.loads(beneficiary["details"])
        return {
            **super().contents(),
            "accounts": self.rows("SELECT * FROM accounts ORDER BY rowid"),
            "beneficiaries": beneficiaries,
            "payments": payments,
            "transactions": self.rows("SELECT * FROM transactions ORDER BY seq"),
        }
