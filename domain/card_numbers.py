"""Recognises card numbers, which must never enter: a partner's token stands for a card."""

from __future__ import annotations

import re
from typing import Final

#: ISO/IEC 7812-1: a primary account number has at most 19 digits; no scheme issues fewer than 13.
#: People write it in groups. A number inside a longer word, such as an IBAN, is none.
_NUMBER: Final = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w])", re.ASCII)


def has_card_number(text: str) -> bool:
    """Whether a text contains 13 to 19 digits that pass the check of ISO/IEC 7812-1, annex B.

    One number in ten passes by chance, so this is asked only where cards are accepted.
    """
    return any(_passes(match[0]) for match in _NUMBER.finditer(text))


def _passes(number: str) -> bool:
    """The formula of Luhn: every second digit from the right is doubled."""
    digits = [int(each) for each in number if each.isdigit()][::-1]
    doubled = (sum(divmod(2 * each, 10)) for each in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
