"""Ids, which begin with the kind of their object."""

from __future__ import annotations

import secrets

PREFIXES = {
    "payment_intent": "pi",
    "setup_intent": "seti",
    "charge": "ch",
    "refund": "re",
    "dispute": "du",
    "payout": "po",
    "balance_transaction": "txn",
    "customer": "cus",
    "payment_method": "pm",
    "mandate": "mandate",
    "radar.early_fraud_warning": "issfr",
}


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"
