"""A finding of a check of `finality doctor`."""

from __future__ import annotations

from typing import NamedTuple


class Examined(NamedTuple):
    """One finding; `remedy` is "" if all is well."""

    what: str
    found: str
    remedy: str = ""
