"""What people know when they sign about a payment, and which signatures still stand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

from sqlalchemy import func
from sqlmodel import Session, col, select

from domain.command import CommandKind, Outcome
from domain.kinds import OPENING
from domain.payment import Payment
from domain.report import Report
from domain.statement import Signed, Statement, StatementKind
from store.folding import reports_of
from store.operators import NotSigned, standing, verified
from store.tables import AttemptRow, CommandRow, InstructionRow, PaymentRow, SignatureRow


def require_signed(
    session: Session,
    row: PaymentRow,
    signed: Signed,
    kind: CommandKind,
    content: str,
    now: datetime,
) -> None:
    """Let pass what an operator signed of exactly this payment and decision; it is kept.

    Raises:
        NotSigned: it is no operator's signature, or one for something else.
    """
    said = signed.statement
    wanted = (StatementKind(kind.value), row.payment_id, row.tenant, content)
    if (said.kind, said.subject, said.tenant, said.content) != wanted:
        raise NotSigned(
            f"{said.by!r} signed another decision than this one about {row.payment_id}; sign anew"
        )
    verified(session, signed, now)


def signatures(session: Session, row: PaymentRow) -> list[tuple[CommandRow, SignatureRow]]:
    """Proposals about what is known now, each with its signature; those about less count no more.

    Nor do proposals of somebody who is no operator any more, or has another key since.
    """
    kept = {
        signature.command_id: signature
        for signature in standing(session, StatementKind.NOT_EXECUTED, row.payment_id)
    }
    about = known_now(session, row) if kept else ""
    rows = session.exec(
        select(CommandRow).where(
            CommandRow.payment_id == row.payment_id,
            CommandRow.kind == CommandKind.NOT_EXECUTED,
            CommandRow.outcome == Outcome.PROPOSED,
            CommandRow.about == about,
        )
    )
    return [
        (command, kept[command.command_id])
        for command in rows
        if command.command_id in kept
        and Statement.read(kept[command.command_id].statement).about == about
    ]


def known_now(session: Session, row: PaymentRow) -> str:
    """What people sign about: where it stands, what is open, all that was sent and said.

    Not when it was read: the same word said once more is nothing new. A word taken back and
    said again is, and so is another attempt, though the payment stand where it stood.
    """
    payment = Payment.model_validate_json(row.payment_json)
    known = (payment.state, payment.certainty, payment.partner_reference or "", payment.amounts.net)
    questions = sorted(finding.text for finding in payment.findings if finding.freezes)
    sent = session.exec(
        select(func.count())
        .select_from(AttemptRow)
        .where(AttemptRow.instruction_id == InstructionRow.instruction_id)
        .where(InstructionRow.payment_id == row.payment_id)
        .where(col(InstructionRow.kind).in_(OPENING))
    ).one()
    said = _words(reports_of(session, row.payment_id))
    facts = "\x1f".join(map(str, (*known, *questions, sent, *said)))
    return hashlib.sha256(facts.encode()).hexdigest()[:32]


def _words(reports: list[Report]) -> Iterator[str]:
    """Each word once however often in a row it was said, in the order the fold hears them."""
    ordered = sorted(reports, key=lambda report: (*report.weight, report.report_id))
    for word, _ in groupby(f"{report.state} {report.partner_status}" for report in ordered):
        yield word
