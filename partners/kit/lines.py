"""Transactions as a bank lists them.

They come by the thousand, so they are not read into models: each field is looked at once, and a
line with one that cannot be read is left out and named as drift.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from domain.account_data.transactions import Line, Transaction
from domain.card_numbers import hide_card_numbers
from transport.redaction import masked

#: How much of a text is kept.
TEXT_MAX: Final = 1000
_DRIFT_MAX: Final = 10
#: ISO/IEC 7812-1: a shorter text holds no card number.
_CARD_DIGITS_MIN: Final = 13


class UnknownWord(ValueError):
    """A code of the bank that is not known here. The text names the field and quotes the code."""

    def __init__(self, field: str, word: object) -> None:
        super().__init__(f"{field}: unknown {str(word)[:40]!r}")


def read_lines(
    listed: Any, name: str, transaction_of: Callable[[Any], Transaction | None]
) -> tuple[list[Line], list[str]]:
    """The lines of a list, and what could not be read.

    Args:
        listed: the list, as it was parsed; None if the bank shows none.
        name: of the list, for drift.
        transaction_of: reads one line; None: it is about no money. It raises one of ValueError,
            TypeError, KeyError and AttributeError if it cannot.
    """
    found: list[Line] = []
    drift: list[str] = []
    if listed is None:
        return found, drift
    if not isinstance(listed, list):
        return found, [f"{name}: not a list"]
    for place, each in enumerate(listed):
        try:
            transaction = transaction_of(each)
        except UnknownWord as unknown:
            drift.append(f"{name}[{place}].{unknown}")
        except (ValueError, TypeError, KeyError, AttributeError):
            drift.append(f"{name}[{place}]: not readable")
        else:
            if transaction is not None:
                found.append(Line(transaction, _without_card_numbers(each)))
    return found, drift[:_DRIFT_MAX]


def _without_card_numbers(written: Any) -> Any:
    """What the bank wrote, with the numbers of cards in it masked: they are kept nowhere."""
    match written:
        case str():
            return (
                hide_card_numbers(written, masked) if len(written) >= _CARD_DIGITS_MIN else written
            )
        case Mapping():
            return {name: _without_card_numbers(value) for name, value in written.items()}
        case list():
            return [_without_card_numbers(each) for each in written]
        case int() if not isinstance(written, bool):
            shown = str(written)
            hidden = hide_card_numbers(shown, masked)
            return written if hidden == shown else hidden
        case _:
            return written


def words_of(shown: Mapping[str, Any], name: str) -> str:
    """A text that people wrote, with the numbers of cards in it masked; empty if it is missing.

    Raises:
        TypeError: it is no text.
    """
    return hide_card_numbers(text_of(shown, name), masked)


def text_of(shown: Mapping[str, Any], name: str) -> str:
    """The text of a field; empty if it is missing.

    Raises:
        TypeError: it is no text.
    """
    found = shown.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise TypeError(f"{name} is no text")
    return found[:TEXT_MAX]


def day_of(shown: Mapping[str, Any], name: str) -> date | None:
    """The day of a date, or of a moment as the bank writes it, in the bank's own time.

    Raises:
        TypeError, ValueError: it is none.
    """
    found = text_of(shown, name)
    return date.fromisoformat(found[:10]) if found else None
