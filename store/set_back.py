"""A database that was set back: an older copy has forgotten what was sent."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from domain.ids import payment_of
from domain.profile import InstructionKind
from domain.sending import AttemptResult, Closed
from store.books import FORGOTTEN, book_of
from store.cancelling import ask_again
from store.database import Database
from store.folding import Folding
from store.halts import FROM_SET_BACK, HALTING, SET_BACK
from store.keyring import KeyringError
from store.locks import hold
from store.payments import row as payment_row
from store.requests import key_of
from store.tables import AttemptRow, HaltRow, InstructionRow, PaymentRow

log = logging.getLogger("finality.store")

#: By how much the server's clock, which dates a round, may be ahead of who closes something.
_CLOCKS_APART: Final = timedelta(minutes=1)
_MICROSECOND: Final = timedelta(microseconds=1)
#: Many runs may find it at once: their words are enough at this length.
_WHY_MAX: Final = 2000
#: Payments that are looked for at a time.
_PAGE: Final = 500


class SetBack:
    """What follows once the database is known to be an older copy, or another one."""

    def __init__(self, database: Database, folding: Folding) -> None:
        self._database = database
        self._folding = folding

    async def forgot(self, payment_id: str, now: datetime) -> None:
        """A run lives whose payment the database does not hold: halt everything."""
        found = f"it does not hold payment {payment_id}, of which a workflow runs"

        def transaction(session: Session) -> None:
            hold(session, HALTING)
            standing = FROM_SET_BACK & col(HaltRow.lifted_at).is_(None)
            texts = session.exec(select(HaltRow.why).where(standing)).all()
            # A run asks again and again. What it has found before is nothing new.
            if not any(found in why or len(why) >= _WHY_MAX for why in texts):
                halt(session, found, now)

        await self._database.write(transaction)

    async def doubt(self, now: datetime, *, since: datetime | None = None) -> None:
        """Count every payment that may have been sent as sent and unknown, once for each halt.

        So each is looked up, or parked, before anything else. One payment is one transaction: many
        take a while, and one that cannot be opened keeps no other from being doubted.

        Args:
            since: when the database was last known not to be a copy. What was closed as unsent
                after that may have been closed on the copy, and is looked up too.
        """
        undoubted = FROM_SET_BACK & col(HaltRow.doubted_at).is_(None)
        for found in await self._database.read(
            lambda session: session.exec(select(HaltRow).where(undoubted)).all()
        ):
            await self._doubt_all(found.halted_at, now, since)
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
        payment = payment_row(session, payment_of(instruction_id))
        found = select(InstructionRow).where(
            InstructionRow.instruction_id == instruction_id,
            PaymentRow.payment_id == InstructionRow.payment_id,
            might_have_been,
        )
        row = session.exec(found).one_or_none()
        if row is None:
            return  # It ended meanwhile.
        if row.closed is not None:
            row.closed = row.closed_at = None
            ask_again(session, payment)
        book = book_of(session, payment, row)
        if book.answered or _is_doubted(session, row, halted_at):
            return
        doubt(session, payment, row, len(book.attempts) + 1, now)
        try:
            self._folding.refold(session, payment, now)
        except KeyringError:
            log.error("payment %s: the keyring lacks the key it was sealed with", row.payment_id)


def _might_have_been(since: datetime | None) -> ColumnElement[bool]:
    """Of a PAY: whether it may have been sent by a database that is lost."""
    is_open = col(InstructionRow.closed).is_(None) & col(PaymentRow.is_over).is_(False)
    if since is None:
        return is_open
    as_unsent = col(InstructionRow.closed).in_((Closed.CANCELLED, Closed.EXPIRED))
    return is_open | (as_unsent & (col(InstructionRow.closed_at) >= since - _CLOCKS_APART))


def _page(might_have_been: ColumnElement[bool], after: str, session: Session) -> Sequence[str]:
    return session.exec(
        select(InstructionRow.instruction_id)
        .where(InstructionRow.kind == InstructionKind.PAY)
        .where(PaymentRow.payment_id == InstructionRow.payment_id)
        .where(might_have_been, col(InstructionRow.instruction_id) > after)
        .order_by(InstructionRow.instruction_id)
        .limit(_PAGE)
    ).all()


def _doubted(number: int | None, halted_at: datetime, now: datetime, session: Session) -> None:
    row = session.get_one(HaltRow, number, with_for_update=True)
    if row.halted_at == halted_at:  # Found again meanwhile, it is doubted again.
        row.doubted_at = now


def halt(session: Session, found: str, now: datetime) -> None:
    """Stop everything: this database has forgotten what it once knew.

    The halt is lifted by people, once they know which orders the copy has lost altogether.
    """
    hold(session, HALTING)
    in_force = FROM_SET_BACK & col(HaltRow.lifted_at).is_(None)
    row = session.exec(select(HaltRow).where(in_force).with_for_update()).first()
    if row is not None:
        # To be lifted once. The copy may be of a time when the halt stood and was doubted, and
        # what was sent after it was lifted is forgotten: all is doubted anew.
        row.halted_at = max(now, row.halted_at + _MICROSECOND)
        row.doubted_at = None
        if found not in row.why and len(row.why) < _WHY_MAX:
            row.why = f"{row.why}; {found}"
        return
    why = (
        f"the database was set back: {found}. Look for orders it has lost in your own books "
        "before you lift this"
    )
    session.add(HaltRow(by=SET_BACK, why=why, halted_at=now))


def doubt(
    session: Session,
    payment: PaymentRow,
    row: InstructionRow,
    through: int,
    now: datetime,
    *,
    sent_at: datetime | None = None,
) -> None:
    """Count attempts up to that number as made, and nothing known of them.

    They are dated as early as they can have been, so that no key is relied on for longer than
    its partner honours it: when the order was accepted, or when the partner made the payment.
    """
    generation = max(row.generation, 1)
    for number in range(len(book_of(session, payment, row).attempts) + 1, through + 1):
        session.add(
            AttemptRow(
                instruction_id=row.instruction_id,
                number=number,
                generation=generation,
                opened_at=min(sent_at or payment.created_at, payment.created_at),
                write_before=now,
                ends_by=now,
                closed_at=now,
                result=AttemptResult.UNKNOWN,
                why=FORGOTTEN,
                partner_key=key_of(payment, row, generation),
            )
        )
    session.flush()


def _is_doubted(session: Session, row: InstructionRow, since: datetime) -> bool:
    """Whether it was doubted since then, by a process that did not get to the end."""
    last = session.exec(
        select(AttemptRow)
        .where(AttemptRow.instruction_id == row.instruction_id)
        .order_by(col(AttemptRow.number).desc())
        .limit(1)
    ).first()
    if last is None or last.closed_at is None:
        return False
    return last.why == FORGOTTEN and last.closed_at >= since
