"""Decimals as the schemas allow them (`xs:decimal`), read by one rule for amounts and sums.

Different notations can have one value: 12.5, 12.50, +12.50 and 012.5 are the same amount.
`Money.from_wire` is stricter, because it also reads partners' answers.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final, NamedTuple

from messages.document import BLANK

_DECIMAL: Final = re.compile(r"([+-]?)(?:0*(\d+)(?:\.(\d*?)0*)?|\.(\d+?)0*)", re.ASCII)
#: Longer texts are refused without parsing: a sum over millions of lines has about twenty digits.
_LENGTH_MAX: Final = 200


class Written(NamedTuple):
    """A decimal as it was written, without meaningless zeros."""

    is_negative: bool
    whole: str
    """At least one digit."""
    fraction: str

    @property
    def digits(self) -> int:
        """The number of digits of the value, as the schemas count them."""
        return len(self.whole.removeprefix("0")) + len(self.fraction)

    @property
    def value(self) -> Decimal:
        return Decimal(str(self))

    def __str__(self) -> str:
        sign = "-" if self.is_negative else ""
        return f"{sign}{self.whole}.{self.fraction}" if self.fraction else f"{sign}{self.whole}"


def decimal_of(text: str) -> Written | None:
    """The decimal in a text; None if the text is none, such as 1e3, 1,5 or NaN."""
    plain = text.strip(BLANK)
    match = _DECIMAL.fullmatch(plain) if len(plain) <= _LENGTH_MAX else None
    if match is None:
        return None
    sign, whole, fraction, bare = match.groups()
    fraction = (fraction if bare is None else bare) or ""
    is_zero = whole in (None, "0") and not fraction.strip("0")
    return Written(sign == "-" and not is_zero, whole or "0", fraction.rstrip("0"))
