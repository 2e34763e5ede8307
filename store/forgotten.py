"""What this database has forgotten: attempts that a run remembers, or that the partner shows.

`remember` is the one place where such knowledge enters a book. Whoever sends, closes or ends a
payment calls it first, under the payment's lock. The alternative, to do so only before a send, let
a payment that the partner had executed be cancelled, barred or refused as if it were unsent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from domain.kinds import kind_of
from domain.sending import AttemptResult, Book, Closed
from store.books import FORGOTTEN, book_of
from store.cancelling import ask_again
from store.halts import FROM_SET_BACK, HALTING, SET_BACK
from store.locks import hold
from store.requests import key_of, operation_of
from store.tables import AttemptRow, HaltRow, InstructionRow, PaymentRow, StrangerRow

#: Why a PAY is closed although nothing of it is known to have been executed.
AS_UNSENT: Final = (Closed.CANCELLED, Closed.EXPIRED, Closed.REFUSED, Closed.NOT_EXECUTED)
#: Many runs may find that the database was set back: their words are enough at this length.
WHY_MAX: Final = 2000
#: Keys after the present one that a lost database may have used, where a stored failure burns one.
_GENERATIONS_AHEAD: Final = 16
_MICROSECOND: Final = timedelta(microseconds=1)
#: Asked for each order that is accepted and each step: to build it costs more than to run it.
_STRANGERS: Final = select(StrangerRow.partner_key, StrangerRow.created_at).where(
    StrangerRow.partner == bindparam("partner"),
    StrangerRow.partner_account == bindparam("account"),
    col(StrangerRow.partner_key).in_(bindparam("keys", expanding=True)),
)


def remember(
    session: Session, payment: PaymentRow, row: InstructionRow, now: datetime, *, known: int = 0
) -> Book:
    """The book of an instruction, after everything forgotten was written into it as in doubt.

    Args:
        known: how many attempts the payment's run has seen. If the book has fewer, the database
            is an older copy, and everything is halted.
    """
    book = book_of(session, payment, row)
    if len(book.attempts) < known:
        halt(session, f"{row.instruction_id} has {len(book.attempts)} of {known} attempts", now)
        doubt(session, payment, row, known, now)
        book = book_of(session, payment, row)
    for generation, made_at in _shown(session, payment, row, book):
        # The partner has it, from a database that was lost. So it is looked up, not sent.
        through = len(book.attempts) + 1
        doubt(session, payment, row, through, now, sent_at=made_at, generation=generation)
        book = book_of(session, payment, row)
    return book


def halt(session: Session, found: str, now: datetime, *, since: datetime | None = None) -> None:
    """Stop everything: this database has forgotten what it once knew.

    The halt is lifted by people, once they know which orders the copy has lost altogether.

    Args:
        since: from when on payments were closed by a database that had forgotten, if it is known.
    """
    hold(session, HALTING)
    in_force = FROM_SET_BACK & col(HaltRow.lifted_at).is_(None)
    row = session.exec(select(HaltRow).where(in_force).with_for_update()).first()
    if row is not None:
        # To be lifted once. The copy may be of a time when the halt stood and was doubted, and
        # what was sent after it was lifted is forgotten: all is doubted anew.
        row.halted_at = max(now, row.halted_at + _MICROSECOND)
        row.doubted_at = None
        row.since = min((at for at in (row.since, since) if at is not None), default=None)
        if found not in row.why and len(row.why) < WHY_MAX:
            row.why = f"{row.why}; {found}"
        return
    why = (
        f"the database was set back: {found}. Look for orders it has lost in your own books "
        "before you lift this"
    )
    session.add(HaltRow(by=SET_BACK, why=why, halted_at=now, since=since))


def doubt(
    session: Session,
    payment: PaymentRow,
    row: InstructionRow,
    through: int,
    now: datetime,
    *,
    sent_at: datetime | None = None,
    generation: int | None = None,
    why: str = FORGOTTEN,
) -> None:
    """Count attempts up to that number as made, and nothing known of them.

    They are dated as early as they can have been, so that no key is relied on for longer than
    its partner honours it: when the order was accepted, or when the partner made the payment. A
    payment that was closed as unsent is open again, and is looked up.
    """
    generation = generation or max(row.generation, 1)
    row.generation = max(row.generation, generation)
    operation = operation_of(payment, row)
    # Its process may live, and has as long to write and to be answered as if it began now.
    write_before = now + operation.write_within
    book = book_of(session, payment, row)
    for number in range(len(book.attempts) + 1, through + 1):
        session.add(
            AttemptRow(
                instruction_id=row.instruction_id,
                number=number,
                generation=generation,
                opened_at=min(sent_at or payment.created_at, payment.created_at),
                write_before=write_before,
                ends_by=write_before + operation.answer_within,
                closed_at=now,
                result=AttemptResult.UNKNOWN,
                why=why,
                partner_key=key_of(payment, row, generation),
            )
        )
    if kind_of(row.kind).opens and row.closed in AS_UNSENT and not book.answered:
        row.reopened, row.closed, row.closed_at = row.closed, None, None
        ask_again(session, payment)
    session.add(row)
    session.flush()


def _shown(
    session: Session, payment: PaymentRow, row: InstructionRow, book: Book
) -> Sequence[tuple[int, datetime]]:
    """Generations of its key under which the partner shows a payment that no attempt explains,
    and when the partner made it. An attempt that never left explains nothing."""
    if not kind_of(row.kind).opens:
        return []
    burns_keys = operation_of(payment, row).idempotency.caches_errors
    last = max(row.generation, 1) + (_GENERATIONS_AHEAD if burns_keys else 0)
    explained = {attempt.generation for attempt in book.attempts if attempt.reached}
    keys = {
        key_of(payment, row, generation): generation
        for generation in range(1, last + 1)
        if generation not in explained
    }
    if not keys:
        return []
    # At whatever place of the account it was found: to look once too often costs nothing.
    of = {"partner": row.partner, "account": row.partner_account, "keys": list(keys)}
    made_at: dict[int, datetime] = {}
    for key, created_at in session.exec(_STRANGERS, params=of):
        made_at[keys[key]] = min(made_at.get(keys[key], created_at), created_at)
    return sorted(made_at.items())
