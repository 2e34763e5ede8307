"""Rounds of upkeep, by which Temporal and the database prove to each other who is older."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final

from sqlalchemy import func
from sqlmodel import Session, col, delete, select

from domain.explained import Explained
from domain.witness import Known, Mark
from store.database import Database
from store.forgotten import halt
from store.locks import hold
from store.set_back import SetBack
from store.tables import AttemptRow, InstallationRow, RoundRow

#: Rounds that are kept, two days of them at the usual pace. Temporal remembers the last one that
#: ended, so only a Temporal that was itself set back for longer asks for an older one.
KEPT: Final = 10_000


class NotProven(Explained):
    """Whether the database was set back is not known; nothing was done."""


class Rounds:
    """A row for each round, of which Temporal keeps a second copy."""

    def __init__(self, database: Database, set_back: SetBack) -> None:
        self._database = database
        self._set_back = set_back

    async def prove(self, known: Known, now: datetime) -> tuple[Mark, str]:
        """A mark for Temporal to remember, and what shows that the database was set back, or "".

        A database that does not hold the mark that Temporal remembers is an older copy, or another
        database. Then everything is halted, and each payment that may have been sent meanwhile
        counts as sent and unknown. A round whose workflow failed after this only leaves a mark
        that nobody asks for.

        Raises:
            NotProven: Temporal remembers no round of ours, and the database has some.
        """
        await self.require_ours(known)

        def look(session: Session) -> str:
            found = _missing(session, known)
            if found:
                halt(session, found, now)
            return found

        # By itself: a payment of the copy that cannot be opened must not undo the halt.
        found = await self._database.write(look)
        await self._set_back.doubt(now, since=known.at)
        return await self._database.write(lambda session: _note(session, known, now)), found

    async def require_ours(self, known: Known) -> None:
        """Let pass what a round of ours left, and that there was none yet.

        Raises:
            NotProven: only others' rounds are in Temporal, although the database has some of ours.
        """
        if not known.refused:
            return
        if await self._database.read(_has_rounds):
            raise NotProven(
                f"whether the database was set back cannot be proven: {known.refused}. Nothing is "
                "sent until somebody has looked: see 'Rounds of upkeep that are not ours' in "
                "docs/operations.md"
            )


def _has_rounds(session: Session) -> bool:
    return session.exec(select(RoundRow.number).limit(1)).first() is not None


def _missing(session: Session, known: Known) -> str:
    mark = known.mark
    if mark is None:
        if not known.attempts:
            return ""
        count = session.exec(select(func.count()).select_from(AttemptRow)).one()
        behind = count < known.attempts
        return f"it has {count} attempts, {known.attempts} were known" if behind else ""
    if session.get(RoundRow, (mark.number, mark.nonce)) is not None:
        return ""
    if mark.installation != _installation(session):
        return "it is another database than this Temporal knows, or a copy from before its rounds"
    newest = session.exec(select(func.max(RoundRow.number))).one() or 0
    if mark.number <= newest - KEPT:
        return ""  # It is Temporal that was set back, to a round too old to be kept here.
    at = f", which ended at {known.at:%Y-%m-%d %H:%M:%S} UTC" if known.at else ""
    return f"it does not hold round {mark.number} of upkeep{at}"


def _note(session: Session, known: Known, now: datetime) -> Mark:
    hold(session, "rounds")
    newest = session.exec(select(func.max(RoundRow.number))).one() or 0
    lost = known.mark
    if lost is not None:
        newest = max(newest, lost.number)
        # What was missing has been dealt with: should this round fail, it is not missed again.
        session.merge(RoundRow(number=lost.number, nonce=lost.nonce, at=now))
    mark = Mark(installation=_installation(session), number=newest + 1, nonce=secrets.token_hex(16))
    session.add(RoundRow(number=mark.number, nonce=mark.nonce, at=now))
    session.exec(delete(RoundRow).where(col(RoundRow.number) <= mark.number - KEPT))
    return mark


def _installation(session: Session) -> str:
    found = session.exec(select(InstallationRow.installation)).first()
    if found is None:
        found = secrets.token_hex(8)
        session.add(InstallationRow(installation=found))
        session.flush()
    return found
