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
#: However much goes on: who is held that long is held no longer.
_HOLD_MAX_SECONDS: Final = 15.0
#: For whoever waited to be the last, to come to its point after all.
_LAST_WORD_SECONDS: Final = 0.7


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
    until none of the others has moved for `hold_seconds`: then this process gets the signal. So
    one SIGKILL meets several payments, each exactly at its own point; `marker` says who had come.

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
        hold_seconds: float = 2.5,
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
        self._held_since: float | None = None
        self._moved_at = self._began
        self._lock = threading.Lock()
        self._hurry = threading.Event()
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
            self._hold()
        while len(self._arrived) < len(self._plan) - 1 and not self._hurry.is_set():
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
            if payment_id in self._plan and payment_id not in self._arrived:
                self._moved_at = time.monotonic()
            if self._plan.get(payment_id) != point or self._continued.is_set():
                return False
            self._arrived[payment_id] = point
            self._hold()
            have_all_come = len(self._arrived) == len(self._plan)
        if have_all_come:
            self.strike()
        return True

    def _hold(self) -> None:
        """From the first that is held on, see to it that nobody is held for ever."""
        if self._held_since is None:
            self._held_since = time.monotonic()
            threading.Thread(target=self._let_nobody_wait, daemon=True).start()

    def _let_nobody_wait(self) -> None:
        assert self._held_since is not None
        while not self._continued.is_set():
            time.sleep(0.05)
            now = time.monotonic()
            quiet_since = max(self._held_since, self._moved_at)
            if now - quiet_since > self._hold_seconds or now - self._held_since > _HOLD_MAX_SECONDS:
                self._hurry.set()
                time.sleep(_LAST_WORD_SECONDS)
                self.strike()
                return


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
