"""Runs an external tool with progress, a time limit, and the end of its output on failure."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import IO

from local.progress import Progress
from local.tether import tethered

TAIL_LINES = 8


class CommandFailed(Exception):
    """A command could not be run, failed, or took too long; the text says which and why."""


def run(
    command: Sequence[str | Path],
    *,
    what: str,
    progress: Progress,
    limit: timedelta,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run a command to its end and return its output.

    Args:
        command: its first word is a path, not a name to look up.
        what: the text that `progress` shows to the person who waits.
        env: added to this process's environment.

    Raises:
        CommandFailed: it could not be started, ended with another code than 0, or exceeded `limit`.
    """
    name = Path(command[0]).name
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            # Ends with this process, or a build could go on for minutes after it was killed.
            tethered(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            # Its own process group, so that a timeout also ends the compilers it started.
            start_new_session=True,
        )
        try:
            exit_code = _wait(process, what, progress, limit)
        except BaseException:
            _end_group(process)
            raise
        if exit_code is None:
            _end_group(process)
            raise CommandFailed(f"{name} did not end within {limit.total_seconds():.0f} s")
        text = _text(output)
    if exit_code != 0:
        tail = "\n".join(text.strip().splitlines()[-TAIL_LINES:]) or "it printed nothing"
        raise CommandFailed(f"{name} ended with exit code {exit_code}: {tail}")
    return text


def _wait(
    process: subprocess.Popen[bytes], what: str, progress: Progress, limit: timedelta
) -> int | None:
    """The exit code, or None if the limit has passed."""
    started = time.monotonic()
    while True:
        try:
            return process.wait(timeout=min(1.0, limit.total_seconds()))
        except subprocess.TimeoutExpired:
            elapsed = timedelta(seconds=time.monotonic() - started)
            if elapsed >= limit:
                return None
            progress(what, elapsed)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):  # it may have ended by itself in the meantime
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _text(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read().decode(errors="replace")
