"""How every process starts and ends: signals, private files, logging, and one clean exit."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

import uvloop

from domain.explained import Explained
from domain.plain_text import plain, plain_lines


def leave(code: int) -> NoReturn:
    """Flush and end this process at once.

    The Temporal SDK's native threads can crash the interpreter while it finalises, after all
    work is done. `os._exit` skips that, so the exit code stays right.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set; a second signal ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def heard(number: int) -> None:
        if stop.is_set():
            leave(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, heard, number)
    return stop


def keep_private() -> None:
    """Make files of this process and its children readable by this user only.

    State, logs, and the files of Temporal and the simulators contain payments, sealed or not.
    """
    os.umask(0o077)


def own_module(module: str, *arguments: str) -> list[str]:
    """The command that runs one of our modules in its own process.

    Without -P, Python would look for every imported module in the working folder first, where
    there may be someone else's `json.py`.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def say(error: Explained) -> None:
    """Print an error that a person can mend, without a stack trace."""
    sys.stderr.write(f"finality: {plain_lines(str(error))}\n")


class OneLine(logging.Formatter):
    """Writes each record as one line, so that a partner's text in it cannot forge a log line.

    Control characters are replaced, so it cannot move the cursor either. A stack trace keeps its
    lines.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        record.message = plain(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return plain_lines(super().formatException(ei))


def log_to_stderr() -> None:
    """Log to stderr, for processes without a terminal."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for chatty in ("alembic", "httpx"):  # httpx would log every address it asks.
        logging.getLogger(chatty).setLevel(logging.WARNING)


def run(main: Coroutine[Any, Any, int]) -> NoReturn:
    """Run to the end and leave with the coroutine's exit code.

    An error that says what a person can do (`Explained`) is printed without a stack trace, and
    the exit code is 2.
    """
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(main)
    except KeyboardInterrupt:
        code = 130
    except Explained as error:
        say(error)
        code = 2
    leave(code)
