"""JSON from outside, refused if two parsers could read it differently or one could fail on it.

Deep nesting overflows Python's stack; a lone surrogate cannot be written to a database; of two
members with one name some parsers take the first and some the last; NaN is not a number. Every
answer of a partner is parsed here first.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

DEPTH_MAX: Final = 32
#: An ISO 20022 amount has 18 digits; numeric ids have a few more.
DIGITS_MAX: Final = 40


class NotJson(ValueError):
    """Not JSON at all, such as an HTML page from a proxy."""


class UnsafeJson(ValueError):
    """JSON that is refused; the text says why and quotes no value."""


def parse(text: str) -> Any:
    """The value of a JSON text that all parsers read alike.

    Raises:
        NotJson: the text is not JSON.
        UnsafeJson: nested too deeply, a name twice in one object, a number that is not finite or
            too long, or half of a surrogate pair.
    """
    try:
        whole = _DECODER.decode(text)
    except RecursionError:
        raise UnsafeJson(_TOO_DEEP) from None
    except json.JSONDecodeError:
        raise NotJson("not JSON") from None
    _check(whole, may_be_half=_MAY_BE_HALF.search(text) is not None)
    return whole


_TOO_DEEP: Final = f"nested deeper than {DEPTH_MAX} levels"
_HALF: Final = "half a character"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
#: In the JSON text, what can become half a character. Without it, no value need be searched.
_MAY_BE_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def _check(whole: Any, *, may_be_half: bool) -> None:
    """Check depth and texts, level by level, since recursion could overflow the stack."""
    level, depth = [whole], 0
    while level:
        inner: list[Any] = []
        for value in level:
            match value:
                case str() if may_be_half and _is_half(value):
                    raise UnsafeJson(_HALF)
                case dict():
                    if may_be_half and any(map(_is_half, value)):
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
