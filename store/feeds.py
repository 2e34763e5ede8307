"""How far the events of our accounts were read from the partners' lists, and what was missed.

The cursor moves only after the events before it are in the inbox. So if a process dies or a partner
does not answer, the same events are read again, and the inbox has each of them once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from domain.lifecycle.places import AccountPlace
from domain.lifecycle.profile import Quota
from domain.lifecycle.questions import TASK_DUE_WITHIN, TASK_OWNER
from domain.lifecycle.turns import Line
from store.database import Database
from store.locks import hold
from store.tables.lifecycles import LifecycleRow
from store.tables.partners import FeedRow
from store.tables.people import TaskRow
from store.turns import next_turn

#: The kind of the question about events that no list shows any more.
EVENTS_MISSED: Final = "events_missed"
#: The first reading begins this much later than the oldest event that a partner lists. So it may
#: fail for a day before an event is missed.
_FIRST_WITHIN: Final = timedelta(days=1)


@dataclass(frozen=True)
class Reading:
    """Where a feed is read from now.

    Attributes:
        missed_since: the partner no longer lists all events after this moment; None: it does.
    """

    since: datetime
    cursor: str | None
    missed_since: datetime | None = None


class Feeds:
    """The feeds of all accounts. A place has one row, whatever names it had before."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self,
        feed: AccountPlace,
        *,
        kept: timedelta,
        again_after: timedelta,
        login: str,
        quota: Quota | None,
        now: datetime,
    ) -> Reading | None:
        """Take a turn to read the next page. None: nothing is due yet.

        A page counts against the login's quota as the read of a payment does. If its turn is
        later, the feed waits until then.

        Args:
            kept: how long the partner lists an event.
            again_after: the pause until the next attempt, should this one come to nothing.
        """

        def transaction(session: Session) -> Reading | None:
            row = _row(session, feed, kept, now)
            if now < row.due_at:
                return None
            if quota is not None and row.read_turn_at is None:
                at = next_turn(session, feed.partner, login, quota, Line.LATE, now)
                if now < at:
                    row.due_at = row.read_turn_at = at
                    return None
            row.due_at, row.read_turn_at = now + again_after, None
            read_to = row.read_at or row.through
            is_missed = read_to < now - kept
            return Reading(row.through, row.cursor, read_to if is_missed else None)

        return await self._database.write(transaction)

    async def passed(
        self,
        feed: AccountPlace,
        *,
        newest: datetime | None,
        cursor: str | None,
        is_last: bool,
        now: datetime,
    ) -> None:
        """Note that a page is in the inbox. If it was not the last one, the next is due at once.

        Args:
            newest: when the newest of its events happened; None if it had none.
        """

        def transaction(session: Session) -> None:
            row = _known(session, feed)
            if row is None:
                return
            if newest is not None:
                row.through = max(row.through, newest)
            row.cursor = cursor
            if is_last:
                row.read_at = now
            else:
                row.due_at = now

        await self._database.write(transaction)

    async def postpone(self, feed: AccountPlace, until: datetime) -> None:
        """Note that the partner may not be asked before this moment."""

        def transaction(session: Session) -> None:
            if (row := _known(session, feed)) is not None:
                row.due_at = max(row.due_at, until)

        await self._database.write(transaction)

    async def ask_about(self, feed: AccountPlace, since: datetime, now: datetime) -> bool:
        """Open the task about events that the partner no longer lists. False if it is known."""
        named = "\x1f".join((EVENTS_MISSED, feed.partner, feed.account, since.isoformat()))
        task_id = f"task_{hashlib.sha256(named.encode()).hexdigest()[:20]}"

        def transaction(session: Session) -> bool:
            hold(session, named)
            if session.get(TaskRow, task_id) is not None:
                return False
            session.add(
                TaskRow(
                    task_id=task_id,
                    partner=feed.partner,
                    partner_account=feed.account,
                    kind=EVENTS_MISSED,
                    question=(
                        f"The events of {feed.partner}/{feed.account} were read until "
                        f"{since:%Y-%m-%d %H:%M} UTC, and {feed.partner} no longer lists all that "
                        "came after. All open payments of the account are read once more. "
                        "Compare the refunds, disputes and failed payouts since then that the "
                        "partner shows for payments that have ended."
                    ),
                    owner=TASK_OWNER,
                    due_at=now + TASK_DUE_WITHIN,
                    opened_at=now,
                )
            )
            return True

        return await self._database.write(transaction)


def _known(session: Session, feed: AccountPlace) -> FeedRow | None:
    """The place's row, under its name of today."""
    hold(session, f"feeds/{feed.partner}/{feed.account}")
    rows = select(FeedRow).where(
        FeedRow.partner == feed.partner, FeedRow.partner_account == feed.account
    )
    ours = [row for row in session.exec(rows) if feed.is_at(row.place)]
    if not ours:
        return None
    newest = max(ours, key=lambda row: row.through)
    for row in ours:
        if row is not newest:
            session.delete(row)
    newest.place = feed.place
    session.add(newest)
    return newest


def _row(session: Session, feed: AccountPlace, kept: timedelta, now: datetime) -> FeedRow:
    """The place's row, which the first reading makes.

    It begins with our oldest open resource at the account, and now if there is none. Events from
    before are about what has ended, or about other systems that use the same account. Each of the
    latter would become a question to people.
    """
    if (row := _known(session, feed)) is not None:
        return row
    is_open = col(LifecycleRow.is_over).is_(False)
    created = (
        select(LifecycleRow.created_at)
        .where(LifecycleRow.partner == feed.partner)
        .where(LifecycleRow.partner_account == feed.account)
        .where(is_open)
        .order_by(col(LifecycleRow.created_at))
        .limit(1)
    )
    oldest = session.exec(created).first() or now
    row = FeedRow(
        partner=feed.partner,
        partner_account=feed.account,
        place=feed.place,
        through=min(now, max(oldest, now - kept + _FIRST_WITHIN)),
        due_at=now,
    )
    session.add(row)
    return row
