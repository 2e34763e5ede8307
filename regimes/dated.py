"""A value that a law or a scheme changes from a day on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Dated(Generic[Value]):
    """Values by the day since which each applies."""

    def __init__(self, since: Mapping[date, Value]) -> None:
        self._since = sorted(since.items(), key=lambda item: item[0], reverse=True)

    def on(self, day: date) -> Value:
        """What applies on a day.

        Raises:
            LookupError: the day lies before the first value.
        """
        for since, value in self._since:
            if since <= day:
                return value
        raise LookupError(f"no value is known for {day}")
