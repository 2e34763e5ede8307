"""Reads a JSON body so that it has one meaning: RFC 8259 leaves open what two readers agree on.

Python's reader takes the last of two equal keys, NaN, and halves of surrogate pairs. A proxy that
read the first key instead would have checked another payment than the one we make.
"""

from __future__ import annotations

import json
from typing import Any, Final

DEPTH_MAX: Final = 16


class NotStrict(ValueError):
    """The body is no JSON, or has more than one meaning. The text says where and why."""


def parsed(body: bytes) -> Any:
    """The value.

    Raises:
        NotStrict: it is not UTF-8, not JSON, deeper than DEPTH_MAX, or ambiguous.
    """
    try:
        value = json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_constant)
    except UnicodeDecodeError:
        raise NotStrict("is not UTF-8") from None
    except RecursionError:
        raise NotStrict(f"is nested deeper than {DEPTH_MAX} levels") from None
    except json.JSONDecodeError as error:
        raise NotStrict(f"is not JSON: {error.msg} at character {error.pos}") from None
    except ValueError as error:
        if isinstance(error, NotStrict):
            raise
        raise NotStrict("has a number with too many digits") from None
    _check(value, 1)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotStrict("has an object with a key that appears twice")
    return found


def _constant(name: str) -> Any:
    raise NotStrict(f"contains {name}, which is no number of JSON")


def _check(value: Any, depth: int) -> None:
    match value:
        case str():
            _check_text(value)
        case dict() | list() if depth > DEPTH_MAX:
            raise NotStrict(f"is nested deeper than {DEPTH_MAX} levels")
        case dict():
            for key, item in value.items():
                _check_text(key)
                _check(item, depth + 1)
        case list():
            for item in value:
                _check(item, depth + 1)
        case _:
            return


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise NotStrict("has a text with the character U+0000")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NotStrict("has a text with half of a surrogate pair") from None
