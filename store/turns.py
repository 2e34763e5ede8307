"""Read turns, which keep all processes together within a partner's quota.

Each turn is one transaction on one row of the login, however many resources wait. A counter of
resources, or of reads per window, was refused (docs/decisions/0023).
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlmodel import Session

from domain.lifecycle.due import read_line, turn_at
from domain.lifecycle.profile import Quota
from domain.lifecycle.turns import Line, Lines, give
from store.database import Database
from store.folding import Folding
from store.kind import OfItsKind
from store.locks import hold
from store.payments import row as resource_row
from store.tables.partners import ReadLinesRow


class ReadTurns:
    """Gives turns to the resources whose reads count against one login's quota."""

    def __init__(self, database: Database, folding: Folding) -> None:
        self._database = database
        self._folding = folding

    async def take(self, payment_id: str, login: str, quota: Quota, now: datetime) -> OfItsKind:
        """Take a turn. None if the resource may be read now; otherwise its view, with a later turn.

        If its turn has come, this call uses it up. If the process dies after that, the resource
        needs another turn, so that the partner is never asked more often than it allows.

        Args:
            login: the login that the read uses.
            quota: today's, not the one of the resource's profile, since all resources of the login
                share it.

        Raises:
            UnknownResource: no such resource.
        """

        def transaction(session: Session) -> OfItsKind:
            row = resource_row(session, payment_id)
            view = self._folding.view(session, row)
            at = turn_at(view)
            if at is None:
                at = next_turn(session, view.partner, login, quota, read_line(view), now)
                if now < at:
                    row.read_turn_at, row.read_line = at, read_line(view)
                    return self._folding.refold(session, row, now)
            elif now < at:
                return view
            row.read_turn_at = row.read_line = None
            session.add(row)
            return None

        return await self._database.write(transaction)


def next_turn(
    session: Session, partner: str, login: str, quota: Quota, line: Line, now: datetime
) -> datetime:
    """The next turn in a login's line. This transaction takes it."""
    login_hash = hashlib.sha256(login.encode()).hexdigest()[:32]
    hold(session, f"read_lines/{partner}/{login_hash}")
    row = session.get(ReadLinesRow, (partner, login_hash))
    lines = Lines(now, now) if row is None else Lines(row.soon_until, row.late_until)
    at, lines = give(quota, lines, line, now)
    if row is None:
        row = ReadLinesRow(
            partner=partner,
            login_hash=login_hash,
            soon_until=lines.soon,
            late_until=lines.late,
        )
    row.soon_until, row.late_until = lines
    session.add(row)
    return at
