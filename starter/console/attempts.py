"""Limits wrong passphrases: from one address or in one operator's name, and from all together.

Each costs a key derivation and a stored refusal, and neither a stranger nor somebody with a stolen
session must get many. A right one gives its try back.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

_BUCKETS_MAX: Final = 10_000
_EVERYBODY: Final = ""


@dataclass
class _Bucket:
    left: float
    at: float


class Attempts:
    """Tries that are left, refilled by time.

    Args:
        burst: how many tries each has at once; all together have ten times that.
        every_seconds: the time after which each has one more; for all together, a tenth.
    """

    def __init__(self, burst: int = 5, every_seconds: float = 12) -> None:
        self._burst = burst
        self._every_seconds = every_seconds
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def taken(self, who: str) -> bool:
        """Take one try. False if there is none left."""
        return self._take(who, 1) and self._take(_EVERYBODY, 10)

    def give_back(self, who: str) -> None:
        """Give the try back, since it was right."""
        for name in (who, _EVERYBODY):
            if (bucket := self._buckets.get(name)) is not None:
                bucket.left += 1

    def _take(self, name: str, times: int) -> bool:
        now, burst = time.monotonic(), self._burst * times
        bucket = self._buckets.setdefault(name, _Bucket(burst, now))
        self._buckets.move_to_end(name)
        while len(self._buckets) > _BUCKETS_MAX:
            self._buckets.popitem(last=False)
        bucket.left = min(burst, bucket.left + (now - bucket.at) * times / self._every_seconds)
        bucket.at = now
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True
