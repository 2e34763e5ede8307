"""Runs a step with a partner to its end, even if the activity is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def uninterrupted(step: Coroutine[Any, Any, T]) -> T:
    """Await the step to its end even if this activity is cancelled meanwhile.

    A send that has begun must also record its outcome; half a step is worse than none. Every step
    is bounded by its own deadlines, so this ends.

    Raises:
        CancelledError: the step itself was cancelled.
    """
    task = asyncio.ensure_future(step)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
    return task.result()


class Heartbeat:
    """Tells the server every few seconds that this worker is alive.

    Without it, a killed worker is noticed only when the time of the whole step is over. A late
    beat does no harm, because the book and not Temporal decides what may be sent.
    """

    def __init__(self, beat: Any, every_seconds: float) -> None:
        self._beat = beat
        self._every_seconds = every_seconds
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            self._beat()
            await asyncio.sleep(self._every_seconds)
