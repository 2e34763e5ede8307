"""Recognises card numbers, which we never take: a partner's token stands for a card."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from pydantic import BaseModel

#: Digits as people write them, in groups. Digits inside a longer word, such as an IBAN, are none.
#: It begins with the digit, because that is found faster than what is not before it.
_RUN: Final = re.compile(
    r"[0-9](?<!\w[0-9])[0-9]*(?:[ \-./\u00a0\u2010-\u2013]{1,2}[0-9]+)*(?!\w)", re.ASCII
)
_OTHER_DIGIT: Final = re.compile(r"[^\D0-9]")
_GROUP: Final = re.compile(r"\d+", re.ASCII)
#: ISO/IEC 7812-1: a primary account number has at most 19 digits; no scheme issues fewer than 13.
_DIGITS_MIN: Final = 13
_DIGITS_MAX: Final = 19
#: How the schemes' numbers begin (the first four digits, from and to), and how many digits they
#: have. Source: the ranges that the schemes publish. The first digit is that of ISO/IEC 7812-1.
_SCHEMES: Final = (
    (2200, 2204, range(16, 20)),
    (2221, 2720, range(16, 17)),
    (3000, 3059, range(14, 17)),
    (3095, 3095, range(14, 17)),
    (3400, 3499, range(15, 16)),
    (3528, 3589, range(16, 20)),
    (3600, 3699, range(14, 20)),
    (3700, 3799, range(15, 16)),
    (3800, 3999, range(14, 20)),
    (4000, 4999, range(13, 20, 3)),
    (5000, 5099, range(16, 20)),
    (5100, 5599, range(16, 17)),
    (5600, 5899, range(16, 20)),
    (6000, 6999, range(16, 20)),
    (8100, 8299, range(16, 20)),
)


def has_card_number(text: str) -> bool:
    """Whether a text contains 13 to 19 digits that pass the check of ISO/IEC 7812-1, annex B.

    One number in ten passes by chance, so this is asked only where cards are accepted. A date or a
    code may stand beside the number, so each sequence of neighbouring groups is tried.
    """
    return _has(text, _passes)


def shows_card_number(text: str) -> bool:
    """The same, for a number that one of the schemes may have issued.

    This is asked of texts that have nothing to do with cards. References of banks and of shops have
    as many digits, and many of them end in the same check digit.
    """
    return _has(text, _is_issued)


def hide_card_numbers(text: str, hide: Callable[[str], str]) -> str:
    """The text, with every run of digits replaced that shows a card number."""

    def hidden(run: re.Match[str]) -> str:
        return hide(run[0]) if _is_among(_plain(run[0]), _is_issued) else run[0]

    return _RUN.sub(hidden, text)


def fields_with(
    model: BaseModel, is_one: Callable[[str], bool], leave_out: AbstractSet[str] = frozenset()
) -> Iterator[str]:
    """The paths of the texts in a model that are such ones.

    Args:
        is_one: `has_card_number` or `shows_card_number`.
        leave_out: fields of the model itself that are not looked at.
    """
    # A file has many orders, and hardly any has one. Escapes would join letters to digits.
    whole = model.model_dump_json(exclude=set(leave_out))
    if "\\" not in whole and not is_one(whole):
        return
    for name, value in model:
        if name not in leave_out:
            yield from (path for path, text in _texts(value, name) if is_one(text))


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield path, value
        case BaseModel():
            for name, each in value:
                yield from _texts(each, f"{path}.{name}")
        case tuple() | list():
            for each in value:
                yield from _texts(each, path)


def _has(text: str, is_one: Callable[[str], bool]) -> bool:
    if len(text) < _DIGITS_MIN:
        return False
    return any(_is_among(run[0], is_one) for run in _RUN.finditer(_plain(text)))


def _plain(text: str) -> str:
    """The text with digits and blanks of other scripts as those of ASCII."""
    if text.isascii():
        return text
    normal = unicodedata.normalize("NFKC", text)
    return _OTHER_DIGIT.sub(lambda found: str(unicodedata.digit(found[0])), normal)


def _is_among(run: str, is_one: Callable[[str], bool]) -> bool:
    groups: Sequence[str] = _GROUP.findall(run)
    for first in range(len(groups)):
        number = ""
        for group in groups[first:]:
            number += group
            if len(number) > _DIGITS_MAX:
                break
            if len(number) >= _DIGITS_MIN and is_one(number):
                return True
    return False


def _is_issued(number: str) -> bool:
    begins = int(number[:4])
    is_of_scheme = any(
        low <= begins <= high and len(number) in lengths for low, high, lengths in _SCHEMES
    )
    return is_of_scheme and _passes(number)


def _passes(number: str) -> bool:
    """The formula of Luhn: every second digit from the right is doubled."""
    digits = [int(each) for each in number][::-1]
    doubled = (sum(divmod(2 * each, 10)) for each in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
