"""An amount of money, exact, in the currency's minor unit."""

from __future__ import annotations

import re
from typing import Self

from pydantic import BaseModel, ConfigDict, field_validator

from domain.currencies import DIGITS

#: ISO 20022 ActiveOrHistoricCurrencyAndAmount allows 18 digits in all.
_DIGITS_MAX = 18
_WIRE = re.compile(r"(\d+)(?:\.(\d+))?", re.ASCII)


class MoneyError(ValueError):
    """The amount is invalid; the text says what to do."""


class Money(BaseModel):
    """An amount in minor units of a currency: 1250 EUR is 12.50 euro, 1250 JPY is 1250 yen.

    Never negative in an order; a difference of two amounts may be.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    minor: int
    currency: str

    @field_validator("currency")
    @classmethod
    def _known(cls, code: str) -> str:
        if code not in DIGITS:
            raise ValueError(f"currency {code!r} is not a payable ISO 4217 code")
        return code

    @classmethod
    def from_wire(cls, text: str, currency: str) -> Self:
        """Read a decimal as banks write it, without rounding.

        Trailing zeros beyond the minor unit are fine (10.500 EUR); a finer amount is not.

        Raises:
            MoneyError: unknown currency, not a plain decimal, too long, or finer than the
                currency's minor unit.
        """
        digits = DIGITS.get(currency)
        if digits is None:
            raise MoneyError(
                f"currency {currency!r} is not a payable ISO 4217 code; use a code such as EUR"
            )
        match = _WIRE.fullmatch(text)
        if match is None or len(text.replace(".", "")) > _DIGITS_MAX:
            raise MoneyError(
                f"amount {text[:40]!r} is not a plain decimal of at most {_DIGITS_MAX} digits, "
                "such as 12.50"
            )
        whole, fraction = match[1], (match[2] or "")
        if fraction[digits:].strip("0"):
            raise MoneyError(
                f"amount {text} {currency} is finer than the currency allows "
                f"({digits} digits after the point); nothing is rounded"
            )
        return cls(minor=int(whole + fraction[:digits].ljust(digits, "0")), currency=currency)

    def to_wire(self) -> str:
        """The amount as a decimal with exactly the currency's digits: 12.50, 1250, 1.250."""
        digits = DIGITS[self.currency]
        sign, text = ("-" if self.minor < 0 else ""), str(abs(self.minor)).rjust(digits + 1, "0")
        return sign + (f"{text[:-digits]}.{text[-digits:]}" if digits else text)

    def __str__(self) -> str:
        return f"{self.to_wire()} {self.currency}"

    def __add__(self, other: Money) -> Money:
        return self._with(self.minor + self._same(other).minor)

    def __sub__(self, other: Money) -> Money:
        return self._with(self.minor - self._same(other).minor)

    def _with(self, minor: int) -> Money:
        return Money(minor=minor, currency=self.currency)

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise MoneyError(f"{self} and {other} are different currencies; convert one first")
        return other
