"""Taking a payment back: what follows from a recorded cancel, in the transaction that refolds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, select

from domain.command import TAKING_BACK, CommandKind, Outcome
from domain.ids import instruction_id
from domain.kinds import kind_of
from domain.payment import Certainty, Instruction, Payment
from domain.profile import InstructionKind, Profile
from domain.report import PaymentState
from domain.sending import Closed, Move, next_move
from domain.states import CANCELLABLE
from store.books import instructions_of, profile_of
from store.tables import CommandRow, InstructionRow, PaymentRow

#: A cancel that could not be sent for so long is given up: the payment has gone its way.
_CANCEL_WITHIN: Final = timedelta(days=7)
#: Who asks, where our own checks do.
CHECKS: Final = "our checks"


def close_cancelled(session: Session, row: PaymentRow, now: datetime) -> None:
    """Close what was never sent, in this transaction, which sees no unproven attempt."""
    profile = profile_of(row)
    for instruction in instructions_of(session, row):
        step = next_move(profile.operation(instruction.kind), instruction.book, now)
        if step.move is Move.CANCEL:
            _close(session, instruction, Closed.CANCELLED, now)


def follow_cancel(
    session: Session, row: PaymentRow, payment: Payment, profile: Profile, now: datetime
) -> bool:
    """Ask the partner to take back what it holds; True where a book changed by it.

    A cancel that can change nothing any more is closed, and every command gets its outcome. One
    that was done, and undone by a late answer, is asked again: its wish stands.
    """
    is_alive = came_alive(session, row, payment)
    if is_alive:
        ask_again(session, row)
    asked = [c for c in commands_of(session, row.payment_id) if c.outcome == Outcome.ASKED]
    cancels = [i for i in instructions_of(session, row) if kind_of(i.kind).takes_back]
    underway = [i for i in cancels if not i.book.closed]
    if payment.state not in CANCELLABLE and not is_alive:
        for instruction in underway:
            _close(session, instruction, Closed.MOOT, now)
        is_cancelled = payment.state is PaymentState.CANCELLED
        _answer(session, asked, Outcome.DONE if is_cancelled else Outcome.TOO_LATE, now)
        return bool(underway)
    if not asked or underway or not (is_alive or _is_held(session, row)):
        return False
    if InstructionKind.CANCEL not in profile.operations:
        _answer(session, asked, Outcome.IMPOSSIBLE, now)
        return False
    answered = {c.about for c in asked if c.about}
    refused = [i for i in cancels if i.instruction_id in answered]
    if refused:
        # The partner said no and the payment stands where it stood: asking on would change nothing.
        _answer(session, asked, Outcome.REFUSED, now)
        return False
    new = instruction_id(row.payment_id, InstructionKind.CANCEL, len(cancels) + 1)
    session.add(
        InstructionRow(
            instruction_id=new,
            payment_id=row.payment_id,
            kind=InstructionKind.CANCEL,
            partner=row.partner,
            partner_account=row.partner_account,
            submit_before=now + _CANCEL_WITHIN,
        )
    )
    for command in asked:
        command.about = new
        session.add(command)
    return True


def came_alive(session: Session, row: PaymentRow, payment: Payment) -> bool:
    """Whether the partner accepted after all what proof or people had cancelled; undecided yet."""
    return (
        payment.state is PaymentState.CANCELLED
        and payment.certainty is Certainty.UNKNOWN
        and any(
            i.book.answered and i.book.closed in (Closed.CANCELLED, Closed.NOT_EXECUTED)
            for i in instructions_of(session, row)
            if kind_of(i.kind).opens
        )
    )


def ask_again(session: Session, row: PaymentRow) -> None:
    """Take back the word that it is cancelled, once: what has a CANCEL got its own answer."""
    done = [c for c in commands_of(session, row.payment_id) if c.outcome == Outcome.DONE]
    for command in done:
        if not command.about:
            command.outcome, command.outcome_at = Outcome.ASKED, None
            session.add(command)


def cancel_barred(session: Session, row: PaymentRow, why: str, now: datetime) -> None:
    """Our own checks want it back after something of it has left: their cancel, recorded once."""
    if any(command.by == CHECKS for command in commands_of(session, row.payment_id)):
        return
    row.cancel_asked_at = row.cancel_asked_at or now
    session.add(
        CommandRow(
            payment_id=row.payment_id,
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
    """Everything that was asked of a payment to take it back."""
    rows = session.exec(select(CommandRow).where(CommandRow.payment_id == payment_id))
    return [row for row in rows if row.kind in TAKING_BACK]


def _is_held(session: Session, row: PaymentRow) -> bool:
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
