"""Stripe's own mock server: it knows every parameter of the API, and keeps nothing."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx

from local.commands import CommandFailed, run
from local.progress import Progress
from local.servers import Server, Way, binary
from local.temporal_server import free_port

VERSION: Final = "0.203.0"
_MODULE: Final = "github.com/stripe/stripe-mock"
_BUILD_LIMIT: Final = timedelta(minutes=15)
_START_SECONDS: Final = 60


def _by_go(folder: Path, progress: Progress) -> None:
    """Build it from source, without cgo."""
    if (go := shutil.which("go")) is None:
        raise CommandFailed("no go on PATH")
    run(
        [go, "install", f"{_MODULE}@v{VERSION}"],
        what=f"building stripe-mock {VERSION} (once)",
        progress=progress,
        limit=_BUILD_LIMIT,
        env={"GOBIN": str(folder), "CGO_ENABLED": "0"},
    )


STRIPE_MOCK: Final = Server(
    name="stripe-mock",
    executable="stripe-mock",
    setting="FINALITY_STRIPE_MOCK_BINARY",
    proof=None,
    ways=(Way("go install", f"stripe-mock-{VERSION}", _by_go),),
    remedy="install Go 1.24 or later",
)


@contextmanager
def judging(log_file: Path) -> Iterator[str]:
    """A running judge's address.

    Raises:
        ServerUnavailable: it cannot be built here.
    """
    address = f"127.0.0.1:{free_port()}"
    command: list[str | Path] = [binary(STRIPE_MOCK), "-http-addr", address]
    with log_file.open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not _answers(address):
                assert process.poll() is None, log_file.read_text()
                assert time.monotonic() < deadline, log_file.read_text()
                time.sleep(0.05)
            yield f"http://{address}"
        finally:
            process.terminate()


def _answers(address: str) -> bool:
    try:
        httpx.get(f"http://{address}/")
    except httpx.TransportError:
        return False
    return True
