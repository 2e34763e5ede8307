"""Long lists of values in parts, because databases limit how many values a query may contain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

T = TypeVar("T")

_AT_ONCE: Final = 500


def in_parts(values: Iterable[T]) -> Iterator[list[T]]:
    """The values in lists that fit into one query each."""
    rest = iter(values)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
