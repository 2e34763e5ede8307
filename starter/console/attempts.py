"""Limits how often anybody may try to sign in: from one address, and from all together.

A wrong sign-in costs a key derivation and a stored refusal, and a stranger must not get many.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

_ADDRESSES_MAX: Final = 10_000
_EVERYBODY: Final = ""


@dataclass
class _Bucket:
    left: float
    at: float


class Attempts:
    """Tries that are left, refilled by time.

    Args:
        burst: how many tries one address has at once; all addresses together have ten times that.
        every_seconds: the time after which an address has one more; for all together, a tenth.
    """

    def __init__(self, burst: int = 5, every_seconds: float = 12) -> None:
        self._burst = burst
        self._every_seconds = every_seconds
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def taken(self, address: str) -> bool:
        """Take one try of an address. False if it has none left."""
        return self._take(address, 1) and self._take(_EVERYBODY, 10)

    def _take(self, name: str, times: int) -> bool:
        now, burst = time.monotonic(), self._burst * times
        bucket = self._buckets.setdefault(name, _Bucket(burst, now))
        self._buckets.move_to_end(name)
        while len(self._buckets) > _ADDRESSES_MAX:
            self._buckets.popitem(last=False)
        bucket.left = min(burst, bucket.left + (now - bucket.at) * times / self._every_seconds)
        bucket.at = now
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True
