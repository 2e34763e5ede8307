"""The fingerprint of an order as received: what the same key must stand for again."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def fingerprint(fields: dict[str, Any]) -> str:
    """SHA-256 of the fields as canonical JSON (RFC 8785 for strings, integers, lists, objects).

    Only these occur: amounts are strings or integers, never floats, so that Python's own
    writing of sorted keys without blanks is the canonical form.

    Raises:
        TypeError: a float or another value without a canonical form.
    """
    _refuse_floats(fields)
    # RFC 8785 sorts by UTF-16 code units; all our field names are ASCII, where it is the same.
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _refuse_floats(value: Any) -> None:
    match value:
        case float():
            raise TypeError("a float has no place in an order; give amounts as minor units")
        case dict():
            for item in value.values():
                _refuse_floats(item)
        case list() | tuple():
            for item in value:
                _refuse_floats(item)
        case _:
            return
