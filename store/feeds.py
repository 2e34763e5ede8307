"""How far the events of our accounts were read from the partners' lists, and what was missed.

The cursor moves only after the events before it are in the inbox. So if a process dies or a partner
does not answer, the same events are read again, and the inbox has each of them once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, select

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
            is_missed = row.read_at is not None and row.read_at < now - kept
            return Reading(row.through, row.cursor, row.read_at if is_missed else None)

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
                        f"The events of {feed.partner}/{feed.account} were last read at "
                        f"{since:%Y-%m-%d %H:%M} UTC, and {feed.partner} does not list the oldest "
                        "of them any more. All open payments of the account are read once more. "
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

    It begins as far back as the partner lists events, because an earlier release read none. If
    the account has no payment yet, no event can be about one, and it begins now.
    """
    if (row := _known(session, feed)) is not None:
        return row
    accepted = (
        select(LifecycleRow.resource_id)
        .where(LifecycleRow.partner == feed.partner)
        .where(LifecycleRow.partner_account == feed.account)
        .limit(1)
    )
    is_new = session.exec(accepted).first() is None
    row = FeedRow(
        partner=feed.partner,
        partner_account=feed.account,
        place=feed.place,
        through=now if is_new else now - kept,
        due_at=now,
    )
    session.add(row)
    return row
