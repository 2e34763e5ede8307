"""What follows when the database was set back: an older copy has forgotten what was sent.

Everything is halted, and every payment that may have been sent counts as sent and unknown, so that
it is looked up or parked before anything else (docs/decisions/0017).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from domain.ids import resource_of
from domain.lifecycle.kinds import making
from domain.lifecycle.sending import Closed
from store.books import FORGOTTEN, book_of
from store.clocks import no_later
from store.database import Database
from store.folding import Folding
from store.forgotten import WHY_MAX, doubt, halt, remember
from store.halts import FROM_SET_BACK, HALTING
from store.kind import OfItsKind
from store.locks import hold
from store.page import page_of
from store.payments import row as resource_row
from store.tables.lifecycles import AttemptRow, InstructionRow, LifecycleRow
from store.tables.people import HaltRow

#: How far Temporal's clock, which dates a round, may be ahead of a process that closes something.
_CLOCKS_APART: Final = timedelta(minutes=1)
#: Instructions read at a time.
_PAGE: Final = 500


class SetBack:
    """Acts once the database is known to be an older copy, or another database."""

    def __init__(self, database: Database, folding: Folding) -> None:
        self._database = database
        self._folding = folding

    async def forgot(self, resource_id: str, now: datetime) -> None:
        """Halt everything, because a workflow runs for a resource that the database does not have.

        While that halt is in force, a repeated call for the same resource changes nothing.
        """
        found = f"it does not have payment {resource_id}, although the payment's workflow runs"
        standing = FROM_SET_BACK & col(HaltRow.lifted_at).is_(None)
        await self._database.write(partial(_halt_once, found, standing, now))

    async def remember(self, resource_id: str, seen: Mapping[str, int], now: datetime) -> OfItsKind:
        """Remember the attempts that the run has seen in each book. Returns the resource's view.

        If the database lacks an instruction that the run has seen, everything is halted.

        Raises:
            UnknownResource: no such resource.
        """

        def transaction(session: Session) -> OfItsKind:
            resource, at = resource_row(session, resource_id), no_later(session, now)
            rows = page_of(session, resource_id).instructions
            for lost in sorted({*seen} - {row.instruction_id for row in rows}):
                # The run goes on without it. Once people have lifted the halt, they know of it.
                found = f"it does not have {lost}, which the payment's workflow has seen"
                _halt_once(found, FROM_SET_BACK, at, session)
            for row in rows:
                remember(session, resource, row, at, known=seen.get(row.instruction_id, 0))
            self._folding.refold_if_readable(session, resource, at)
            return self._folding.view(session, resource)

        return await self._database.write(transaction)

    async def doubt(self, now: datetime, *, since: datetime | None = None) -> None:
        """Count every payment that may have been sent as sent and unknown, once for each halt.

        Each is then looked up, or parked, before anything else. Each payment has its own
        transaction: there may be many, and one that cannot be opened must not stop the others.

        Args:
            since: when the database was last known not to be a copy, unless a halt knows an
                earlier moment. Payments closed as unsent after that may have been closed on the
                copy, so they are looked up too.
        """
        undoubted = FROM_SET_BACK & col(HaltRow.doubted_at).is_(None)
        for found in await self._database.read(
            lambda session: session.exec(select(HaltRow).where(undoubted)).all()
        ):
            known = [at for at in (found.since, since) if at is not None]
            await self._doubt_all(found.halted_at, now, min(known, default=None))
            await self._database.write(partial(_doubted, found.number, found.halted_at, now))

    async def _doubt_all(self, halted_at: datetime, now: datetime, since: datetime | None) -> None:
        might_have_been = _might_have_been(since)
        after = ""
        while page := await self._database.read(partial(_page, might_have_been, after)):
            for instruction_id in page:
                await self._database.write(
                    partial(self._doubt_one, instruction_id, might_have_been, halted_at, now)
                )
            after = page[-1]

    def _doubt_one(
        self,
        instruction_id: str,
        might_have_been: ColumnElement[bool],
        halted_at: datetime,
        now: datetime,
        session: Session,
    ) -> None:
        resource = resource_row(session, resource_of(instruction_id))
        found = select(InstructionRow).where(
            InstructionRow.instruction_id == instruction_id,
            LifecycleRow.resource_id == InstructionRow.resource_id,
            might_have_been,
        )
        row = session.exec(found).one_or_none()
        if row is None:
            return  # It ended meanwhile.
        book = book_of(session, resource, row)
        if book.answered or _is_doubted(session, row, halted_at):
            return
        doubt(session, resource, row, len(book.attempts) + 1, now)
        self._folding.refold_if_readable(session, resource, now)


def _halt_once(found: str, among: ColumnElement[bool], now: datetime, session: Session) -> None:
    """Halt, unless one of those halts says so already: a run finds the same again and again."""
    hold(session, HALTING)
    texts = session.exec(select(HaltRow.why, HaltRow.lifted_at).where(among)).all()
    # A text that has grown too long names nothing new. While it stands, it halts all the same.
    if not any(found in why or (not lifted and len(why) >= WHY_MAX) for why, lifted in texts):
        halt(session, found, now)


def _might_have_been(since: datetime | None) -> ColumnElement[bool]:
    """Selects instructions that a lost database may have sent."""
    is_open = col(InstructionRow.closed).is_(None) & col(LifecycleRow.is_over).is_(False)
    if since is None:
        return is_open
    # Without NOT_EXECUTED: two people have found that out from the partner.
    as_unsent = col(InstructionRow.closed).in_((Closed.CANCELLED, Closed.EXPIRED, Closed.REFUSED))
    return is_open | (as_unsent & (col(InstructionRow.closed_at) >= since - _CLOCKS_APART))


def _page(might_have_been: ColumnElement[bool], after: str, session: Session) -> Sequence[str]:
    return session.exec(
        select(InstructionRow.instruction_id)
        .where(col(InstructionRow.kind).in_(making()))
        .where(LifecycleRow.resource_id == InstructionRow.resource_id)
        .where(might_have_been, col(InstructionRow.instruction_id) > after)
        .order_by(InstructionRow.instruction_id)
        .limit(_PAGE)
    ).all()


def _doubted(number: int | None, halted_at: datetime, now: datetime, session: Session) -> None:
    row = session.get_one(HaltRow, number, with_for_update=True)
    if row.halted_at == halted_at:  # Otherwise it was found again meanwhile, and is doubted again.
        row.doubted_at = now


def _is_doubted(session: Session, row: InstructionRow, since: datetime) -> bool:
    """Whether it was already doubted for this halt, by a process that did not finish the rest."""
    last = session.exec(
        select(AttemptRow)
        .where(AttemptRow.instruction_id == row.instruction_id)
        .order_by(col(AttemptRow.number).desc())
        .limit(1)
    ).first()
    if last is None or last.closed_at is None:
        return False
    return last.why == FORGOTTEN and last.closed_at >= since
