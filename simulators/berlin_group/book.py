"""The bank's book: payments, consents, the authorisations of each, and accounts."""

from __future__ import annotations

from typing import Any

from simulators.kit import book as kit

#: Where money of a debtor's account comes from, and where it goes that leaves it.
OPENING = "world:opening"
PAID_OUT = "world:paid_out"


class Book(kit.Book):
    """A debtor's account is opened, with money on it, when a payment first names it."""

    schema = """
    CREATE TABLE IF NOT EXISTS payments (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, unique_request_id TEXT NOT NULL,
        tpp TEXT NOT NULL, product TEXT NOT NULL, status TEXT NOT NULL, approach TEXT NOT NULL,
        debtor_iban TEXT NOT NULL, creditor_iban TEXT NOT NULL, creditor_name TEXT NOT NULL,
        amount_minor INTEGER NOT NULL, currency TEXT NOT NULL, body TEXT NOT NULL, reason TEXT,
        psu_id TEXT, address TEXT NOT NULL, held INTEGER NOT NULL DEFAULT 0,
        redirect_uri TEXT, nok_uri TEXT, created_at TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS payments_request ON payments (unique_request_id);
    CREATE TABLE IF NOT EXISTS authorisations (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, payment_id TEXT NOT NULL,
        kind TEXT NOT NULL, status TEXT NOT NULL, approach TEXT NOT NULL, page TEXT NOT NULL UNIQUE,
        method TEXT, code TEXT, wrong INTEGER NOT NULL DEFAULT 0, redirect_uri TEXT, nok_uri TEXT,
        created_at TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS authorisations_payment ON authorisations (payment_id, kind);
    CREATE TABLE IF NOT EXISTS consents (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, unique_request_id TEXT NOT NULL,
        tpp TEXT NOT NULL, psu TEXT NOT NULL, status TEXT NOT NULL, approach TEXT NOT NULL,
        access TEXT NOT NULL, granted TEXT, recurring INTEGER NOT NULL, per_day INTEGER NOT NULL,
        valid_until TEXT NOT NULL, redirect_uri TEXT, nok_uri TEXT, last_action TEXT NOT NULL,
        created_at TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS consents_psu ON consents (tpp, psu);
    CREATE INDEX IF NOT EXISTS consents_request ON consents (unique_request_id);
    CREATE TABLE IF NOT EXISTS accounts (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, psu TEXT NOT NULL, iban TEXT NOT NULL,
        currency TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (psu, iban));
    CREATE TABLE IF NOT EXISTS accesses (
        seq INTEGER PRIMARY KEY, consent_id TEXT NOT NULL, service TEXT NOT NULL,
        account_id TEXT NOT NULL, at TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS accesses_consent ON accesses (consent_id, service, account_id, at);
    CREATE INDEX IF NOT EXISTS postings_account ON postings (account, seq);
    CREATE TABLE IF NOT EXISTS certificates (subject TEXT PRIMARY KEY);
    """

    def contents(self) -> dict[str, Any]:
        """`unique_request_id` is the `X-Request-ID` of the initiation, without its hyphens."""
        histories = self.histories()
        payments = self.rows("SELECT * FROM payments ORDER BY seq")
        return {
            **super().contents(),
            "payments": [
                {
                    **row,
                    "unique_request_id": row["unique_request_id"].replace("-", ""),
                    "history": histories.get(row["id"], []),
                }
                for row in payments
            ],
            "consents": [
                {**row, "history": histories.get(row["id"], [])}
                for row in self.rows("SELECT * FROM consents ORDER BY seq")
            ],
            "accounts": self.rows("SELECT * FROM accounts ORDER BY seq"),
            "accesses": self.rows("SELECT * FROM accesses ORDER BY seq"),
            "authorisations": self.rows("SELECT * FROM authorisations ORDER BY seq"),
        }
