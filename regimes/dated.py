"""A value that a law or a scheme changes from a certain day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Dated(Generic[Value]):
    """Values, each with the day from which it applies."""

    def __init__(self, since: Mapping[date, Value]) -> None:
        self._since = sorted(since.items(), key=lambda item: item[0], reverse=True)

    def on(self, day: date) -> Value:
        """The value that applies on a day.

        Raises:
            LookupError: the day lies before the first value.
        """
        for since, value in self._since:
            if since <= day:
                return value
        raise LookupError(f"no value is known for {day}")
