"""Signatures about a resource: what its operators knew when they signed, and which still count.

A signature names a digest of what was known. Once more is known, it is void.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

from sqlalchemy import func
from sqlmodel import Session, col, select

from domain.lifecycle.command import CommandKind, Outcome
from domain.lifecycle.kinds import opening
from domain.lifecycle.report import Report
from domain.lifecycle.resource import Folded
from domain.lifecycle.statement import Signed, Statement, StatementKind
from domain.payments.payment import Payment
from domain.payments.view import KIND
from store.folding import reports_of
from store.operators import NotSigned, standing, verified
from store.tables.lifecycles import AttemptRow, CommandRow, InstructionRow, LifecycleRow
from store.tables.people import SignatureRow


def require_signed(
    session: Session,
    row: LifecycleRow,
    signed: Signed,
    kind: CommandKind,
    content: str,
    now: datetime,
) -> None:
    """Require an operator's signature for exactly this payment and decision, and store it.

    Raises:
        NotSigned: it is no operator's signature, or one for something else.
    """
    said = signed.statement
    wanted = (StatementKind(kind.value), row.resource_id, row.tenant, content)
    if (said.kind, said.subject, said.tenant, said.content) != wanted:
        raise NotSigned(
            f"{said.by!r} signed another decision than this one about {row.resource_id}; sign again"
        )
    verified(session, signed, now)


def signatures(session: Session, row: LifecycleRow) -> list[tuple[CommandRow, SignatureRow]]:
    """NOT_EXECUTED proposals that still count, each with its signature.

    A proposal is void if something has changed since it was signed, if its operator was removed, or
    if that operator has another key since.
    """
    kept = {
        signature.command_id: signature
        for signature in standing(session, StatementKind.NOT_EXECUTED, row.resource_id)
    }
    about = known_now(session, row) if kept else ""
    rows = session.exec(
        select(CommandRow).where(
            CommandRow.resource_id == row.resource_id,
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


def known_now(session: Session, row: LifecycleRow) -> str:
    """A digest of what is known: state, open questions, number of attempts, and all reports.

    Moments are left out, so the same report read again changes nothing. A report that was
    contradicted and then repeated does change it, and so does another attempt, even if the state
    stays the same.
    """
    folded = Folded.model_validate_json(row.folded_json)
    # What the kind has beside that: the money of a payment.
    more = [Payment.model_validate_json(row.folded_json).amounts.net] if row.kind == KIND else []
    known = (folded.state, folded.certainty, folded.partner_reference or "", *more)
    questions = sorted(finding.text for finding in folded.findings if finding.freezes)
    sent = session.exec(
        select(func.count())
        .select_from(AttemptRow)
        .where(AttemptRow.instruction_id == InstructionRow.instruction_id)
        .where(InstructionRow.resource_id == row.resource_id)
        .where(col(InstructionRow.kind).in_(opening()))
    ).one()
    said = _words(reports_of(session, row.resource_id))
    facts = "\x1f".join(map(str, (*known, *questions, sent, *said)))
    return hashlib.sha256(facts.encode()).hexdigest()[:32]


def _words(reports: list[Report]) -> Iterator[str]:
    """State and partner status of each report, in the fold's order; repeats in a row count once."""
    ordered = sorted(reports, key=lambda report: (*report.weight, report.report_id))
    for word, _ in groupby(f"{report.state} {report.partner_status}" for report in ordered):
        yield word
