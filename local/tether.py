"""Runs a command that ends with its parent process, however the parent ends.

`python tether.py PARENT_PID COMMAND...` asks Linux to send SIGTERM when the parent ends, then
becomes the command. On other systems it only becomes the command.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def tethered(command: Sequence[str | os.PathLike[str]]) -> list[str]:
    """The command line that runs `command` so that it ends with this process.

    Linux ties the signal to the *thread* that starts the command, so that thread has to live on.
    """
    # -I -S skip the site packages, so this Python starts quickly.
    words = [os.fspath(word) for word in command]
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *words]


def main(parent: int, command: list[str]) -> None:
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
            raise OSError(ctypes.get_errno(), "prctl refused to watch the parent")
        if os.getppid() != parent:
            return  # the parent ended before prctl could watch it
    try:
        os.execv(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]} could not be started: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
