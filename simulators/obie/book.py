"""The bank's book: clients, consents, payments, tokens, accounts with their entries, events."""

from __future__ import annotations

import json
from typing import Any

from simulators.kit import book as kit
from simulators.kit.replies import Row

#: Where the money of an account comes from, and where it goes that leaves the bank.
OPENING, SCHEME, PAID_OUT = "world:opening", "scheme:under_way", "world:paid_out"
ACCESS, PAYMENT = "account-access-consents", "domestic-payment-consents"


class Book(kit.Book):
    """Codes and tokens are kept as hashes, so that a book in a report opens nothing."""

    schema = """
    CREATE TABLE IF NOT EXISTS clients (
        client_id TEXT PRIMARY KEY, name TEXT NOT NULL, auth_method TEXT NOT NULL,
        subject TEXT NOT NULL, jwks TEXT NOT NULL, redirect_uris TEXT NOT NULL,
        signature_issuer TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS consents (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, unique_request_id TEXT,
        kind TEXT NOT NULL, client_id TEXT NOT NULL, version TEXT NOT NULL, status TEXT NOT NULL,
        reasons TEXT NOT NULL DEFAULT '[]', body TEXT NOT NULL, amount_minor INTEGER,
        accounts TEXT NOT NULL DEFAULT '[]', expires_at TEXT, deleted INTEGER NOT NULL DEFAULT 0,
        address TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS payments (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, unique_request_id TEXT,
        consent_id TEXT NOT NULL UNIQUE, client_id TEXT NOT NULL, version TEXT NOT NULL,
        status TEXT NOT NULL, reasons TEXT NOT NULL DEFAULT '[]', end_to_end_id TEXT NOT NULL,
        amount_minor INTEGER NOT NULL, currency TEXT NOT NULL, debtor_account TEXT NOT NULL,
        creditor TEXT NOT NULL, debited INTEGER NOT NULL DEFAULT 0, address TEXT NOT NULL,
        created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS keys (
        client_id TEXT NOT NULL, key TEXT NOT NULL, endpoint TEXT NOT NULL,
        fingerprint TEXT NOT NULL, resource_id TEXT NOT NULL, at TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS keys_of_client ON keys (client_id, key, endpoint);
    CREATE TABLE IF NOT EXISTS sessions (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, client_id TEXT NOT NULL,
        consent_id TEXT NOT NULL, status TEXT NOT NULL, scope TEXT NOT NULL,
        response_type TEXT NOT NULL, redirect_uri TEXT NOT NULL, state TEXT, nonce TEXT,
        challenge TEXT, created_at TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS codes (
        hash TEXT PRIMARY KEY, session_id TEXT NOT NULL, family TEXT NOT NULL,
        expires_at TEXT NOT NULL, used INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE IF NOT EXISTS tokens (
        seq INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, state TEXT NOT NULL,
        client_id TEXT NOT NULL, consent_id TEXT, scope TEXT NOT NULL, thumbprint TEXT,
        family TEXT NOT NULL, created_at TEXT NOT NULL, expires_at TEXT);
    CREATE INDEX IF NOT EXISTS tokens_family ON tokens (family);
    CREATE TABLE IF NOT EXISTS assertions (
        client_id TEXT NOT NULL, jti TEXT NOT NULL, UNIQUE (client_id, jti));
    CREATE TABLE IF NOT EXISTS accounts (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, currency TEXT NOT NULL,
        nickname TEXT NOT NULL, holder TEXT NOT NULL, category TEXT NOT NULL, kind TEXT NOT NULL,
        identification TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS entries (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, account_id TEXT NOT NULL,
        at TEXT NOT NULL, amount_minor INTEGER NOT NULL, currency TEXT NOT NULL,
        booked INTEGER NOT NULL, what TEXT NOT NULL, reference TEXT, creditor TEXT);
    CREATE INDEX IF NOT EXISTS entries_account ON entries (account_id, at);
    CREATE TABLE IF NOT EXISTS events (
        seq INTEGER PRIMARY KEY, jti TEXT NOT NULL UNIQUE, client_id TEXT NOT NULL,
        claims TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'waiting', problem TEXT);
    """

    # Rows by their names

    def client(self, client_id: Any) -> Row | None:
        return self.row("SELECT * FROM clients WHERE client_id = ?", str(client_id))

    def consent(self, consent_id: Any) -> Row | None:
        return self.row("SELECT * FROM consents WHERE id = ?", str(consent_id))

    def payment(self, payment_id: Any) -> Row | None:
        return self.row("SELECT * FROM payments WHERE id = ?", str(payment_id))

    def account(self, account_id: Any) -> Row | None:
        return self.row("SELECT * FROM accounts WHERE id = ?", str(account_id))

    def accounts(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM accounts ORDER BY seq")

    def contents(self) -> dict[str, Any]:
        """`unique_request_id` is the idempotency key of the request that made the object."""
        histories = self.histories()

        def told(table: str) -> list[dict[str, Any]]:
            return [
                {**row, "reasons": json.loads(row["reasons"]),
                 "history": histories.get(row["id"], [])}
                for row in self.rows(f"SELECT * FROM {table} ORDER BY seq")
            ]  # fmt: skip

        return {
            **super().contents(),
            "consents": told("consents"),
            "payments": told("payments"),
            "tokens": self.rows(
                "SELECT kind, state, client_id, consent_id, scope, family, created_at, expires_at"
                " FROM tokens ORDER BY seq"
            ),
            "events": self.rows("SELECT jti, client_id, state, problem FROM events ORDER BY seq"),
        }
