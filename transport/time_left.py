"""How long a request may still be written and its answer awaited, by two clocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from domain.clock import Clock
from domain.lifecycle.answers import Deadline

#: Linux's clock that keeps counting while the machine is suspended. On other systems the monotonic
#: clock does so already.
_BOOTTIME: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boottime() -> float:
    """Seconds since the machine started, time in suspend included."""
    return time.clock_gettime(_BOOTTIME)


class TimeLeft:
    """The time left until a deadline, measured from the start of the request.

    The wall clock can be set back, and a monotonic clock may stop during suspend. So writing is
    allowed only while both the wall clock and the time since boot allow it.
    """

    def __init__(
        self, deadline: Deadline, clock: Clock, boottime: Callable[[], float] = boottime
    ) -> None:
        now = clock.now()
        self._clock = clock
        self._boottime = boottime
        self._write_before = deadline.write_before
        self.write_seconds = (deadline.write_before - now).total_seconds()
        self.answer_seconds = (deadline.ends_by - now).total_seconds()
        self._started = boottime()

    @property
    def is_too_late_to_write(self) -> bool:
        slept_included = self._boottime() - self._started
        return self._clock.now() >= self._write_before or slept_included >= self.write_seconds

    @property
    def answer_seconds_left(self) -> float:
        """Seconds left to wait for the answer; at least one millisecond."""
        return max(self.answer_seconds - (self._boottime() - self._started), 0.001)
