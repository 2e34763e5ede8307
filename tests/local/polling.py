"""Waiting for another process to show something, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(seen: Callable[[], T], what: str, seconds: float = 30) -> T:
    """The first true answer of `seen`; fails, naming what was missed, when none came in time."""
    deadline = time.monotonic() + seconds
    while not (answer := seen()):
        assert time.monotonic() < deadline, f"not seen within {seconds} s: {what}"
        time.sleep(0.02)
    return answer
