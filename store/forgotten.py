"""Attempts that this database has forgotten, but that a run remembers or the partner shows.

`remember` is the only place where they enter a book. Code that accepts, sends, closes or ends a
payment calls it first, under the payment's lock. Calling it only before a send was refused: a
payment that the partner had executed could then be cancelled, barred or refused as if it were
unsent (docs/decisions/0017).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy
from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from domain.lifecycle.kinds import kind_of
from domain.lifecycle.sending import AttemptResult, Book, Closed
from store.books import FORGOTTEN, book_of
from store.cancelling import ask_again
from store.halts import FROM_SET_BACK, HALTING, SET_BACK
from store.locks import hold
from store.page import page_of, plain_rows
from store.parts import in_parts
from store.requests import key_of, operation_of
from store.tables.lifecycles import AttemptRow, InstructionRow, LifecycleRow
from store.tables.partners import StrangerRow
from store.tables.people import HaltRow

#: Reasons for which a PAY is closed as not executed.
AS_UNSENT: Final = (Closed.CANCELLED, Closed.EXPIRED, Closed.REFUSED, Closed.NOT_EXECUTED)
#: Many runs may find that the database was set back. A halt's text grows to about this length.
WHY_MAX: Final = 2000
#: How many later key generations a lost database may have used, where a stored failure burns a key.
_GENERATIONS_AHEAD: Final = 16
_MICROSECOND: Final = timedelta(microseconds=1)
#: Built once: each accepted order and each step runs it, and building costs more than running it.
_STRANGERS: Final = sqlalchemy.select(
    col(StrangerRow.partner_key), col(StrangerRow.created_at)
).where(
    col(StrangerRow.partner) == bindparam("partner"),
    col(StrangerRow.partner_account) == bindparam("account"),
    col(StrangerRow.partner_key).in_(bindparam("keys", expanding=True)),
)


def remember(
    session: Session, resource: LifecycleRow, row: InstructionRow, now: datetime, *, known: int = 0
) -> Book:
    """The book of an instruction, after forgotten attempts were written into it as in doubt.

    Args:
        known: how many attempts the payment's run has seen. If the book has fewer, the database
            is an older copy, and everything is halted.
    """
    book = book_of(session, resource, row)
    if len(book.attempts) < known:
        halt(session, f"{row.instruction_id} has {len(book.attempts)} of {known} attempts", now)
        doubt(session, resource, row, known, now)
        book = book_of(session, resource, row)
    for generation, made_at in _shown(session, resource, row, book):
        # A lost database has sent it, and the partner has it. So it is looked up, not sent.
        through = len(book.attempts) + 1
        doubt(session, resource, row, through, now, sent_at=made_at, generation=generation)
        book = book_of(session, resource, row)
    return book


def shown_among(
    session: Session, new: Iterable[tuple[LifecycleRow, InstructionRow]]
) -> frozenset[str]:
    """Ids of those new payments that the partner shows, and that only `remember` may go on with."""
    of: dict[tuple[str, str], dict[str, str]] = {}
    for resource, row in new:
        keys = of.setdefault((row.partner, row.partner_account), {})
        keys |= dict.fromkeys(_unexplained(resource, row, ()), resource.resource_id)
    return frozenset(
        keys[key]
        for (partner, account), keys in of.items()
        for some in in_parts(keys)
        for key, _ in plain_rows(
            session, _STRANGERS, {"partner": partner, "account": account, "keys": some}
        )
    )


def halt(session: Session, found: str, now: datetime, *, since: datetime | None = None) -> None:
    """Halt all sends, because this database is an older copy, or another database.

    People lift the halt, once they know which orders the copy has lost.

    Args:
        found: what shows that the database was set back, for the halt's text.
        since: the moment from which payments may have been closed by a database that had forgotten
            their sends, if it is known.
    """
    hold(session, HALTING)
    in_force = FROM_SET_BACK & col(HaltRow.lifted_at).is_(None)
    row = session.exec(select(HaltRow).where(in_force).with_for_update()).first()
    if row is not None:
        # One halt, to be lifted once. The copy may date from a time when this halt was in force
        # and already doubted. What was sent after it was lifted is forgotten, so all payments are
        # doubted again.
        row.halted_at = max(now, row.halted_at + _MICROSECOND)
        row.doubted_at = None
        row.since = min((at for at in (row.since, since) if at is not None), default=None)
        if found not in row.why and len(row.why) < WHY_MAX:
            row.why = f"{row.why}; {found}"
        return
    why = (
        f"the database was set back: {found}. Before you lift this halt, look in your own books "
        "for orders that the database has lost"
    )
    session.add(HaltRow(by=SET_BACK, why=why, halted_at=now, since=since))
    session.flush()


def doubt(
    session: Session,
    resource: LifecycleRow,
    row: InstructionRow,
    through: int,
    now: datetime,
    *,
    sent_at: datetime | None = None,
    generation: int | None = None,
    why: str = FORGOTTEN,
) -> None:
    """Add attempts with an unknown result up to that number, as if they had been made.

    They get the earliest possible date, so that no key is relied on for longer than the partner
    honours it: the moment the order was accepted, or the moment the partner created the payment if
    that is earlier. A payment that was closed as unsent is reopened and looked up.

    Args:
        through: the number of the last attempt that the book has afterwards.
        sent_at: when the partner created the payment, if it shows that.
        generation: the key generation of these attempts; by default the instruction's current one.
        why: the text that these attempts carry.
    """
    generation = generation or max(row.generation, 1)
    row.generation = max(row.generation, generation)
    operation = operation_of(resource, row)
    # The process that sends it may still run, so it gets the time of an attempt that begins now.
    write_before = now + operation.write_within
    book, page = book_of(session, resource, row), page_of(session, resource.resource_id)
    for number in range(len(book.attempts) + 1, through + 1):
        page.add(
            AttemptRow(
                instruction_id=row.instruction_id,
                number=number,
                generation=generation,
                opened_at=min(sent_at or resource.created_at, resource.created_at),
                write_before=write_before,
                ends_by=write_before + operation.answer_within,
                closed_at=now,
                result=AttemptResult.UNKNOWN,
                why=why,
                partner_key=key_of(resource, row, generation),
            )
        )
    if kind_of(row.kind).makes and row.closed in AS_UNSENT and not book.answered:
        row.reopened, row.closed, row.closed_at = row.closed, None, None
        if kind_of(row.kind).opens:
            ask_again(session, resource)
    session.add(row)
    session.flush()


def _unexplained(
    resource: LifecycleRow, row: InstructionRow, explained: Collection[int]
) -> dict[str, int]:
    """Keys with their generations under which the partner may show what no attempt explains."""
    if not kind_of(row.kind).makes:
        return {}
    burns_keys = operation_of(resource, row).idempotency.caches_errors
    last = max(row.generation, 1) + (_GENERATIONS_AHEAD if burns_keys else 0)
    return {
        key_of(resource, row, generation): generation
        for generation in range(1, last + 1)
        if generation not in explained
    }


def _shown(
    session: Session, resource: LifecycleRow, row: InstructionRow, book: Book
) -> Sequence[tuple[int, datetime]]:
    """Key generations under which the partner shows a payment that no attempt explains.

    Each comes with the moment the partner created that payment. An attempt of which no byte left
    explains nothing.
    """
    keys = _unexplained(resource, row, {one.generation for one in book.attempts if one.reached})
    if not keys:
        return []
    # The place where it was found is not compared: an unnecessary lookup does no harm.
    of = {"partner": row.partner, "account": row.partner_account, "keys": list(keys)}
    made_at: dict[int, datetime] = {}
    for key, created_at in plain_rows(session, _STRANGERS, of):
        made_at[keys[key]] = min(made_at.get(keys[key], created_at), created_at)
    return sorted(made_at.items())
