"""Stripe's book: every object as the JSON that a client reads, and what idempotency keys did."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from simulators.kit import book as kit

#: Where money comes from and goes to. Ours: `ACCOUNT.pending`, `ACCOUNT.available`.
NETWORK = "network:payers"
BANK = "bank:payouts"
FEES = "income:fees"


class Book(kit.Book):
    """`unique_request_id` of an object is the idempotency key of the request that made it.

    A PaymentIntent has the key of its last confirmation instead, since only that moves money; until
    it is confirmed it has none.
    """

    schema: ClassVar[str] = """
    CREATE TABLE IF NOT EXISTS objects (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, account TEXT NOT NULL,
        status TEXT NOT NULL, unique_request_id TEXT, created INTEGER NOT NULL,
        body TEXT NOT NULL, hidden TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, account, seq);
    CREATE INDEX IF NOT EXISTS objects_intent ON objects (
        kind, json_extract(body, '$.payment_intent'));
    CREATE INDEX IF NOT EXISTS objects_charge ON objects (kind, json_extract(body, '$.charge'));
    CREATE TABLE IF NOT EXISTS keys (
        account TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL, params TEXT NOT NULL,
        status INTEGER NOT NULL, body TEXT NOT NULL, request_id TEXT NOT NULL, object_id TEXT,
        at TEXT NOT NULL, PRIMARY KEY (account, key));
    """

    def contents(self) -> dict[str, Any]:
        """`payments` are the PaymentIntents that were confirmed; other kinds by their own names."""
        histories = self.histories()
        objects: dict[str, list[dict[str, Any]]] = {}
        for row in self.rows("SELECT * FROM objects WHERE kind <> 'event' ORDER BY seq"):
            body = json.loads(row["body"])
            shown = {
                **body,
                "account": row["account"],
                "unique_request_id": row["unique_request_id"],
                "history": histories.get(row["id"], []),
            }
            if "currency" in body and "amount" in body:
                shown["amount_minor"] = body["amount"]
            objects.setdefault(f"{row['kind']}s", []).append(shown)
        intents = objects.get("payment_intents", [])
        return {
            **super().contents(),
            **objects,
            "payments": [each for each in intents if each["unique_request_id"]],
        }
