"""Starting a process of ours that ends with us, even when we are killed."""

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
    """Start a command that gets SIGTERM when this process is gone (on Linux).

    It is started from a thread that waits for it: Linux ties the signal to the thread that
    started the child, and the caller's may end long before its process.

    Args:
        command: its first word is a path, not a name to look up.
        log_file: what it prints is added here.
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
                    # Ctrl-C is for us: we end our children in an order of our own.
                    start_new_session=True,
                )
        except OSError as error:
            started.set_exception(error)
            return
        started.set_result(process)
        process.wait()

    threading.Thread(target=keep, name=f"keeps {command[0]}", daemon=True).start()
    return started.result()
