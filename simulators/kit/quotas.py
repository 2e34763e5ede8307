"""Quotas: how many requests are accepted in a window of time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from simulators.kit.book import Book

_SETTING = "quotas"


@dataclass(frozen=True)
class Quota:
    """`limit` requests in each window of `seconds`; windows follow one another without a gap.

    Attributes:
        on: "METHOD path", both with `*` and `?` as wildcards.
    """

    on: str
    limit: int
    seconds: float = 60

    def __post_init__(self) -> None:
        if len(self.on.split()) != 2 or self.limit < 0 or not self.seconds > 0:
            raise ValueError(f"no quota: {asdict(self)}")

    def fits(self, method: str, path: str) -> bool:
        on_method, on_path = self.on.split()
        return fnmatchcase(method, on_method) and fnmatchcase(path, on_path)


class Quotas:
    """The quotas are stored in the book; the counts live only as long as the process."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._quotas = [Quota(**one) for one in json.loads(book.setting(_SETTING) or "[]")]
        self._counted: dict[tuple[Quota, int], int] = {}

    def set(self, asked: Sequence[Mapping[str, Any]]) -> None:
        """Replace all quotas.

        Raises:
            TypeError, ValueError: one of them is invalid; nothing changes.
        """
        self._quotas = [Quota(**one) for one in asked]
        self._counted = {}
        self._book.keep_setting(_SETTING, json.dumps(self.shown()))

    def shown(self) -> list[dict[str, Any]]:
        return [asdict(quota) for quota in self._quotas]

    def count(self, method: str, path: str, now: datetime) -> bool:
        """Count a request. False: a quota's window is used up, and the request is not counted."""
        fitting = [quota for quota in self._quotas if quota.fits(method, path)]
        windows = [(quota, int(now.timestamp() // quota.seconds)) for quota in fitting]
        if any(self._counted.get(each, 0) >= each[0].limit for each in windows):
            return False
        for each in windows:
            self._counted[each] = self._counted.get(each, 0) + 1
        return True
