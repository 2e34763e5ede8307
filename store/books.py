"""Builds the books that `next_move` reads from the rows of instructions, attempts and lookups."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from sqlmodel import Session

from domain.lifecycle.kinds import kind_of
from domain.lifecycle.profile import Profile
from domain.lifecycle.resource import Instruction
from domain.lifecycle.sending import (
    Answer,
    Attempt,
    AttemptResult,
    Book,
    Closed,
    LookedUp,
    LookupResult,
)
from domain.money import Money
from store.page import page_of
from store.tables.claims import ClaimRow
from store.tables.lifecycles import AttemptRow, InstructionRow, LifecycleRow, LookupRow

#: The `why` of an attempt that the database has forgotten and that counts as sent.
FORGOTTEN: Final = "may have been sent before the database was set back"
#: The `why` of an attempt that counts as sent because the partner's list contradicts our books.
SHOWN: Final = "the partner shows the payment, which counted as not sent"


def opening_row(session: Session, resource_id: str) -> InstructionRow:
    """The instruction that makes the resource's object at the partner."""
    rows = page_of(session, resource_id).instructions
    return next(row for row in rows if kind_of(row.kind).opens)


def profile_of(resource: LifecycleRow) -> Profile:
    """The partner's profile as it was when the resource was accepted; the resource keeps it."""
    return _profile(resource.profile_json)


# Thousands of payments share one profile, and each of their transactions needs it several times.
@lru_cache(maxsize=64)
def _profile(profile_json: str) -> Profile:
    return Profile.model_validate_json(profile_json)


def book_of(session: Session, resource: LifecycleRow, row: InstructionRow) -> Book:
    """An instruction's book as it stands in this transaction."""
    page, its = page_of(session, resource.resource_id), row.instruction_id
    return _book(resource, row, page.attempts(its), page.lookups(its))


def _book(
    resource: LifecycleRow,
    row: InstructionRow,
    attempts: Sequence[AttemptRow] = (),
    lookups: Sequence[LookupRow] = (),
) -> Book:
    kind = kind_of(row.kind)
    opens = kind.opens
    return Book(
        submit_before=row.submit_before or resource.submit_before,
        attempts=tuple(map(_attempt, attempts)),
        lookups=tuple(
            LookedUp(asked_at=looked.asked_at, result=LookupResult(looked.result))
            for looked in lookups
        ),
        closed=Closed(row.closed) if row.closed else None,
        reopened=Closed(row.reopened) if row.reopened else None,
        held=row.held,
        submit_from=resource.submit_from if opens else None,
        cancel_asked=kind.is_stopped_by_cancel and resource.cancel_asked_at is not None,
        is_gated=opens and kind.moves_money_out,
        gate_passed_at=resource.gate_passed_at if opens else None,
        is_harmless=kind.is_harmless,
    )


def instructions_of(session: Session, resource: LifecycleRow) -> tuple[Instruction, ...]:
    """All instructions of a resource with their books."""
    return tuple(
        _instruction(row, book_of(session, resource, row), claimed_by(session, row))
        for row in page_of(session, resource.resource_id).instructions
    )


def new_instruction(resource: LifecycleRow, row: InstructionRow) -> Instruction:
    """An instruction that is being recorded: nothing was sent and nothing looked up."""
    return _instruction(row, _book(resource, row))


def _instruction(row: InstructionRow, book: Book, amount: Money | None = None) -> Instruction:
    return Instruction(instruction_id=row.instruction_id, kind=row.kind, book=book, amount=amount)


def claimed_by(session: Session, row: InstructionRow) -> Money | None:
    """The amount that an instruction claims; None if it is of a kind that claims none."""
    if not kind_of(row.kind).claims:
        return None
    claim = session.get_one(ClaimRow, row.instruction_id)
    return Money(minor=claim.amount_minor, currency=claim.currency)


def _attempt(row: AttemptRow) -> Attempt:
    return Attempt(
        number=row.number,
        generation=row.generation,
        opened_at=row.opened_at,
        write_before=row.write_before,
        ends_by=row.ends_by,
        result=AttemptResult(row.result),
        answer=Answer(row.answer) if row.answer else None,
        closed_at=row.closed_at,
        server_error=row.server_error,
        not_before=row.not_before,
    )
