"""Commands: recorded once each, and applied in the same transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from domain.command import CommandKind, Outcome
from domain.payment import Certainty, Payment
from domain.profile import InstructionKind
from domain.report import PaymentState, Report, Source
from domain.sending import AttemptResult, Closed
from domain.states import CANCELLABLE, ENDS
from domain.view import PaymentView
from store.books import instructions_of
from store.cancelling import close_cancelled
from store.database import Database
from store.evidence import keep_report
from store.folding import Folding
from store.inbox import match_reference
from store.payments import row as payment_row
from store.payments import view_of
from store.tables import CommandRow, InstructionRow, PaymentRow

#: Operators `not-executed` needs, and their signatures.
SIGNATURES_NEEDED: Final = 2


class CommandReused(ValueError):
    """The command id stands for another command; nothing was done."""


class CannotResolve(ValueError):
    """The decision does not fit how the payment stands; nothing was recorded."""


@dataclass(frozen=True)
class CommandRecord:
    """One command and what came of it."""

    payment_id: str
    command_id: str
    kind: CommandKind
    by: str
    why: str
    asked_at: datetime
    outcome: Outcome


@dataclass(frozen=True)
class Commanded:
    """The answer of a command: what came of it so far, and the payment as it now stands."""

    command: CommandRecord
    view: PaymentView


class Commands:
    """(payment, command id) is unique: asked again, a command answers and does nothing new."""

    def __init__(self, database: Database, folding: Folding) -> None:
        self._database = database
        self._folding = folding

    async def cancel(
        self, payment_id: str, *, command_id: str, by: str, why: str, now: datetime
    ) -> Commanded:
        """Ask that the payment be taken back, at whatever point it is.

        Unsent, it is cancelled at once. While an attempt lives or is in doubt, none of its bytes
        leave any more and the partner is asked; what the partner holds it is asked to delete.

        Raises:
            UnknownPayment, CommandReused.
        """
        return await self._command(payment_id, CommandKind.CANCEL, command_id, by, why, now)

    async def abandon(
        self, payment_id: str, *, command_id: str, by: str, why: str, now: datetime
    ) -> Commanded:
        """An operator's cancel; a settled payment is asked about no more and ends UNCONFIRMED."""
        return await self._command(payment_id, CommandKind.ABANDON, command_id, by, why, now)

    async def _command(
        self, payment_id: str, kind: CommandKind, command_id: str, by: str, why: str, now: datetime
    ) -> Commanded:
        def transaction(session: Session) -> Commanded:
            row = payment_row(session, payment_id)
            known = _known(session, row, command_id, kind, by, why)
            if known is None:
                known = _new(session, row, command_id, kind, by, why, now)
                if PaymentState(row.state) in CANCELLABLE:
                    row.cancel_asked_at = row.cancel_asked_at or now
                    close_cancelled(session, row, now)
                elif kind is CommandKind.ABANDON and row.state == PaymentState.SETTLED:
                    self._decide(session, row, PaymentState.UNCONFIRMED, "abandoned", by, why, now)
                    known.outcome, known.outcome_at = Outcome.DONE, now
                else:
                    is_cancelled = row.state == PaymentState.CANCELLED
                    known.outcome = Outcome.DONE if is_cancelled else Outcome.TOO_LATE
                    known.outcome_at = now
                self._folding.refold(session, row, now)
            return Commanded(_record(known), view_of(session, row))

        return await self._database.write(transaction)

    async def executed(
        self,
        payment_id: str,
        *,
        command_id: str,
        by: str,
        why: str,
        now: datetime,
        reference: str | None = None,
    ) -> Commanded:
        """An operator found that the partner executed it, under `reference` where it gave one.

        With a reference the partner is read from now on and has the last word. Without one it
        can never be asked: the payment ends UNCONFIRMED.

        Raises:
            UnknownPayment, CommandReused.
            CannotResolve: nothing about it is in question, or an attempt is under way.
        """

        def transaction(session: Session) -> Commanded:
            row = payment_row(session, payment_id)
            known = _known(session, row, command_id, CommandKind.EXECUTED, by, why)
            if known is None:
                paying = _in_question(session, row, now)
                _keep_reference(session, row, paying, reference)
                paying.found_executed = True
                session.add(paying)
                can_read = paying.partner_reference is not None
                state = PaymentState.SETTLED if can_read else PaymentState.UNCONFIRMED
                self._decide(session, row, state, "found executed", by, why, now)
                known = _new(session, row, command_id, CommandKind.EXECUTED, by, why, now)
                known.outcome, known.outcome_at = Outcome.DONE, now
                self._folding.refold(session, row, now)
            return Commanded(_record(known), view_of(session, row))

        return await self._database.write(transaction)

    async def not_executed(
        self,
        payment_id: str,
        *,
        command_id: str,
        by: str,
        why: str,
        evidence: bytes,
        now: datetime,
        operators: Collection[str],
    ) -> Commanded:
        """One of two operators signs, with evidence, that the partner did not execute it.

        The second signature, by another operator about the same facts, ends the payment as
        rejected, or as cancelled where that was asked: it is never sent again.

        Raises:
            UnknownPayment, CommandReused.
            CannotResolve: nothing about it is in question, an attempt is under way, evidence is
                missing, or there are fewer than two operators.
        """
        if len(set(operators)) < SIGNATURES_NEEDED or by not in operators:
            raise CannotResolve(
                "`not-executed` needs two operators, and you as one of them; "
                "name them in the setting `operators`"
            )
        if not evidence.strip():
            raise CannotResolve("evidence is missing; attach what shows that nothing was executed")

        def transaction(session: Session) -> Commanded:
            row = payment_row(session, payment_id)
            known = _known(session, row, command_id, CommandKind.NOT_EXECUTED, by, why)
            if known is None:
                paying = _in_question(session, row, now)
                known = _new(session, row, command_id, CommandKind.NOT_EXECUTED, by, why, now)
                known.about, known.outcome = _known_now(row), Outcome.PROPOSED
                known.evidence_sealed = self._folding.keyring.seal(
                    evidence, f"commands/{payment_id}/{command_id}"
                )
                session.flush()
                signed = _signatures(session, row)
                if len({c.by for c in signed}) >= SIGNATURES_NEEDED:
                    if paying.closed is None:
                        paying.closed, paying.closed_at = Closed.NOT_EXECUTED, now
                        session.add(paying)
                    is_cancel = row.cancel_asked_at is not None
                    state = PaymentState.CANCELLED if is_cancel else PaymentState.REJECTED
                    names = " and ".join(sorted({c.by for c in signed}))
                    self._decide(session, row, state, "found not executed", names, why, now)
                    for command in signed:
                        command.outcome, command.outcome_at = Outcome.DONE, now
                        session.add(command)
                self._folding.refold(session, row, now)
            return Commanded(_record(known), view_of(session, row))

        return await self._database.write(transaction)

    async def of(self, payment_id: str) -> list[CommandRecord]:
        """All commands of a payment, oldest first."""

        def query(session: Session) -> list[CommandRecord]:
            rows = session.exec(
                select(CommandRow)
                .where(CommandRow.payment_id == payment_id)
                .order_by(col(CommandRow.asked_at))
            )
            return [_record(row) for row in rows]

        return await self._database.read(query)

    def _decide(
        self,
        session: Session,
        row: PaymentRow,
        state: PaymentState,
        words: str,
        by: str,
        why: str,
        now: datetime,
    ) -> None:
        """A decision is a report like any other: it answers what is open, and says a state."""
        payment = Payment.model_validate_json(row.payment_json)
        paying = _paying(session, row)
        report = Report(
            instruction_id=paying.instruction_id,
            source=Source.DECISION,
            as_of=now,
            state=state,
            partner_status=f"{words}, says {by}",
            reason=why,
            partner_reference=paying.partner_reference,
            settles=tuple(f.text for f in payment.findings if f.freezes),
        )
        keep_report(session, row.payment_id, report, now)


def _in_question(session: Session, row: PaymentRow, now: datetime) -> InstructionRow:
    """The PAY instruction, if a person's word about it is wanted."""
    payment = Payment.model_validate_json(row.payment_json)
    for instruction in instructions_of(session, row):
        for attempt in instruction.book.attempts:
            if attempt.result is AttemptResult.OPEN and now < attempt.ends_by:
                raise CannotResolve(
                    f"an attempt is under way until {attempt.ends_by:%H:%M:%S} UTC; "
                    "look again after it"
                )
    is_open = payment.certainty is Certainty.UNKNOWN or payment.is_frozen
    if not is_open:
        advice = "nothing is to be done" if payment.state in ENDS else "the partner has the word"
        raise CannotResolve(f"the payment is {payment.state} and not in question; {advice}")
    return _paying(session, row)


def _paying(session: Session, row: PaymentRow) -> InstructionRow:
    return session.exec(
        select(InstructionRow).where(
            InstructionRow.payment_id == row.payment_id,
            InstructionRow.kind == InstructionKind.PAY,
        )
    ).one()


def _keep_reference(
    session: Session, row: PaymentRow, paying: InstructionRow, reference: str | None
) -> None:
    if reference is None or reference == paying.partner_reference:
        return
    if paying.partner_reference is not None:
        raise CannotResolve(f"the partner's object is {paying.partner_reference}; leave it out")
    owner = session.exec(
        select(InstructionRow.payment_id).where(
            InstructionRow.partner == row.partner,
            InstructionRow.partner_account == row.partner_account,
            InstructionRow.partner_reference == reference,
        )
    ).first()
    if owner is not None:
        raise CannotResolve(f"{reference} is the partner's object of payment {owner}")
    paying.partner_reference = reference
    match_reference(session, row.partner, reference, row.payment_id)


def _signatures(session: Session, row: PaymentRow) -> list[CommandRow]:
    """Proposals about what is known now; those about less count no more."""
    rows = session.exec(
        select(CommandRow).where(
            CommandRow.payment_id == row.payment_id,
            CommandRow.kind == CommandKind.NOT_EXECUTED,
            CommandRow.outcome == Outcome.PROPOSED,
            CommandRow.about == _known_now(row),
        )
    )
    return list(rows)


def _known_now(row: PaymentRow) -> str:
    """What people sign about: where the payment stands and what is open, not when it was read."""
    payment = Payment.model_validate_json(row.payment_json)
    known = (payment.state, payment.certainty, payment.partner_reference or "", payment.amounts.net)
    questions = sorted(finding.text for finding in payment.findings if finding.freezes)
    return hashlib.sha256("\x1f".join(map(str, (*known, *questions))).encode()).hexdigest()[:32]


def _fingerprint(kind: CommandKind, by: str, why: str) -> str:
    return hashlib.sha256(f"{kind}\x1f{by}\x1f{why}".encode()).hexdigest()[:32]


def _known(
    session: Session, row: PaymentRow, command_id: str, kind: CommandKind, by: str, why: str
) -> CommandRow | None:
    known = session.get(CommandRow, (row.payment_id, command_id))
    if known is not None and known.fingerprint != _fingerprint(kind, by, why):
        raise CommandReused(
            f"command {command_id!r} of {row.payment_id} was {known.kind} by {known.by}; "
            "use a new id for a new command"
        )
    return known


def _new(
    session: Session,
    row: PaymentRow,
    command_id: str,
    kind: CommandKind,
    by: str,
    why: str,
    now: datetime,
) -> CommandRow:
    command = CommandRow(
        payment_id=row.payment_id,
        command_id=command_id,
        kind=kind,
        fingerprint=_fingerprint(kind, by, why),
        by=by,
        why=why,
        asked_at=now,
        outcome=Outcome.ASKED,
    )
    session.add(command)
    return command


def _record(row: CommandRow) -> CommandRecord:
    return CommandRecord(
        payment_id=row.payment_id,
        command_id=row.command_id,
        kind=CommandKind(row.kind),
        by=row.by,
        why=row.why,
        asked_at=row.asked_at,
        outcome=Outcome(row.outcome),
    )
