"""What an error of the database means: run again, away for now, or a mistake of ours."""

from __future__ import annotations

import sqlite3
from enum import Enum, auto
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError

from domain.explained import Explained


class StoreAway(Explained):
    """The database is away, busy or full: what was asked may be asked again later.

    The one thing that is not known is whether a commit under way took effect. So whatever is
    written is a function that may run again: it looks first at what is there, by its id.
    """


class BadDatabaseUrl(Explained, ValueError):
    """The URL names no database we can use; the text says why, and never holds the password."""


class Unreachable(OSError):
    """No connection can be made; the text names the address and why."""


class Fault(Enum):
    """What an error of the database means."""

    OVERTAKEN = auto()
    """Rolled back whole in favour of another transaction."""
    TAKEN = auto()
    """A unique value was there. Another put it there first, or it is a mistake of ours."""
    LOST = auto()
    """The connection is gone, and with it what was not committed."""
    AWAY = auto()
    """The database cannot do it now."""
    OURS = auto()
    """A mistake of ours, or of the schema: asking again would change nothing."""


#: SQLite's codes without their details: busy, locked, out of memory, read-only, interrupted,
#: I/O error, full, cannot open, protocol (of the write-ahead log).
_SQLITE_AWAY: Final = frozenset({5, 6, 7, 8, 9, 10, 13, 14, 15})

#: PostgreSQL's codes (its manual, appendix A), by their longest known beginning.
_POSTGRESQL: Final = {
    "08": Fault.LOST,  # connection exceptions
    "23505": Fault.TAKEN,
    "25006": Fault.AWAY,  # read-only: a standby, or made so by its operators
    "25P03": Fault.LOST,  # it stood idle in a transaction for too long, and was cut off
    "28": Fault.AWAY,  # it does not let us in: a password that is being changed
    "3D000": Fault.AWAY,  # no such database (yet)
    "40001": Fault.OVERTAKEN,  # serialization failure
    "40003": Fault.LOST,  # whether the statement was completed is not known
    "40P01": Fault.OVERTAKEN,  # deadlock
    "42501": Fault.AWAY,  # it does not let us do it (yet): rights are granted by people
    "53": Fault.AWAY,  # out of disk, memory or connections
    "55P03": Fault.AWAY,  # a lock was not to be had in time
    "57014": Fault.AWAY,  # it took too long, or an operator stopped it
    "57P": Fault.LOST,  # shutting down, starting up, or crashed
    "58": Fault.AWAY,  # the system under it failed
}


def fault_of(error: BaseException) -> Fault:
    """What to make of an error that came out of a transaction."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        return Fault.AWAY if code in _SQLITE_AWAY else Fault.OURS
    if isinstance(cause, Unreachable):
        return Fault.AWAY
    if isinstance(cause, OSError) or isinstance(error, InterfaceError):
        # The driver's own word for everything between it and the server; lost is what there was.
        had_one = getattr(error, "connection_invalidated", True)
        return Fault.LOST if had_one else Fault.AWAY
    code = _sqlstate(cause)
    for length in range(len(code), 1, -1):
        if (fault := _POSTGRESQL.get(code[:length])) is not None:
            return fault
    return Fault.OURS


def words_of(error: BaseException) -> str:
    """The error in a line, without values: neither statements nor rows."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    if isinstance(cause, OSError):
        return cause.strerror or str(cause) or type(cause).__name__
    said = cause.args[0] if cause.args else type(cause).__name__
    return str(said.get("M", "")) if isinstance(said, dict) else str(said)


def _sqlstate(cause: BaseException | None) -> str:
    said = cause.args[0] if cause is not None and cause.args else None
    return str(said.get("C", "")) if isinstance(said, dict) else ""
