"""The database's clock, and how far our processes' clocks were from it and from Temporal's.

PostgreSQL has a clock that all processes share. SQLite has none. There the latest moment at which
a process compared its clock with Temporal's is used instead; it never goes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import func
from sqlmodel import Session, col, delete, select

from domain.clock import APART_MAX, DATABASE, TEMPORAL, Reading
from store.database import Database, compares_clocks
from store.tables.upkeep import ClockRow
from store.wrong_clocks import ask_to_set, close_set

_RECORDED: Final = "what the store has recorded"
#: A process that has compared nothing for this long has ended.
_KEPT_FOR: Final = timedelta(days=1)
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Compared:
    """How far a process's clock was ahead of Temporal's and, on PostgreSQL, of the database's."""

    process: str
    read_at: datetime
    ahead_of_temporal: timedelta
    ahead_of_database: timedelta | None = None

    @property
    def differences(self) -> tuple[timedelta, ...]:
        both = (self.ahead_of_temporal, self.ahead_of_database)
        return tuple(ahead for ahead in both if ahead is not None)


class StoreClocks:
    """The database's clock, and the comparisons that processes have made."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def now(self) -> datetime | None:
        """The database's own clock; None on SQLite, or where a test owns the time."""
        if not self._database.has_clock:
            return None
        return await self._database.read(_own_clock)

    async def keep(
        self,
        process: str,
        read_at: datetime,
        *,
        ahead_of_temporal: timedelta,
        ahead_of_database: timedelta | None,
    ) -> None:
        """Store a process's comparison, for `finality doctor` and for processes without Temporal.

        If its clock is wrong, a task asks people to set it. Once the clock agrees, the task closes.

        Args:
            process: `machine/pid`.
            read_at: when it compared, by Temporal's clock.
            ahead_of_temporal: negative if the process's clock is behind.
            ahead_of_database: the same; None if the database has no clock.
        """
        beside = None if ahead_of_database is None else ahead_of_database // _MILLISECOND
        others = {TEMPORAL: ahead_of_temporal, DATABASE: ahead_of_database or timedelta(0)}
        readings = [Reading(read_at + ahead, read_at, whose) for whose, ahead in others.items()]
        apart = ", ".join(reading.text for reading in readings if reading.is_apart)

        def transaction(session: Session) -> None:
            now = no_later(session, read_at)
            if apart:
                ask_to_set(session, process, apart, now)
            else:
                close_set(session, process, now)
            session.merge(
                ClockRow(
                    process=process,
                    read_at=read_at,
                    ahead_of_temporal_ms=ahead_of_temporal // _MILLISECOND,
                    ahead_of_database_ms=beside,
                )
            )
            session.exec(delete(ClockRow).where(col(ClockRow.read_at) < read_at - _KEPT_FOR))

        await self._database.write(transaction)

    async def compared(self) -> list[Compared]:
        """The last comparison of each process, the newest first. Kept for about a day."""

        def query(session: Session) -> list[Compared]:
            rows = session.exec(select(ClockRow).order_by(col(ClockRow.read_at).desc()))
            return [_compared(row) for row in rows]

        return await self._database.read(query)

    async def latest(self) -> datetime | None:
        """The latest moment by Temporal's clock that any process has recorded."""
        return await self._database.read(_latest)


def agreed(session: Session, now: datetime, process: str = "this machine") -> datetime:
    """`now` as it may be stored: no later than the database's own clock.

    On SQLite, `now` is returned as it is, unless it is far behind the latest recorded moment.

    Raises:
        ClocksApart: our clock and the database's differ too much; nothing may be recorded.
    """
    if (theirs := _own_clock(session)) is not None:
        Reading(now, theirs, DATABASE).require(process)
        return min(now, theirs)
    if compares_clocks(session) and (latest := _latest(session)) is not None and now < latest:
        Reading(now, latest, _RECORDED).require(process)
    return now


def no_later(session: Session, now: datetime) -> datetime:
    """As `agreed`, but never raises: for rows that must be stored whatever the clocks say.

    Such rows are halts and deliveries, for example.
    """
    theirs = _own_clock(session)
    return now if theirs is None else min(now, theirs)


def _own_clock(session: Session) -> datetime | None:
    if not compares_clocks(session) or session.connection().dialect.name != "postgresql":
        return None
    # Not now(): it is the start of the transaction, which may since have waited for a lock.
    found = session.exec(select(func.clock_timestamp())).one()
    assert isinstance(found, datetime)
    return found.astimezone(UTC)


#: Comparisons whose clocks differed are left out: either of the two clocks may be wrong.
_LATEST: Final = (
    select(ClockRow.read_at)
    .where(func.abs(ClockRow.ahead_of_temporal_ms) <= APART_MAX // _MILLISECOND)
    .order_by(col(ClockRow.read_at).desc())
    .limit(1)
)


def _latest(session: Session) -> datetime | None:
    return session.exec(_LATEST).first()


def _compared(row: ClockRow) -> Compared:
    beside = row.ahead_of_database_ms
    return Compared(
        row.process,
        row.read_at,
        row.ahead_of_temporal_ms * _MILLISECOND,
        None if beside is None else beside * _MILLISECOND,
    )
