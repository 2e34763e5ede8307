"""A connection to PostgreSQL that does not wait for ever for a server that says nothing.

A server that hangs keeps its connection open, so no timeout of TCP ends the wait, and a limit that
the server keeps (`statement_timeout`) does not either.
"""

from __future__ import annotations

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.errors import _WaitTimeout

RV = TypeVar("RV")


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """Is closed, and raises, if the server does not answer in time."""

    silence_seconds: float | None = None
    """How long to wait for an answer; None: without end."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for the answer to one statement.

        Raises:
            psycopg.OperationalError: none came; the connection is closed.
        """
        try:
            return super().wait(gen, interval, timeout or self.silence_seconds)
        except _WaitTimeout:
            self.pgconn.finish()
            raise psycopg.OperationalError(
                f"the server did not answer for {self.silence_seconds:g} s"
            ) from None
