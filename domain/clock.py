"""Where code outside workflows gets the time, and how far two clocks may differ.

One machine's clock is never trusted alone: before each step it is compared with the clocks of
Temporal and of the database. A process whose clock differs by more than `APART_MAX` does nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from domain.explained import Explained

#: How far our clock may be from another. An attempt ends `answer_within` (30 s) after its bytes
#: may leave, so a process whose clock is that far ahead takes no attempt for ended too early.
APART_MAX: Final = timedelta(seconds=30)
TEMPORAL: Final = "Temporal's clock"
DATABASE: Final = "the database's clock"


class Clock(Protocol):
    """In time-skipping tests it is that server's clock; else this machine's."""

    def now(self) -> datetime:
        """The moment, aware, in UTC."""


class ClocksApart(Explained, RuntimeError):
    """Our clock differs from another by more than `APART_MAX`. Nothing was done."""


class Reading(NamedTuple):
    """Our clock beside another one, read at the same moment."""

    ours: datetime
    other: datetime
    whose: str

    @property
    def ahead(self) -> timedelta:
        """By how much ours is ahead; negative where it is behind."""
        return self.ours - self.other

    @property
    def is_apart(self) -> bool:
        return abs(self.ahead) > APART_MAX

    @property
    def text(self) -> str:
        """The difference in words for a person, rounded, so that it stays the same for a while."""
        side = "ahead of" if self.ahead > timedelta(0) else "behind"
        return f"{in_words(abs(self.ahead))} {side} {self.whose}"

    def require(self, process: str) -> None:
        """Let the process go on only if the two clocks agree.

        Raises:
            ClocksApart: they do not; the text says by how much, and what to do.
        """
        if self.is_apart:
            raise ClocksApart(
                f"the clock of {process} is {self.text}; set it with NTP (`finality doctor` shows "
                "every clock). Until the clocks agree, this process does nothing"
            )


def is_after(moment: datetime | None, now: datetime) -> bool:
    """Whether the moment is later than any clock that agrees with ours could say now.

    What was asked, opened or heard at such a moment was dated by a wrong clock.
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
