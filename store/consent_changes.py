"""What renewals and answers of a consent write alike: an instruction, and a report of our own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session

from domain.consents.instructions import ConsentInstruction
from domain.consents.report import Report, Source
from domain.consents.view import ConsentView
from domain.ids import instruction_id
from store.evidence import keep_report
from store.page import page_of
from store.tables.lifecycles import InstructionRow, LifecycleRow

#: A user is asked again, or an answer of theirs is handed over, within this time or not at all.
_SENT_WITHIN: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Taken:
    """The consent after a request, an answer or a renewal; `is_new` if something was done."""

    view: ConsentView
    is_new: bool
    asked_at: datetime | None = None
    """When a command was recorded, if one was."""


def instruct(
    session: Session, row: LifecycleRow, its_id: str, kind: ConsentInstruction, at: datetime
) -> InstructionRow:
    """A new instruction of the consent, stored."""
    new = InstructionRow(
        instruction_id=its_id,
        resource_id=row.resource_id,
        kind=kind,
        partner=row.partner,
        partner_account=row.partner_account,
        submit_before=at + _SENT_WITHIN,
    )
    page_of(session, row.resource_id).add(new)
    session.flush()
    return new


def note(session: Session, row: LifecycleRow, said: str, why: str | None, at: datetime) -> None:
    """Keep a report of our own about a user."""
    report = Report(
        instruction_id=instruction_id(row.resource_id, ConsentInstruction.ASK),
        source=Source.GATE,
        as_of=at,
        state=None,
        partner_status=said,
        reason=why,
    )
    keep_report(session, row.resource_id, report, at)
