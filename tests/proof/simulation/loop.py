"""An event loop in which time is a number, and processes that die without a last word."""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, TypeVarTuple

from domain.clock import APART_MAX

T = TypeVar("T")
_Ts = TypeVarTuple("_Ts")

#: A Monday morning on which every rail is open.
BEGINNING: Final = datetime(2026, 3, 16, 9, tzinfo=UTC)


@dataclass(eq=False)
class Process:
    """What dies together. Whatever was scheduled in its context runs only while it lives."""

    name: str
    alive: bool = True
    stands_still_until: float = 0.0
    clock_runs_ahead: timedelta = timedelta(0)
    clock_is_mended_at: float = float("inf")

    @property
    def kind(self) -> str:
        """What it is one of: an app, or a worker."""
        return self.name.partition(" ")[0]

    def clock_is_wrong(self, now: float) -> bool:
        """By more than the product takes for a difference between two clocks that are right."""
        return self.clock_is_mended_at > now and abs(self.clock_runs_ahead) > APART_MAX

    def kill(self) -> None:
        """As SIGKILL: no `finally`, no report, nothing."""
        self.alive = False

    def run(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start some work of this process."""
        context = contextvars.copy_context()
        context.run(_PROCESS.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)


_PROCESS: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


def this_process() -> Process | None:
    """The process whose work runs now; None for the world around."""
    return _PROCESS.get()


class _Handle(asyncio.TimerHandle):
    """Knows whose it is."""

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: Any,
        loop: asyncio.AbstractEventLoop,
        context: contextvars.Context | None,
    ) -> None:
        # An empty context is false.
        context = contextvars.copy_context() if context is None else context
        super().__init__(when, callback, args, loop, context)
        self.process = context.get(_PROCESS)


class WithoutEnd(RuntimeError):
    """Somebody does the same again and again, and hardly any time passes."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs what is due, in the order of its moments; between them no time passes.

    Same seed, same run: there are no threads, no sockets and no clock of the machine in it.
    """

    def __init__(self, steps_max: int = 1 << 62) -> None:
        super().__init__()
        self._now = 0.0
        self._steps_max = steps_max
        self._queue: list[tuple[float, int, _Handle]] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        return self._now

    def call_soon(
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        return self.call_at(self._now, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = _Handle(when, callback, args, self, context)
        self._put(when, handle)
        return handle

    def _put(self, when: float, handle: _Handle) -> None:
        heapq.heappush(self._queue, (when, next(self._numbers), handle))

    def _run_once(self) -> None:
        if not self._queue:
            raise RuntimeError("everybody waits for somebody else, for ever")
        when, number, handle = heapq.heappop(self._queue)
        if number > self._steps_max:
            raise WithoutEnd(f"{self._steps_max} steps, and only {self._now:.0f} s are over")
        self._now = max(self._now, when)
        process = handle.process
        if handle.cancelled() or (process is not None and not process.alive):
            return
        if process is not None and process.stands_still_until > self._now:
            self._put(process.stands_still_until, handle)
            return
        handle._run()

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It stays in the queue until its moment, and does nothing then."""

    def _process_events(self, event_list: Any) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps."""


class SimulatedClock:
    """The loop's time as each process sees it."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        process = this_process()
        if process is None or process.clock_is_mended_at <= self._loop.time():
            return self.true()
        return self.true() + process.clock_runs_ahead

    def true(self) -> datetime:
        """What the world around says, and Temporal's server."""
        return BEGINNING + timedelta(seconds=self._loop.time())
