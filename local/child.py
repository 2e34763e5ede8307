"""Starts a child process that ends with this one, even if this one is killed."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from local.tether import tethered


def start_child(
    command: Sequence[str | Path], *, log_file: Path, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a command that gets SIGTERM when this process ends (on Linux).

    Linux ties that signal to the thread that starts the child, and the caller's thread may end
    long before this process. So a thread of its own starts the child and waits for it.

    Args:
        command: its first word is a path, not a name to look up.
        log_file: the command's output is appended here.
        env: added to this process's environment.

    Raises:
        OSError: the log file cannot be written, or no process can be made.
    """
    started: Future[subprocess.Popen[bytes]] = Future()

    def keep() -> None:
        try:
            with log_file.open("ab") as log:
                process = subprocess.Popen(
                    tethered(command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **(env or {})},
                    # Ctrl-C must reach only this process, which ends its children in order.
                    start_new_session=True,
                )
        except OSError as error:
            started.set_exception(error)
            return
        started.set_result(process)
        process.wait()

    threading.Thread(target=keep, name=f"keeps {command[0]}", daemon=True).start()
    return started.result()
