"""Waiting for others to show something, with a deadline and never for a fixed time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


def until(seen: Callable[[], T], what: str, seconds: float = 60) -> T:
    """The first true answer of `seen`; fails, naming what was missed, when none came in time."""
    deadline = time.monotonic() + seconds
    while not (answer := seen()):
        assert time.monotonic() < deadline, f"not seen within {seconds} s: {what}"
        time.sleep(0.02)
    return answer


async def eventually(
    seen: Callable[[], Awaitable[T | None]], what: str, seconds: float = 60, *, every: float = 0.02
) -> T:
    """The same where seeing needs the event loop."""
    try:
        async with asyncio.timeout(seconds):
            while not (answer := await seen()):
                await asyncio.sleep(every)
    except TimeoutError:
        raise AssertionError(f"not seen within {seconds} s: {what}") from None
    return answer
