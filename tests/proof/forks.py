"""Workers forked from a process that has imported everything and runs nothing.

A worker so made is at work in a fraction of a second. The SDK's native runtime does not survive
a fork: so this program never makes one, and stays single-threaded. Run as
`python -m tests.proof.forks`; one JSON object a line in, one out.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import select
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NoReturn

import store.engines
import worker
from local.tether import PR_SET_PDEATHSIG, tethered
from process import run
from tests.proof.control_worker import work_for_control
from tests.proof.points import Watch, read_marker
from tests.proof.registered import ProofSettings
from tests.proof.watched import (
    watch_store,
    watch_temporal,
    watch_transport,
)

_LIBC: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Order:
    """What to fork.

    Attributes:
        what: "payments" for the product's worker, "control" for the control's.
        plan: the point of each payment at which the process is struck.
        signal: what it is struck with.
        quick: with the timeouts of the test profile; else with the product's own.
        upkeep: have the server start relay and sweep.
        busy_seconds: how long a writer waits for the database, if not as in production.
    """

    name: str
    home: str
    what: str = "payments"
    plan: Mapping[str, str] = field(default_factory=dict)
    signal: int = signal.SIGKILL
    hold_seconds: float = 2.5
    quick: bool = True
    upkeep: bool = False
    busy_seconds: int | None = None

    @property
    def trace(self) -> Path:
        return Path(self.home) / "points" / f"{self.name}.trace"

    @property
    def marker(self) -> Path:
        return Path(self.home) / "points" / f"{self.name}.marker"

    @property
    def log(self) -> Path:
        return Path(self.home) / "logs" / f"{self.name}.log"


class Worker:
    """A forked worker, as its owner sees it."""

    def __init__(self, order: Order, pid: int) -> None:
        self.order = order
        self.pid = pid
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def struck(self) -> dict[str, str]:
        """Payments, and the points at which they were when it was struck."""
        return read_marker(self.order.marker)

    def send(self, number: int) -> None:
        if not self.ended.done():
            os.kill(self.pid, number)

    async def kill(self) -> int:
        """SIGKILL; its exit code once it is gone."""
        self.send(signal.SIGKILL)
        return await self.ended

    async def wait(self, seconds: float) -> int:
        """Its exit code, negative for a signal; fails if it does not end by itself."""
        return await asyncio.wait_for(asyncio.shield(self.ended), seconds)


class Forks:
    """The forking process, as its owner sees it."""

    def __init__(self, process: asyncio.subprocess.Process, home: Path) -> None:
        self._process = process
        self._home = home
        self._workers: dict[int, Worker] = {}
        self._ordered: deque[Order] = deque()
        self._born: asyncio.Queue[Worker] = asyncio.Queue()
        self._number = 0
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, home: Path, environment: Mapping[str, str]) -> Forks:
        (home / "logs").mkdir(parents=True, exist_ok=True)
        (home / "points").mkdir(parents=True, exist_ok=True)
        with (home / "logs" / "forks.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *tethered([sys.executable, "-m", "tests.proof.forks"]),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(environment),
            )
        return cls(process, home)

    async def fork(self, name: str = "worker", **order: Any) -> Worker:
        """A worker of its own process; it takes a moment until it polls."""
        self._number += 1
        made = Order(f"{self._number:04d}-{name}", str(self._home), **order)
        assert self._process.stdin is not None
        self._ordered.append(made)
        self._process.stdin.write((json.dumps(asdict(made)) + "\n").encode())
        return await self._born.get()

    async def kill(self) -> None:
        """All workers there are."""
        for forked in self._workers.values():
            await forked.kill()

    async def stop(self) -> None:
        """Kill all workers, then the process that forked them."""
        await self.kill()
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._listening

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if "ended" in said:
                self._workers[said["pid"]].ended.set_result(said["ended"])
            else:
                worker = Worker(self._ordered.popleft(), said["pid"])
                self._workers[worker.pid] = worker
                await self._born.put(worker)


def serve() -> None:
    """Fork whatever is ordered, and tell of every end, until nobody orders any more."""
    gc.collect()
    gc.freeze()  # So that collecting in a child does not copy what it shares with us.
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    unread = b""
    while True:
        ready, _, _ = select.select([0, awake], [], [])
        if awake in ready:
            os.read(awake, 4096)
            _reap()
        if 0 in ready:
            asked = os.read(0, 65536)
            if not asked:
                return
            *lines, unread = (unread + asked).split(b"\n")
            for line in lines:
                order = Order(**json.loads(line))
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    _become(order)
                _say(pid=pid)


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _say(pid=pid, ended=os.waitstatus_to_exitcode(status))


def _say(**words: int) -> None:
    os.write(1, (json.dumps(words) + "\n").encode())


def _become(order: Order) -> NoReturn:
    """In the child: tie it to its parent, give it a log, and work."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if order.busy_seconds is not None:
        store.engines._BUSY_SECONDS = order.busy_seconds  # type: ignore[misc]  # Of this process.
    if order.what == "control":
        run(work_for_control(Path(order.home), watch_of(order)))
    run(work(order, watch_of(order)))


def watch_of(order: Order) -> Watch:
    return Watch(
        order.trace,
        order.marker,
        order.plan,
        hold_seconds=order.hold_seconds,
        strike_with=order.signal,
    )


async def work(order: Order, watch: Watch) -> int:
    """`worker.work`, watched from outside."""
    watch_store(watch)
    watch_transport(watch)
    watch_temporal(watch, quick=order.quick, upkeep=order.upkeep)
    settings = ProofSettings(home=Path(order.home), graceful_shutdown=timedelta(seconds=20))
    return await worker.work(settings)


if __name__ == "__main__":
    serve()
