"""The one electronic form of values that people write in several ways, such as an IBAN.

The value that is checked must be the value that is sent. So every order is brought into this form
before it is checked and stored, whether it comes from a file, an app or a person.
"""

from __future__ import annotations

from typing import Any

from domain.accounts import Account
from domain.payments.order import Order


def in_electronic_form(order: Order) -> Order:
    """The order with IBAN, BIC, bank country and ISO 11649 reference in capitals without blanks.

    The UETR is in lower case. An order that is already in this form is returned as it is.
    """
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
    """A creditor's reference in capitals without blanks, if it begins with RF as in ISO 11649.

    Other references stay as they are.
    """
    plain = _plain(text)
    return plain if plain.startswith("RF") else text


def _plain(text: str) -> str:
    return "".join(text.split()).upper()
