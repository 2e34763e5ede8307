"""The schemas' limits of single values: lengths, patterns, codes, digits, days and moments."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from domain.card_numbers import shows_card_number
from messages.decimals import decimal_of
from messages.document import BLANK

_SHOWN_MAX: Final = 40
_ZONE: Final = r"(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))?"
_DAY: Final = re.compile(rf"(-?)(\d{{4,}})-(\d\d)-(\d\d){_ZONE}", re.ASCII)
_MOMENT: Final = re.compile(
    r"(-?\d{4,}-\d\d-\d\d)T(?:(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?|24:00:00(?:\.0+)?)"
    rf"{_ZONE}",
    re.ASCII,
)
_YEAR: Final = re.compile(rf"-?\d{{4,}}{_ZONE}", re.ASCII)
_BINARY: Final = re.compile(
    r"(?:[A-Za-z0-9+/]{4})+|(?:[A-Za-z0-9+/]{4})*[A-Za-z0-9+/=]{4}", re.ASCII
)

#: A value that fails this pattern is never shown whole, since it may be an account number.
_IBAN: Final = "[A-Z]{2,2}[0-9]{2,2}[a-zA-Z0-9]{1,30}"
_BIC: Final = "[A-Z]{6,6}[A-Z2-9][A-NP-Z0-9]([A-Z0-9]{3,3}){0,1}"
_BIC_SINCE_2014: Final = "[A-Z0-9]{4,4}[A-Z]{2,2}[A-Z0-9]{2,2}([A-Z0-9]{3,3}){0,1}"
_WORDS: Final[Mapping[str, str]] = {
    _IBAN: "an IBAN: country, two check digits, and letters and digits, in capitals, no blanks",
    _BIC: "a BIC of 8 or 11 characters in capitals, as in ISO 9362",
    _BIC_SINCE_2014: "a BIC of 8 or 11 characters in capitals, as in ISO 9362",
    "[A-Z]{2,2}": "a country: two capital letters, as in ISO 3166",
    "[A-Z]{3,3}": "a currency: three capital letters, as in ISO 4217",
    "[0-9]{1,15}": "a number of 1 to 15 digits",
    "[A-Z0-9]{18,18}[0-9]{2,2}": "an LEI: 18 capital letters and digits, then two digits",
    r"\+[0-9]{1,3}-[0-9()+\-]{1,30}": "a telephone number such as +49-30123456",
    "[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}": (
        "a version 4 UUID in small letters"
    ),
}
#: Values that people write in several ways, with the function that makes the one form we pass on.
_READ: Final[Mapping[str, Callable[[str], str]]] = {
    _IBAN: lambda text: text.replace(" ", "").upper(),
    _BIC: str.upper,
    _BIC_SINCE_2014: str.upper,
}


class Facet:
    """One simple type.

    Args:
        problem_of: returns what is wrong with a value; None if nothing is.
        electronic: returns the one form of a value that people write in several ways.
    """

    __slots__ = ("_electronic", "problem")

    def __init__(
        self, problem_of: Callable[[str], str | None], electronic: Callable[[str], str] = str
    ) -> None:
        self.problem = problem_of
        self._electronic = electronic

    def reads(self, text: str) -> bool:
        """Whether a value is right apart from its notation.

        White space around it is ignored, and so are the ways in which people write IBAN and BIC.
        """
        return self.problem(self._electronic(text.strip(BLANK))) is None


def facet(row: str) -> Facet:
    """The type that a row of the table describes.

    Raises:
        ValueError: the row begins with an unknown word.
    """
    word, *said = row.split(" ")
    match word:
        case "text":
            return Facet(_text(int(said[0]), int(said[1])))
        case "one":
            return Facet(_one(said))
        case "like":
            return Facet(_like(said[0]), _READ.get(said[0], str))
        case "decimal":
            return Facet(_decimal(int(said[0]), int(said[1]), is_from_zero=len(said) > 2))
        case "binary":
            return Facet(_matching(_BINARY, "base64"))
        case "boolean":
            return Facet(_boolean)
        case "date":
            return Facet(_day)
        case "moment":
            return Facet(_moment)
        case "year":
            return Facet(_matching(_YEAR, "a year such as 2026"))
        case _:
            raise ValueError(f"{word!r} is no word of the table")


def _text(least: int, most: int) -> Callable[[str], str | None]:
    def problem(text: str) -> str | None:
        if least <= len(text) <= most:
            return None
        if not text:
            return "is empty; give a value or leave it out"
        return (
            f"has {len(text)} characters, at most {most} are possible; shorten it, nothing is cut"
        )

    return problem


def _one(codes: list[str]) -> Callable[[str], str | None]:
    known = frozenset(codes)

    def problem(text: str) -> str | None:
        if text in known:
            return None
        return f"{_shown(text)} is not one of {', '.join(codes)}" if text else _EMPTY

    return problem


def _like(pattern: str) -> Callable[[str], str | None]:
    compiled = re.compile(pattern, re.ASCII)
    words = _WORDS.get(pattern, f"of the form {pattern}")

    def problem(text: str) -> str | None:
        if compiled.fullmatch(text):
            return None
        if not text:
            return _EMPTY
        shown = f"ending {text[-4:]!r}" if pattern == _IBAN else _shown(text)
        return f"{shown} is not {words}"

    return problem


def _decimal(digits: int, fraction: int, *, is_from_zero: bool) -> Callable[[str], str | None]:
    def problem(text: str) -> str | None:
        written = decimal_of(text)
        if written is None:
            return f"{_shown(text)} is not a decimal number such as 12.50" if text else _EMPTY
        if is_from_zero and written.is_negative:
            return f"{_shown(text)} is negative; give an amount of zero or more"
        if len(written.fraction) > fraction:
            return f"{_shown(text)} has more than {fraction} digits after the point"
        if written.digits > digits:
            return f"{_shown(text)} has more than {digits} digits"
        return None

    return problem


def _boolean(text: str) -> str | None:
    if text.strip(BLANK) in ("true", "false", "1", "0"):
        return None
    return f"{_shown(text)} is not one of true, false, 1, 0"


def _day(text: str) -> str | None:
    if (match := _DAY.fullmatch(text)) and _is_day(match):
        return None
    return f"{_shown(text)} is not a day of the calendar, as in 2026-11-25" if text else _EMPTY


def _moment(text: str) -> str | None:
    match = _MOMENT.fullmatch(text)
    if match and (day := _DAY.fullmatch(match[1])) and _is_day(day):
        return None
    return f"{_shown(text)} is not a date and time, as in 2026-11-25T09:00:00Z" if text else _EMPTY


def _is_day(match: re.Match[str]) -> bool:
    year, month, day = int(match[2]), int(match[3]), int(match[4])
    if year == 0 or (len(match[2]) > 4 and match[2].startswith("0")):
        return False
    try:
        # `date` ends with the year 9999, but the calendar repeats every four hundred years.
        date(year if year < 10_000 else 2_000 + year % 400, month, day)
    except ValueError:
        return False
    return True


def _matching(pattern: re.Pattern[str], words: str) -> Callable[[str], str | None]:
    def problem(text: str) -> str | None:
        return None if pattern.fullmatch(text.strip(BLANK)) else f"{_shown(text)} is not {words}"

    return problem


_EMPTY: Final = "is empty; give a value or leave it out"


def _shown(text: str) -> str:
    return "a card number" if shows_card_number(text) else repr(text[:_SHOWN_MAX])
