"""What a database error means: run the transaction again, the database is away, or our mistake."""

from __future__ import annotations

import sqlite3
from enum import Enum, auto
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from domain.explained import Explained


class StoreAway(Explained):
    """The database is away, busy or full. The call may be repeated later.

    If the connection broke during a commit, it is not known whether the commit took effect. So
    every write is a function that may run again: it first looks for its own row, by its id.
    """


class BadDatabaseUrl(Explained, ValueError):
    """The URL names no database that we can use. The text says why, without the password."""


class Fault(Enum):
    """What a database error means."""

    OVERTAKEN = auto()
    """The transaction was rolled back in favour of another one."""
    TAKEN = auto()
    """A unique value exists already. Another transaction came first, or we made a mistake."""
    LOST = auto()
    """The connection is gone, and with it everything that was not committed."""
    AWAY = auto()
    """The database cannot do it now."""
    OURS = auto()
    """A mistake in our code or schema: running it again would change nothing."""


#: SQLite's codes without their details: busy, locked, out of memory, read-only, interrupted,
#: I/O error, full, cannot open, protocol (of the write-ahead log).
_SQLITE_AWAY: Final = frozenset({5, 6, 7, 8, 9, 10, 13, 14, 15})

#: PostgreSQL's codes (its manual, appendix A). The longest prefix that matches counts.
_POSTGRESQL: Final = {
    "08": Fault.LOST,  # connection exceptions
    "23505": Fault.TAKEN,
    "25006": Fault.AWAY,  # read-only: a standby, or set so by its administrators
    "25P03": Fault.LOST,  # cut off after being idle in a transaction for too long
    "28": Fault.AWAY,  # login refused: the password may be about to change
    "3D000": Fault.AWAY,  # no such database (yet)
    "40001": Fault.OVERTAKEN,  # serialization failure
    "40003": Fault.LOST,  # not known whether the statement completed
    "40P01": Fault.OVERTAKEN,  # deadlock
    "42501": Fault.AWAY,  # a right is missing: people may grant it
    "53": Fault.AWAY,  # out of disk, memory or connections
    "55P03": Fault.AWAY,  # lock timeout
    "57014": Fault.AWAY,  # statement timeout, or cancelled by an administrator
    "57P": Fault.LOST,  # shutting down, starting up, or crashed
    "58": Fault.AWAY,  # system error outside PostgreSQL
}


def fault_of(error: BaseException) -> Fault:
    """What an error raised by a transaction means."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        return Fault.AWAY if code in _SQLITE_AWAY else Fault.OURS
    code = getattr(cause, "sqlstate", None) or ""
    if not code and isinstance(error, OperationalError | InterfaceError):
        # The driver's own error: no connection could be made, or there was one, which is LOST.
        return Fault.LOST if error.connection_invalidated else Fault.AWAY
    for length in range(len(code), 1, -1):
        if (fault := _POSTGRESQL.get(code[:length])) is not None:
            return fault
    return Fault.OURS


def words_of(error: BaseException) -> str:
    """The error in one line, without statements or values."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    if isinstance(cause, OSError):
        return cause.strerror or str(cause) or type(cause).__name__
    diagnosed = getattr(getattr(cause, "diag", None), "message_primary", None)
    return str(diagnosed or cause).partition("\n")[0] or type(cause).__name__
