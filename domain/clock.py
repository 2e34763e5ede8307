"""Where code outside workflows gets the time, and how far two clocks may differ.

No machine's clock is trusted alone. Before each step it is compared with the clocks of Temporal
and of the database. A process whose clock differs by more than `APART_MAX` does nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from domain.explained import Explained

#: How far our clock may differ from another. An attempt ends `answer_within` (30 s) after the last
#: moment for its bytes to leave. So even a process whose clock is 30 s ahead never takes an
#: attempt for ended while its bytes may still leave.
APART_MAX: Final = timedelta(seconds=30)
TEMPORAL: Final = "Temporal's clock"
DATABASE: Final = "the database's clock"


class Clock(Protocol):
    """This machine's clock; in time-skipping tests, the test server's clock."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""


class ClocksApart(Explained, RuntimeError):
    """Our clock differs from another by more than `APART_MAX`. Nothing was done."""


class Reading(NamedTuple):
    """Our clock and another one, read at the same moment."""

    ours: datetime
    other: datetime
    whose: str

    @property
    def ahead(self) -> timedelta:
        """By how much ours is ahead; negative if it is behind."""
        return self.ours - self.other

    @property
    def is_apart(self) -> bool:
        return abs(self.ahead) > APART_MAX

    @property
    def text(self) -> str:
        """The difference in words, rounded so that the text stays the same for a while."""
        side = "ahead of" if self.ahead > timedelta(0) else "behind"
        return f"{in_words(abs(self.ahead))} {side} {self.whose}"

    def require(self, process: str) -> None:
        """Raise if the two clocks do not agree.

        Raises:
            ClocksApart: they do not; the text says by how much, and what to do.
        """
        if self.is_apart:
            raise ClocksApart(
                f"the clock of {process} is {self.text}; set it with NTP (`finality doctor` shows "
                "every clock). Until the clocks agree, this process does nothing"
            )


def is_after(moment: datetime | None, now: datetime) -> bool:
    """Whether the moment lies further in the future than two clocks may differ.

    A request, attempt or report at such a moment was dated by a wrong clock.
    """
    return moment is not None and moment > now + APART_MAX


def in_words(time: timedelta) -> str:
    """A duration in its largest unit: `15 days`, `1 hour`, `42 seconds`."""
    seconds = int(time.total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds * 100 >= size * 99:  # 59 minutes and 59 seconds are an hour.
            count = (seconds + size // 2) // size
            return f"{count} {unit}{'s' * (count != 1)}"
    return f"{seconds} second{'s' * (seconds != 1)}"
