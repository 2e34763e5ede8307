"""Everything that happened to one payment, in the order it happened."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from store.database import Database
from store.folding import reports_of
from store.keyring import Keyring
from store.tables import (
    AttemptRow,
    ExchangeRow,
    InstructionRow,
    LookupRow,
    StateRow,
    TaskRow,
)


class EntryKind(StrEnum):
    """What kind of thing happened."""

    STATE = "state"
    ATTEMPT = "attempt"
    LOOKUP = "lookup"
    REPORT = "report"
    EXCHANGE = "exchange"
    TASK = "task"


@dataclass(frozen=True)
class Entry:
    """One line of a timeline."""

    at: datetime
    kind: EntryKind
    text: str


@dataclass(frozen=True)
class Exchanged:
    """One redacted request and its answer, opened."""

    at: datetime
    summary: str
    request: str
    response: str


class Timelines:
    """Reads timelines; nothing is decided from them."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def of(self, payment_id: str) -> list[Entry]:
        """All entries, oldest first."""
        return await self._database.read(lambda session: _entries(session, payment_id))

    async def exchanges(self, payment_id: str) -> list[Exchanged]:
        """What was sent and answered, redacted, oldest first."""

        def query(session: Session) -> list[Exchanged]:
            rows = session.exec(
                select(ExchangeRow)
                .where(ExchangeRow.payment_id == payment_id)
                .order_by(col(ExchangeRow.number))
            )
            return [self._exchanged(row) for row in rows]

        return await self._database.read(query)

    def _exchanged(self, row: ExchangeRow) -> Exchanged:
        opened = json.loads(self._keyring.open(row.exchange_sealed, f"exchanges/{row.payment_id}"))
        return Exchanged(row.heard_at, row.summary, opened["request"], opened["response"])


def _entries(session: Session, payment_id: str) -> list[Entry]:
    ids = select(InstructionRow.instruction_id).where(InstructionRow.payment_id == payment_id)
    entries = [
        Entry(row.entered_at, EntryKind.STATE, f"{row.state} ({row.certainty})")
        for row in session.exec(select(StateRow).where(StateRow.payment_id == payment_id))
    ]
    for attempt in session.exec(select(AttemptRow).where(col(AttemptRow.instruction_id).in_(ids))):
        number = f"attempt {attempt.number}"
        entries.append(
            Entry(attempt.opened_at, EntryKind.ATTEMPT, f"{number} opened: bytes may leave")
        )
        if attempt.closed_at is not None:
            said = f"{attempt.result}" + (f", {attempt.answer}" if attempt.answer else "")
            entries.append(
                Entry(attempt.closed_at, EntryKind.ATTEMPT, f"{number}: {said}: {attempt.why}")
            )
    entries += [
        Entry(looked.asked_at, EntryKind.LOOKUP, f"looked up: {looked.result} ({looked.why})")
        for looked in session.exec(select(LookupRow).where(col(LookupRow.instruction_id).in_(ids)))
    ]
    for report in reports_of(session, payment_id):
        mapped = report.state or "unmapped"
        iso = f", {report.transaction_status}" if report.transaction_status else ""
        entries.append(
            Entry(
                report.as_of,
                EntryKind.REPORT,
                f"{report.source.name.lower()}: partner says {report.partner_status!r} "
                f"({mapped}{iso}){f': {report.reason}' if report.reason else ''}",
            )
        )
    entries += [
        Entry(row.heard_at, EntryKind.EXCHANGE, row.summary)
        for row in session.exec(select(ExchangeRow).where(ExchangeRow.payment_id == payment_id))
    ]
    for task in session.exec(select(TaskRow).where(TaskRow.payment_id == payment_id)):
        due = f"{task.due_at:%Y-%m-%d %H:%M}"
        entries.append(
            Entry(
                task.opened_at, EntryKind.TASK, f"task for {task.owner}, due {due}: {task.question}"
            )
        )
        if task.closed_at is not None:
            entries.append(Entry(task.closed_at, EntryKind.TASK, f"no longer asked: {task.kind}"))
    return sorted(entries, key=lambda entry: entry.at)
