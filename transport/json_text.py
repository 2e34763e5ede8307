"""JSON from outside, refused where two readers of it could differ or one could break.

Each of these has stopped a reader somewhere: nesting ends Python's stack, a lone surrogate cannot
be written to a database, of two members with one name some parsers take the first and some the
last, and NaN is no number. Whoever parses an answer of a partner asks here first.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

DEPTH_MAX: Final = 32
#: ISO 20022 has 18 digits in an amount; ids that are numbers have a few more.
DIGITS_MAX: Final = 40


class NotJson(ValueError):
    """Not JSON at all, such as a page of a proxy."""


class UnsafeJson(ValueError):
    """JSON that is not taken; the text says why, without any value of it."""


def parse(text: str) -> Any:
    """The value of a JSON text that every reader reads alike.

    Raises:
        NotJson: it is no JSON.
        UnsafeJson: nested too deeply, a name twice in one object, a number that is none or too
            long, or a character that is half of one.
    """
    try:
        whole = _DECODER.decode(text)
    except RecursionError:
        raise UnsafeJson(_TOO_DEEP) from None
    except json.JSONDecodeError:
        raise NotJson("not JSON") from None
    _check(whole)
    return whole


_TOO_DEEP: Final = f"nested deeper than {DEPTH_MAX} levels"
_HALF: Final = "half a character"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def _check(whole: Any) -> None:
    """Depth and texts, without recursion of our own."""
    level, depth = [whole], 0
    while level:
        inner: list[Any] = []
        for value in level:
            match value:
                case str() if _is_half(value):
                    raise UnsafeJson(_HALF)
                case dict():
                    if any(map(_is_half, value)):
                        raise UnsafeJson(_HALF)
                    inner += value.values()
                case list():
                    inner += value
        level, depth = inner, depth + 1
        if depth > DEPTH_MAX:
            raise UnsafeJson(_TOO_DEEP)


def _is_half(text: str) -> bool:
    return _SURROGATE.search(text) is not None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UnsafeJson("a name twice in one object")
    return found


def _short(text: str) -> str:
    if len(text) > DIGITS_MAX:
        raise UnsafeJson(f"a number of more than {DIGITS_MAX} characters")
    return text


def _finite(text: str) -> float:
    number = float(_short(text))
    if number in (float("inf"), float("-inf")):
        raise UnsafeJson("a number without end")
    return number


def _no_number(_: str) -> NoReturn:
    raise UnsafeJson("a number that is none")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_once,
    parse_int=lambda text: int(_short(text)),
    parse_float=_finite,
    parse_constant=_no_number,
)
