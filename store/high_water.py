"""Whether our own database was set back: an older copy forgets what was sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func
from sqlmodel import Session, col, select

from domain.profile import InstructionKind
from domain.sending import AttemptResult, Closed
from store.books import book_of
from store.cancelling import ask_again
from store.database import Database
from store.folding import Folding
from store.tables import AttemptRow, HaltRow, InstructionRow, PaymentRow

#: Who halts, in the list of halts.
SET_BACK: Final = "upkeep"
#: By how much the server's clock, which dates a round, may be ahead of who closes something.
_CLOCKS_APART: Final = timedelta(minutes=1)
#: Of attempts that nobody saw, and that count as made.
FORGOTTEN: Final = "may have been sent before the database was set back"


class HighWater:
    """The number of attempts ever written, of which Temporal keeps a second copy."""

    def __init__(self, database: Database, folding: Folding) -> None:
        self._database = database
        self._folding = folding

    async def compare(self, known: int, now: datetime, *, since: datetime | None = None) -> int:
        """The number now. Where it is behind what was `known`, nothing new is sent any more.

        Attempts only ever grow in number. Fewer than before means that the database is an older
        copy: everything is halted, and every payment that might have been sent meanwhile counts
        as sent and unknown, so that it is looked up before anything else. The halt is lifted by
        people, once they know which orders the copy has lost altogether.

        Args:
            since: when it was last known not to be a copy. What was closed as unsent after that
                may have been closed on the copy, and is looked up too.
        """

        def stop(session: Session) -> int:
            count = _attempts(session)
            if count < known:
                halt(session, f"it has {count} attempts, {known} were known", now)
            return count

        def doubt_all(session: Session) -> int:
            self._doubt_all(session, now, since)
            return _attempts(session)

        # By itself: a payment of the copy that cannot be opened must not undo the halt.
        count = await self._database.write(stop)
        return count if count >= known else await self._database.write(doubt_all)

    def _doubt_all(self, session: Session, now: datetime, since: datetime | None) -> None:
        might_have_been = col(InstructionRow.closed).is_(None) & col(PaymentRow.is_over).is_(False)
        if since is not None:
            as_unsent = col(InstructionRow.closed).in_((Closed.CANCELLED, Closed.EXPIRED))
            closed_from = since - _CLOCKS_APART
            might_have_been |= as_unsent & (col(InstructionRow.closed_at) >= closed_from)
        rows = session.exec(
            select(InstructionRow)
            .where(InstructionRow.kind == InstructionKind.PAY)
            .where(PaymentRow.payment_id == InstructionRow.payment_id)
            .where(might_have_been)
        ).all()
        for row in rows:
            payment = session.get(PaymentRow, row.payment_id, with_for_update=True)
            assert payment is not None
            if row.closed is not None:
                row.closed = row.closed_at = None
                ask_again(session, payment)
            book = book_of(session, payment, row)
            if not book.answered and not _is_doubted(session, row, since):
                doubt(session, payment, row, len(book.attempts) + 1, now)
                self._folding.refold(session, payment, now)


def halt(session: Session, found: str, now: datetime) -> None:
    """Stop everything: this database has forgotten what it once knew."""
    in_force = (col(HaltRow.by) == SET_BACK) & col(HaltRow.lifted_at).is_(None)
    if session.exec(select(HaltRow.number).where(in_force)).first() is not None:
        return  # Found by several, and to be lifted once.
    why = (
        f"the database was set back: {found}. Look for orders it has lost in your own books "
        "before you lift this"
    )
    session.add(HaltRow(by=SET_BACK, why=why, halted_at=now))


def doubt(
    session: Session, payment: PaymentRow, row: InstructionRow, through: int, now: datetime
) -> None:
    """Count attempts up to that number as made, and nothing known of them.

    They are dated as early as they can have been, so that no key is relied on for longer than
    its partner honours it.
    """
    for number in range(len(book_of(session, payment, row).attempts) + 1, through + 1):
        session.add(
            AttemptRow(
                instruction_id=row.instruction_id,
                number=number,
                generation=max(row.generation, 1),
                opened_at=payment.created_at,
                write_before=now,
                ends_by=now,
                closed_at=now,
                result=AttemptResult.UNKNOWN,
                why=FORGOTTEN,
            )
        )
    session.flush()


def _is_doubted(session: Session, row: InstructionRow, since: datetime | None) -> bool:
    """Whether somebody else found the same before us, and counted on it."""
    last = session.exec(
        select(AttemptRow)
        .where(AttemptRow.instruction_id == row.instruction_id)
        .order_by(col(AttemptRow.number).desc())
        .limit(1)
    ).first()
    if since is None or last is None or last.closed_at is None:
        return False
    return last.why == FORGOTTEN and last.closed_at >= since


def _attempts(session: Session) -> int:
    return session.exec(select(func.count()).select_from(AttemptRow)).one()
