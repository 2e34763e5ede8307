"""Recognises card numbers, which we never take: a partner's token stands for a card."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

#: Digits as people write them, in groups. Digits inside a longer word, such as an IBAN, are none.
_RUN: Final = re.compile(r"(?<!\w)\d+(?:[ \-./\u00a0]{1,2}\d+)*(?!\w)", re.ASCII)
_GROUP: Final = re.compile(r"\d+", re.ASCII)
#: ISO/IEC 7812-1: a primary account number has at most 19 digits; no scheme issues fewer than 13.
_DIGITS_MIN: Final = 13
_DIGITS_MAX: Final = 19


def has_card_number(text: str) -> bool:
    """Whether a text contains 13 to 19 digits that pass the check of ISO/IEC 7812-1, annex B.

    One number in ten passes by chance, so this is asked only where cards are accepted. A date or a
    code may stand beside the number, so each sequence of neighbouring groups is tried.
    """
    return any(_is_among(_GROUP.findall(run[0])) for run in _RUN.finditer(text))


def _is_among(groups: Sequence[str]) -> bool:
    for first in range(len(groups)):
        number = ""
        for group in groups[first:]:
            number += group
            if len(number) > _DIGITS_MAX:
                break
            if len(number) >= _DIGITS_MIN and _passes(number):
                return True
    return False


def _passes(number: str) -> bool:
    """The formula of Luhn: every second digit from the right is doubled."""
    digits = [int(each) for each in number][::-1]
    doubled = (sum(divmod(2 * each, 10)) for each in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
