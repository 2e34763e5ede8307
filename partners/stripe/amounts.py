"""Stripe's amounts: integers in its own minor units, which are not always those of ISO 4217.

Source: the guide "Supported currencies", sections "Zero-decimal currencies", "Special cases" and
"Three-decimal currencies" and "Minimum and maximum charge amounts".
"""

from __future__ import annotations

from typing import Final

from domain.currencies import DIGITS
from domain.money import Money

#: The digits of an amount at Stripe, where ISO 4217 says something else.
DIGITS_AT_STRIPE: Final = {"ISK": 2, "UGX": 2, "MGA": 0}
#: The smallest charge, in Stripe's units. It counts in the currency of our balance, so for an order
#: in another currency this may be a little more than Stripe insists on. A currency that the guide
#: does not list is judged by Stripe when the intent is made.
LEAST: Final = {
    "AED": 2_00, "AUD": 50, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 15_00, "DKK": 2_50, "EUR": 50,
    "GBP": 30, "HKD": 4_00, "HUF": 175_00, "INR": 50, "JPY": 50, "MXN": 10_00, "MYR": 2_00,
    "NOK": 3_00, "NZD": 50, "PLN": 2_00, "RON": 2_00, "SEK": 3_00, "SGD": 50, "THB": 10_00,
    "USD": 50,
}  # fmt: skip
#: Charged with two decimals, and paid out in whole units only.
WHOLE_PAYOUTS: Final = frozenset({"HUF", "TWD"})


class NoSuchAmount(ValueError):
    """Stripe cannot take this amount; the text says what to do."""


def to_stripe(amount: Money) -> int:
    """The amount as Stripe wants it.

    Raises:
        NoSuchAmount: it is finer than the currency is at Stripe.
    """
    finer, coarser = _difference(amount.currency)
    whole, rest = divmod(amount.minor * finer, coarser)
    if rest:
        raise NoSuchAmount(f"{amount} is finer than {amount.currency} is at Stripe; round it")
    # "Three-decimal currencies": the least significant digit has to be 0.
    if DIGITS[amount.currency] == 3 and whole % 10:
        raise NoSuchAmount(f"{amount} has a last digit that Stripe does not take; make it 0")
    return whole


def check_charge(amount: Money) -> None:
    """Require an amount that Stripe can charge.

    Raises:
        NoSuchAmount: it is too small, or finer than the currency is at Stripe.
    """
    asked, least = to_stripe(amount), LEAST.get(amount.currency, 1)
    if asked < least:
        smallest = from_stripe(least, amount.currency)
        raise NoSuchAmount(
            f"{amount} is less than the smallest charge, {smallest}; collect at least that"
        )


def check_payout(amount: Money) -> None:
    """Require an amount that Stripe can pay out.

    Raises:
        NoSuchAmount: it is finer than the currency is in payouts.
    """
    if amount.currency in WHOLE_PAYOUTS and to_stripe(amount) % 100:
        raise NoSuchAmount(
            f"{amount} is finer than {amount.currency} is in payouts; give a whole amount"
        )


def from_stripe(amount: int, currency: str) -> Money:
    """The amount as Stripe wrote it.

    Raises:
        ValueError: the currency is unknown, or the amount is finer than ISO 4217 allows.
    """
    nothing = Money(minor=0, currency=currency.upper())
    finer, coarser = _difference(nothing.currency)
    minor, rest = divmod(amount * coarser, finer)
    if rest:
        raise NoSuchAmount(f"{amount} is finer than {nothing.currency}")
    return nothing.model_copy(update={"minor": minor})


def _difference(currency: str) -> tuple[int, int]:
    """By what one of our units is multiplied and divided to become Stripe's."""
    more = DIGITS_AT_STRIPE.get(currency, DIGITS[currency]) - DIGITS[currency]
    return int(10 ** max(more, 0)), int(10 ** max(-more, 0))
