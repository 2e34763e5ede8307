"""Bodies of requests: the same fields always give the same bytes.

An instruction's bytes are stored before they are sent, and resent as they are; a partner that
compares the bodies under one key, or checks a digest, must find no difference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"


class Content(NamedTuple):
    """A body and its media type."""

    body: bytes = b""
    content_type: str = ""


def form(fields: Mapping[str, str]) -> Content:
    """A form, with the fields in the order given."""
    return Content(urlencode(fields).encode(), FORM)


def json_object(fields: Mapping[str, Any]) -> Content:
    """JSON with sorted names and no spaces.

    Raises:
        TypeError: a float, whose digits depend on who writes them; give an amount as text or in
            minor units.
    """
    _check(fields)
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Content(text.encode(), JSON)


def _check(value: object) -> None:
    match value:
        case float():
            raise TypeError("a float in a body; give an amount as text or in minor units")
        case Mapping():
            for each in value.values():
                _check(each)
        case list() | tuple():
            for each in value:
                _check(each)
