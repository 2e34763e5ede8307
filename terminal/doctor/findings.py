"""What one check of `finality doctor` found."""

from __future__ import annotations

from typing import NamedTuple


class Examined(NamedTuple):
    """One thing looked at; `remedy` is empty when it is well."""

    what: str
    found: str
    remedy: str = ""
