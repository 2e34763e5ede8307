"""Stripe's amounts: integers in its own minor units, which are not always those of ISO 4217.

Source: the guide "Supported currencies", sections "Zero-decimal currencies", "Special cases" and
"Three-decimal currencies".
"""

from __future__ import annotations

from typing import Final

from domain.currencies import DIGITS
from domain.money import Money

#: The digits of an amount at Stripe, where ISO 4217 says something else.
DIGITS_AT_STRIPE: Final = {"ISK": 2, "UGX": 2, "MGA": 0}


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
