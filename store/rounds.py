"""Rounds of upkeep, which show whether the database or Temporal was restored from a backup.

Each round leaves a random mark in the database and with Temporal. A count of attempts was refused:
a database that was set back could overtake it (docs/decisions/0017).
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final

from sqlalchemy import func
from sqlmodel import Session, col, delete, select

from domain.explained import Explained
from domain.lifecycle.witness import Known, Mark
from store.database import Database
from store.forgotten import halt
from store.locks import hold
from store.set_back import SetBack
from store.tables.lifecycles import AttemptRow
from store.tables.upkeep import InstallationRow, RoundRow

#: Rounds that are kept: two days at the usual pace. Temporal remembers the last one that ended, so
#: only a Temporal that was itself set back further asks for an older one.
KEPT: Final = 10_000


class NotProven(Explained):
    """It is not known whether the database was set back. Nothing was done."""


class Rounds:
    """The rounds of upkeep. Temporal keeps a copy of the last one's mark."""

    def __init__(self, database: Database, set_back: SetBack) -> None:
        self._database = database
        self._set_back = set_back

    async def prove(self, known: Known, now: datetime) -> tuple[Mark, str]:
        """Prove that the database is the one Temporal knows, and note the next mark.

        If the database does not have the mark that Temporal remembers, it is an older copy or
        another database. Then everything is halted, and each payment that may have been sent
        meanwhile counts as sent and unknown. If the round's workflow fails after this, its mark
        stays here and nobody asks for it.

        Returns:
            The mark for Temporal to remember, and what shows that the database was set back, or "".

        Raises:
            NotProven: Temporal remembers no round of ours, although the database has some.
        """
        await self.require_ours(known)

        def look(session: Session) -> str:
            found = _missing(session, known)
            if found:
                halt(session, found, now)
            return found

        # In its own transaction: a payment that cannot be opened must not undo the halt.
        found = await self._database.write(look)
        await self._set_back.doubt(now, since=known.at)
        return await self._database.write(lambda session: _note(session, known, now)), found

    async def require_ours(self, known: Known) -> None:
        """Require that what Temporal remembers is ours, or that there was no round yet.

        Raises:
            NotProven: no round in Temporal is ours, although the database has some.
        """
        if not known.refused:
            return
        if await self._database.read(_has_rounds):
            raise NotProven(
                f"it cannot be proven whether the database was set back: {known.refused}. Nothing "
                "is sent until a person has checked it: see 'Rounds of upkeep that are not ours' "
                "in docs/operations.md"
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
        return f"it has {count} attempts, but had {known.attempts} before" if behind else ""
    if session.get(RoundRow, (mark.number, mark.nonce)) is not None:
        return ""
    if mark.installation != _installation(session):
        return "it is not the database that this Temporal knows, or a copy from before any round"
    newest = session.exec(select(func.max(RoundRow.number))).one() or 0
    if mark.number <= newest - KEPT:
        return ""  # Temporal was set back, to a round that is too old to be kept here.
    at = f", which ended at {known.at:%Y-%m-%d %H:%M:%S} UTC" if known.at else ""
    return f"it does not have round {mark.number} of upkeep{at}"


def _note(session: Session, known: Known, now: datetime) -> Mark:
    hold(session, "rounds")
    newest = session.exec(select(func.max(RoundRow.number))).one() or 0
    lost = known.mark
    if lost is not None:
        newest = max(newest, lost.number)
        # The missing mark has been dealt with. If this round fails, it is not found missing again.
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
