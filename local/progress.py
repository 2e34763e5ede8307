"""Shows a waiting person what is being done and how long it has taken so far."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta

#: Called about once a second with what is being done and how long it has taken so far.
Progress = Callable[[str, timedelta], None]

#: The pause between lines if they cannot be overwritten, as in a CI log.
LINE_EVERY = timedelta(seconds=15)


class StderrProgress:
    """One overwritten line on a terminal; elsewhere a line at once and every 15 seconds."""

    def __init__(self) -> None:
        self._what = ""
        self._next_line = timedelta(0)

    def __call__(self, what: str, elapsed: timedelta) -> None:
        first = what != self._what
        line = f"{what} … {elapsed.total_seconds():.0f} s"
        if sys.stderr.isatty():
            lead = "\n" if first and self._what else "\r"
            print(f"{lead}{line}\x1b[K", end="", file=sys.stderr, flush=True)
        elif first or elapsed >= self._next_line:
            print(line, file=sys.stderr, flush=True)
            self._next_line = elapsed + LINE_EVERY
        self._what = what

    def done(self) -> None:
        """End the overwritten line, so that the next output starts on a new one."""
        if self._what and sys.stderr.isatty():
            print(file=sys.stderr, flush=True)
        self._what = ""
