"""Currencies: decimals, smallest charges, and what Stripe keeps for itself.

Smallest charges and decimals are those of docs.stripe.com/currencies; fees are our choice.
"""

from __future__ import annotations

import re

from simulators.stripe.wire import Invalid, error, invalid

_NO_DECIMALS = frozenset(
    (
        "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf",
        "xof", "xpf",
    )
)  # fmt: skip
_THREE_DECIMALS = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
#: Written with two decimals, but never with a fraction.
_WHOLE_ONLY = frozenset(("isk", "ugx"))
#: Charged with a fraction, and paid out without.
_WHOLE_PAYOUTS = frozenset(("huf", "twd"))
_LEAST = {
    "aed": 200, "bgn": 100, "czk": 1500, "dkk": 250, "gbp": 30, "hkd": 400, "huf": 17500,
    "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "pln": 200, "ron": 200, "sek": 300,
    "thb": 1000,
}  # fmt: skip
_MOST = 99_999_999
_DISPUTE_FEE_UNITS = 15


def decimals(currency: str) -> int:
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


def least(currency: str) -> int:
    """The smallest charge; half a unit where Stripe publishes none of its own."""
    half: int = 10 ** decimals(currency) // 2
    return _LEAST.get(currency, max(half, 1))


def check(amount: int, currency: str, *, smallest: int | None = None) -> None:
    """Refuse an amount that cannot be charged.

    Args:
        smallest: 1 for refunds, captures and payouts.

    Raises:
        Invalid: too small, too large, or finer than the currency is settled in.
    """
    if not re.fullmatch("[a-z]{3}", currency):
        raise invalid(f"Invalid currency: {currency}", param="currency")
    floor = least(currency) if smallest is None else smallest
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise invalid(message, code="parameter_invalid_integer", param="amount")
    if amount < floor:
        raise _amount("amount_too_small", f"Amount must be at least {floor} {currency}")
    if amount > _MOST:
        raise _amount("amount_too_large", f"Amount must be no more than {_MOST} {currency}")
    step = 10 if currency in _THREE_DECIMALS else 100 if currency in _WHOLE_ONLY else 1
    if amount % step:
        raise _amount("invalid_charge_amount", f"Amount must be a multiple of {step} {currency}")


def check_payout(amount: int, currency: str) -> None:
    """Refuse an amount that cannot be paid out.

    Raises:
        Invalid: as `check`, or a fraction of a currency that is paid out without.
    """
    check(amount, currency, smallest=1)
    if currency in _WHOLE_PAYOUTS and amount % 100:
        raise _amount("invalid_charge_amount", f"Amount must be a multiple of 100 {currency}")


def _amount(code: str, message: str) -> Invalid:
    return Invalid(400, error("invalid_request_error", message, code=code, param="amount"))


def fee(amount: int, currency: str, method: str) -> int:
    """What Stripe keeps of a charge: 2.9 % + 0.30 of cards, 0.8 % up to 5.00 of bank debits."""
    unit: int = 10 ** decimals(currency)
    if method == "card":
        kept = min((amount * 29 + 500) // 1000 + unit * 30 // 100, amount)
    else:
        kept = min((amount * 8 + 500) // 1000, unit * 5, amount)
    return kept - kept % 100 if currency in _WHOLE_ONLY else kept


def dispute_fee(currency: str) -> int:
    unit: int = 10 ** decimals(currency)
    return _DISPUTE_FEE_UNITS * unit
