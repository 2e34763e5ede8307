"""The one form in which values travel that people write in several.

What is checked must be what is sent. So an order is brought into this form before it is checked
and kept, whoever gave it: a file, an app, a person.
"""

from __future__ import annotations

from typing import Any

from domain.accounts import Account
from domain.order import Order


def in_electronic_form(order: Order) -> Order:
    """IBAN, BIC and the creditor's reference of ISO 11649 in capitals without blanks."""
    changed: dict[str, Any] = {}
    for field in ("debtor_account", "creditor_account"):
        account: Account = getattr(order, field)
        if account.iban is not None and (iban := _plain(account.iban)) != account.iban:
            changed[field] = account.model_copy(update={"iban": iban})
    for field, plain in (
        ("creditor_agent", _plain(order.creditor_agent or "")),
        ("creditor_agent_country", _plain(order.creditor_agent_country or "")),
        ("creditor_reference", electronic_reference(order.creditor_reference or "")),
        ("uetr", (order.uetr or "").strip().lower()),
    ):
        given = getattr(order, field)
        if given is not None and plain != given:
            changed[field] = plain
    return order.model_copy(update=changed) if changed else order


def electronic_reference(text: str) -> str:
    """A creditor's reference without blanks where it is one of ISO 11649; others stay."""
    plain = _plain(text)
    return plain if plain.startswith("RF") else text


def _plain(text: str) -> str:
    return "".join(text.split()).upper()
