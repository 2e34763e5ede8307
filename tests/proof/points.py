"""Named points in a worker's life: seen while nothing is wrong, and struck at in a later run."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

#: The payment whose activity runs in this context; None outside of any.
CURRENT: ContextVar[str | None] = ContextVar("payment in hand", default=None)

UNCOMMITTED: Final = "uncommitted"
#: Who waits for the others before it opens its transaction stops waiting so long before the rest.
_LAST_WORD_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Passed:
    """A payment came by a point, so many seconds after its worker began to watch."""

    at_seconds: float
    payment_id: str
    point: str

    @property
    def is_in_transaction(self) -> bool:
        """Whether the process's only writer stands there, so that no other may."""
        return f" {UNCOMMITTED} #" in self.point


class Watch:
    """Counts what each payment passes, writes it down, and strikes where it was told to.

    A point is a name and the how-manieth time this payment passes it: `store SendBook.begin
    committed #1`. Whoever comes to its point of the plan is held there until all have come, or
    `hold_seconds` after the first: then this process gets the signal. So one SIGKILL meets
    several payments, each exactly at its own point; `marker` says who had come.

    Args:
        plan: the point of each payment that is to be met.
        strike_with: SIGKILL, or SIGSTOP, after which those held go on when it is continued.
    """

    def __init__(
        self,
        trace: Path,
        marker: Path,
        plan: Mapping[str, str],
        *,
        hold_seconds: float = 3.0,
        strike_with: int = signal.SIGKILL,
    ) -> None:
        self._began = time.monotonic()
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._marker = marker
        self._plan = dict(plan)
        self._hold_seconds = hold_seconds
        self._strike_with = strike_with
        self._passed: Counter[tuple[str, str]] = Counter()
        self._arrived: dict[str, str] = {}
        self._first_at: float | None = None
        self._lock = threading.Lock()
        self._continued = threading.Event()

    async def passed(self, payment_id: str | None, name: str) -> None:
        """A point on the event loop."""
        if payment_id is not None and self._is_met(payment_id, name):
            while not self._continued.is_set():
                await asyncio.sleep(0.01)

    def passed_in_thread(self, payment_id: str | None, name: str) -> None:
        """A point where nothing else of the process depends on this thread."""
        if payment_id is not None and self._is_met(payment_id, name):
            self._continued.wait()

    def passed_in_transaction(self, payment_id: str, name: str) -> None:
        """A point at which the process's only writer stands: nobody is waited for."""
        if self._is_met(payment_id, name):
            self.strike()

    async def before_transaction(self, payment_id: str, name: str) -> None:
        """Let the others come to their points, if the transaction ahead is this one's."""
        nth = self._passed[payment_id, name] + 1
        if self._plan.get(payment_id) != f"{name} #{nth}":
            return
        with self._lock:
            self._first_at = self._first_at or time.monotonic()
            patience = self._first_at + self._hold_seconds - _LAST_WORD_SECONDS
        while len(self._arrived) < len(self._plan) - 1 and time.monotonic() < patience:
            await asyncio.sleep(0.01)

    def strike(self) -> None:
        """Write down who is where, and send this process its signal."""
        with self._lock:
            if self._continued.is_set():
                return
            said = json.dumps(self._arrived).encode()
            draft = self._marker.with_suffix(".draft")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.write(descriptor, said)
            os.fsync(descriptor)
            os.close(descriptor)
            draft.rename(self._marker)
            os.kill(os.getpid(), self._strike_with)
            # Only who was stopped, and not killed, comes here.
            self._continued.set()

    def _is_met(self, payment_id: str, name: str) -> bool:
        with self._lock:
            self._passed[payment_id, name] += 1
            point = f"{name} #{self._passed[payment_id, name]}"
            line = f"{time.monotonic() - self._began:.3f}\t{payment_id}\t{point}\n"
            os.write(self._trace, line.encode())
            if self._plan.get(payment_id) != point or self._continued.is_set():
                return False
            self._arrived[payment_id] = point
            have_all_come = len(self._arrived) == len(self._plan)
            if self._first_at is None or len(self._arrived) == 1:
                self._first_at = self._first_at or time.monotonic()
                timer = threading.Timer(self._hold_seconds, self.strike)
                timer.daemon = True
                timer.start()
        if have_all_come:
            self.strike()
        return True


def read_trace(trace: Path) -> list[Passed]:
    """Every point that was passed, oldest first; a line cut short by a kill is none."""
    if not trace.exists():
        return []
    passed = []
    for line in trace.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            at, payment_id, point = line.rstrip("\n").split("\t")
            passed.append(Passed(float(at), payment_id, point))
    return passed


def read_marker(marker: Path) -> dict[str, str]:
    """Payment to the point at which it was when the process was struck; empty if it was not."""
    if not marker.exists():
        return {}
    said: dict[str, Any] = json.loads(marker.read_text())
    return {str(payment_id): str(point) for payment_id, point in said.items()}
