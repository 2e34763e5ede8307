"""The bank's book: its logins and orders, besides what every simulator's book has."""

from __future__ import annotations

from typing import Any

from simulators.kit import book as kit

#: Our customer's account, and where the money goes that leaves it.
CUSTOMER = "customer"
FUNDING = "world:funding"
PAID_OUT = "world:paid_out"


class Book(kit.Book):
    schema = """
    CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, ends_at TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS payments (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, unique_request_id TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL, reference TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL,
        amount_minor INTEGER NOT NULL, currency TEXT NOT NULL, created_at TEXT NOT NULL,
        debited_at TEXT, returned_at TEXT);
    """

    def contents(self) -> dict[str, Any]:
        payments = self.rows("SELECT * FROM payments ORDER BY seq")
        return {**super().contents(), "payments": payments}
