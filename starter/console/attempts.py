"""Limits wrong passphrases: from one place or in one operator's name, and from all together.

Each costs a key derivation and a stored refusal, and neither a stranger nor somebody with a stolen
session must get many. A right one gives its try back.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

_BUCKETS_MAX: Final = 10_000
_TOGETHER: Final = 10
#: A provider usually gives one customer every IPv6 address that begins with the same 64 bits.
_ONE_OWNERS_BITS: Final = 64
_NOWHERE: Final = "nowhere"


class _Bucket:
    def __init__(self, burst: float, every_seconds: float) -> None:
        self._burst = burst
        self._every_seconds = every_seconds
        self._left = burst
        self._at = time.monotonic()

    def has_one(self) -> bool:
        now = time.monotonic()
        refilled = self._left + (now - self._at) / self._every_seconds
        self._left, self._at = min(self._burst, refilled), now
        return self._left >= 1

    def add(self, tries: int) -> None:
        self._left += tries


class Attempts:
    """Tries that are left, refilled by time.

    Args:
        burst: how many tries each has at once; all together have ten times that.
        every_seconds: the time after which each has one more; for all together, a tenth.
    """

    def __init__(self, burst: int = 5, every_seconds: float = 12) -> None:
        self._burst = burst
        self._every_seconds = every_seconds
        self._everybody = _Bucket(burst * _TOGETHER, every_seconds / _TOGETHER)
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def taken(self, who: str) -> bool:
        """Take one try. False, and nothing is taken, if there is none left."""
        own = self._buckets.setdefault(who, _Bucket(self._burst, self._every_seconds))
        self._buckets.move_to_end(who)
        while len(self._buckets) > _BUCKETS_MAX:
            self._buckets.popitem(last=False)
        if not (own.has_one() and self._everybody.has_one()):
            return False
        own.add(-1)
        self._everybody.add(-1)
        return True

    def give_back(self, who: str) -> None:
        """Give the try back, since it was right."""
        self._everybody.add(1)
        if (own := self._buckets.get(who)) is not None:
            own.add(1)


def place_of(host: str) -> str:
    """Where a request comes from, as far as its tries are counted together.

    An IPv4 address, or the first 64 bits of an IPv6 address.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return _NOWHERE
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address), _ONE_OWNERS_BITS), strict=False))
