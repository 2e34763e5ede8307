"""Cancelling a resource: what a recorded cancel causes, in the transaction that refolds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, select

from domain.ids import instruction_id
from domain.lifecycle.command import TAKING_BACK, CommandKind, Outcome
from domain.lifecycle.kind import LifecycleKind
from domain.lifecycle.kinds import kind_of
from domain.lifecycle.profile import Profile
from domain.lifecycle.resource import Certainty, Folded, Instruction
from domain.lifecycle.sending import Closed, Move, next_move
from store.books import instructions_of, profile_of
from store.page import page_of
from store.tables.lifecycles import CommandRow, InstructionRow, LifecycleRow

#: A CANCEL that could not be sent within this time expires: the resource has moved on by then.
_CANCEL_WITHIN: Final = timedelta(days=7)
#: `CommandRow.by` of a cancel that our own checks ask for.
CHECKS: Final = "our checks"


def close_cancelled(session: Session, row: LifecycleRow, now: datetime) -> None:
    """Close instructions that had no effect. This transaction sees that no attempt is unproven."""
    profile = profile_of(row)
    for instruction in instructions_of(session, row):
        step = next_move(profile.operation(instruction.kind), instruction.book, now)
        if step.move is Move.CANCEL:
            _close(session, instruction, Closed.CANCELLED, now)


def close_ended(
    session: Session,
    kind: LifecycleKind,
    folded: Folded,
    instructions: Iterable[Instruction],
    now: datetime,
) -> bool:
    """Close captures that were not sent before the end. True if there was one.

    Of a payment that people are told was not executed, nothing is captured any more.
    """
    if folded.state not in kind.ends:
        return False
    unsent = [
        i
        for i in instructions
        if kind_of(i.kind).is_stopped_by_cancel
        and not (kind_of(i.kind).opens or i.book.attempts or i.book.closed)
    ]
    for instruction in unsent:
        _close(session, instruction, Closed.CANCELLED, now)
    return bool(unsent)


def follow_cancel(
    session: Session,
    kind: LifecycleKind,
    row: LifecycleRow,
    folded: Folded,
    profile: Profile,
    now: datetime,
) -> bool:
    """Create a CANCEL instruction for what the partner holds. True if a book changed.

    If the resource can no longer be cancelled, open CANCEL instructions are closed as moot, and
    every command gets its outcome. If a late answer shows that a cancelled resource was accepted
    after all, its command is reopened and a CANCEL is sent.
    """
    is_alive = came_alive(session, kind, row, folded)
    if is_alive:
        ask_again(session, row)
    asked = [c for c in commands_of(session, row.resource_id) if c.outcome == Outcome.ASKED]
    cancels = [i for i in instructions_of(session, row) if kind_of(i.kind).takes_back]
    underway = [i for i in cancels if not i.book.closed]
    if folded.state not in kind.cancellable and not is_alive:
        for instruction in underway:
            _close(session, instruction, Closed.MOOT, now)
        is_cancelled = folded.state == kind.cancelled
        _answer(session, asked, Outcome.DONE if is_cancelled else Outcome.TOO_LATE, now)
        return bool(underway)
    if not asked or underway or not (is_alive or _is_held(session, row)):
        return False
    if kind.taking_back not in profile.operations:
        _answer(session, asked, Outcome.IMPOSSIBLE, now)
        return False
    answered = {c.about for c in asked if c.about}
    refused = [i for i in cancels if i.instruction_id in answered]
    if refused:
        # The partner refused, and the resource is where it was: asking again would change nothing.
        _answer(session, asked, Outcome.REFUSED, now)
        return False
    new = instruction_id(row.resource_id, kind.taking_back, len(cancels) + 1)
    page_of(session, row.resource_id).add(
        InstructionRow(
            instruction_id=new,
            resource_id=row.resource_id,
            kind=kind.taking_back,
            partner=row.partner,
            partner_account=row.partner_account,
            submit_before=now + _CANCEL_WITHIN,
        )
    )
    for command in asked:
        command.about = new
        session.add(command)
    return True


def came_alive(session: Session, kind: LifecycleKind, row: LifecycleRow, folded: Folded) -> bool:
    """Whether the partner accepted a resource that we had closed, and nobody has decided about it.

    It was closed as cancelled because it was proven unsent, or because people found that it was
    not executed.
    """
    return (
        folded.state == kind.cancelled
        and folded.certainty is Certainty.UNKNOWN
        and any(
            i.book.answered and i.book.closed in (Closed.CANCELLED, Closed.NOT_EXECUTED)
            for i in instructions_of(session, row)
            if kind_of(i.kind).opens
        )
    )


def ask_again(session: Session, row: LifecycleRow) -> None:
    """Reopen the cancel command once.

    A command that has a CANCEL instruction stays as it is: that instruction's outcome answers it.
    """
    done = [c for c in commands_of(session, row.resource_id) if c.outcome == Outcome.DONE]
    for command in done:
        if not command.about:
            command.outcome, command.outcome_at = Outcome.ASKED, None
            session.add(command)


def cancel_barred(session: Session, row: LifecycleRow, why: str, now: datetime) -> None:
    """Record, once, a cancel by our own checks: they bar a payment that may have been sent."""
    if any(command.by == CHECKS for command in commands_of(session, row.resource_id)):
        return
    row.cancel_asked_at = row.cancel_asked_at or now
    session.add(
        CommandRow(
            resource_id=row.resource_id,
            command_id=f"checks/{now.isoformat()}",
            kind=CommandKind.CANCEL,
            fingerprint="",
            by=CHECKS,
            why=why,
            asked_at=now,
            outcome=Outcome.ASKED,
            notified_at=now,
        )
    )


def commands_of(session: Session, payment_id: str) -> Sequence[CommandRow]:
    """The resource's cancel and abandon commands."""
    rows = session.exec(select(CommandRow).where(CommandRow.resource_id == payment_id))
    return [row for row in rows if row.kind in TAKING_BACK]


def _is_held(session: Session, row: LifecycleRow) -> bool:
    return any(
        i.book.answered and not i.book.closed
        for i in instructions_of(session, row)
        if kind_of(i.kind).opens
    )


def _answer(
    session: Session, commands: Sequence[CommandRow], outcome: Outcome, now: datetime
) -> None:
    for command in commands:
        command.outcome, command.outcome_at = outcome, now
        session.add(command)


def _close(session: Session, instruction: Instruction, why: Closed, now: datetime) -> None:
    row = session.get(InstructionRow, instruction.instruction_id)
    assert row is not None
    row.closed, row.closed_at = why, now
    session.add(row)
