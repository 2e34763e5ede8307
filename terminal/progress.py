"""Shows progress: a bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import time
from typing import Final, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from terminal.screen import Screen

_LINE_EVERY_SECONDS: Final = 5


class Progressing:
    """The progress of one thing. It appears with the first number."""

    def __init__(self, screen: Screen, what: str, total: int) -> None:
        self._screen = screen
        self._what = what
        self._total = total
        self._is_shown = False
        self._last_line = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            console=screen, transient=True, disable=not screen.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task(what, total=total)

    def at(self, done: int) -> None:
        """Show that this many are done."""
        if not self._is_shown:
            self._bar.start()
            self._is_shown = True
        self._bar.update(self._task, completed=done)
        now = time.monotonic()
        if not self._screen.is_terminal and now - self._last_line >= _LINE_EVERY_SECONDS:
            self._last_line = now
            self._screen.print(f"{done} of {self._total} {self._what}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._is_shown:
            self._bar.stop()
