"""Amounts: integer minor units in the book, text on the wire."""

from __future__ import annotations

import re

# ISO 4217: the number of digits after the point, for currencies where it is not two.
_DIGITS = {
    **dict.fromkeys(["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"], 0),
    **dict.fromkeys(["UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"], 0),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}

_AMOUNT = re.compile(r"[0-9]+(\.[0-9]{1,3})?")
# Fifteen digits and a sign fit into the book's 64-bit integers, with room for sums.
_LONGEST = 15


def digits(currency: str) -> int:
    return _DIGITS.get(currency, 2)


def to_minor(text: str, currency: str) -> int:
    """The exact amount in minor units.

    Raises:
        ValueError: not an amount as the spec writes it, finer than the currency, or too large.
    """
    if _AMOUNT.fullmatch(text) is None:
        raise ValueError("not an amount")
    whole, _, part = text.partition(".")
    keep = digits(currency)
    if part[keep:].strip("0"):
        raise ValueError(f"finer than {currency} is")
    minor = whole + part[:keep].ljust(keep, "0")
    if len(minor) > _LONGEST:
        raise ValueError("more than there is")
    return int(minor)


def to_wire(minor: int, currency: str) -> str:
    """The amount as text, with two decimals or more even for yen, as in their published replies."""
    shown = digits(currency)
    sign, units = ("-" if minor < 0 else ""), str(abs(minor)).rjust(shown + 1, "0")
    whole, part = (units[:-shown], units[-shown:]) if shown else (units, "")
    return f"{sign}{whole}.{part.ljust(2, '0')}"
