"""Orders that collect from payers of Stripe's simulator."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import httpx

from domain.money import Money
from domain.payments.order import Captured, Collection, Order, Rail
from partners.stripe.registration import API_KEY
from tests.partners.stripe.scripted import ORDER

_METHODS: Final = {Rail.SEPA_DIRECT_DEBIT: "sepa_debit", Rail.ACH_DEBIT: "us_bank_account"}


@cache
def payer(address: str, rail: Rail, token: str) -> Collection:
    """A payer whose bank account is saved, with a mandate to debit it."""
    saved_with = customer(address)
    form = {
        "confirm": "true",
        "customer": saved_with,
        "mandate_data[customer_acceptance][type]": "offline",
        "payment_method": token,
        "payment_method_types[]": _METHODS[rail],
    }
    saved = _post(address, "setup_intents", form)
    return Collection(
        payment_method=saved["payment_method"], mandate=saved["mandate"], customer=saved_with
    )


def customer(address: str) -> str:
    """A new customer, with whom cards are saved."""
    return str(_post(address, "customers", {"name": "Paula Payer"})["id"])


def debit(address: str, token: str = "pm_success_de", rail: Rail = Rail.SEPA_DIRECT_DEBIT) -> Order:
    """Ten euro or dollars from the bank account of a payer, by a mandate."""
    currency = "EUR" if rail is Rail.SEPA_DIRECT_DEBIT else "USD"
    return ORDER.model_copy(
        update={
            "rail": rail,
            "instructed_amount": Money(minor=10_00, currency=currency),
            "collection": payer(address, rail, token),
        }
    )


def card(token: str, *, later: bool = False, **changes: Any) -> Order:
    """Ten euro from a card."""
    captured = Captured.LATER if later else Captured.AT_ONCE
    given = {"payment_method": token, "captured": captured, **changes}
    return ORDER.model_copy(
        update={
            "instructed_amount": Money(minor=10_00, currency="EUR"),
            "collection": Collection.model_validate(given),
        }
    )


def _post(address: str, path: str, form: dict[str, str]) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {API_KEY}"}
    answer = httpx.post(f"{address}/v1/{path}", data=form, headers=headers)
    answer.raise_for_status()
    shown: dict[str, Any] = answer.json()
    return shown
