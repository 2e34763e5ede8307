"""Runs a partner simulator as a child process and talks to its control endpoint."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from domain.explained import Explained
from local.child import start_child
from process import own_module

_START_LIMIT: Final = timedelta(seconds=30)


def known_as(book_file: Path) -> str:
    """The id of a simulator's book: the same for as long as the book's file is kept.

    The port cannot identify a book, because each start may take another port. If the file was
    removed, the new book gets a new id, so that payments of the old book are not looked up in it.
    """
    kept = book_file.with_suffix(".id")
    if book_file.exists() and kept.exists():
        return kept.read_text()
    name = secrets.token_hex(8)
    kept.write_text(name)
    return name


class SimulatorDied(Explained):
    """The simulator ended or did not answer in time; the text has the end of its log file."""


@dataclass(frozen=True)
class Simulator:
    """A running simulator of one partner."""

    partner: str
    base_url: str
    process: subprocess.Popen[bytes]

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call its control endpoint, with JSON both ways.

        Raises:
            OSError: it does not answer, or answers with an error (`HTTPError`).
        """
        return await asyncio.to_thread(self._control, method, path, body)

    def _control(self, method: str, path: str, body: Any) -> Any:
        request = urllib.request.Request(
            f"{self.base_url}/_control/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.loads(response.read() or b"null")

    async def stop(self) -> None:
        """Stop it, by force after ten seconds. Its bookings are on disk in either case."""
        self.process.terminate()
        try:
            await asyncio.to_thread(self.process.wait, 10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


async def start_simulator(
    partner: str, *, port: int, db_file: Path, log_file: Path, options: Sequence[str] = ()
) -> Simulator:
    """Start a simulator and return once it answers.

    Raises:
        SimulatorDied: it ended, or did not answer within half a minute.
    """
    command = own_module(f"simulators.{partner}", "serve")
    command += ["--port", str(port), "--db", str(db_file), *options]
    log_file.parent.mkdir(parents=True, exist_ok=True)
    simulator = Simulator(
        partner, f"http://127.0.0.1:{port}", start_child(command, log_file=log_file)
    )
    deadline = time.monotonic() + _START_LIMIT.total_seconds()
    while True:
        try:
            await simulator.control("GET", "health")
        except (urllib.error.URLError, OSError):
            if simulator.process.poll() is not None or time.monotonic() > deadline:
                simulator.process.kill()
                tail = log_file.read_bytes()[-2000:].decode(errors="replace")
                raise SimulatorDied(f"the {partner} simulator does not answer:\n{tail}") from None
            await asyncio.sleep(0.05)
        else:
            return simulator
