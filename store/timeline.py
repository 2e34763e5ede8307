"""Timelines: everything that happened to one payment, in order. Nothing is decided from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, inspect
from sqlmodel import Session, SQLModel, col, select

from domain.lifecycle.command import CommandKind, Outcome
from domain.lifecycle.kinds import kind_of
from domain.lifecycle.report import NO_LONGER_ASKED, Report, Source
from store.books import FORGOTTEN, SHOWN
from store.database import Database
from store.folding import reports_of
from store.keyring import Keyring
from store.operators import refusals
from store.page import page_of
from store.signatures import known_now
from store.tables.claims import ClaimRow
from store.tables.lifecycles import (
    AttemptRow,
    CommandRow,
    ExchangeRow,
    InstructionRow,
    LifecycleRow,
    LookupRow,
    StateRow,
)
from store.tables.payments import PaymentRow
from store.tables.people import TaskRow

R = TypeVar("R", bound=SQLModel)


class EntryKind(StrEnum):
    """What kind of thing happened."""

    STATE = "state"
    ATTEMPT = "attempt"
    LOOKUP = "lookup"
    REPORT = "report"
    EXCHANGE = "exchange"
    CHECK = "check"
    COMMAND = "command"
    DECISION = "decision"
    TASK = "task"


#: Kinds of entries that repeated reads and lookups bring.
_POLLED: Final = frozenset({EntryKind.REPORT, EntryKind.EXCHANGE, EntryKind.LOOKUP})
#: One read or lookup brings up to this many entries, such as a report and its exchange.
_LINES_A_POLL: Final = 3


@dataclass(frozen=True)
class Entry:
    """One line of a timeline; for equal polls in a row the first, how many, and the last moment."""

    at: datetime
    kind: EntryKind
    text: str
    times: int = 1
    last_at: datetime | None = None
    theirs: str = ""
    """Of a partner's report: its own word for the state, as it came."""
    ours: str = ""
    """What that word means to us: our state, and the ISO code."""

    def equals(self, other: Entry) -> bool:
        """Whether both are polls with the same result."""
        return self.kind in _POLLED and (self.kind, self.text) == (other.kind, other.text)


@dataclass(frozen=True)
class Exchanged:
    """One redacted request and its answer, opened."""

    at: datetime
    summary: str
    request: str
    response: str


class Timelines:
    """Reads timelines and exchanges."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def of(self, payment_id: str) -> list[Entry]:
        """All entries, the oldest first. Polls in a row with the same result are one entry."""
        entries = await self._database.read(lambda session: _entries(session, payment_id))
        return list(_collapsed(entries))

    async def exchanges(self, payment_id: str) -> list[Exchanged]:
        """All requests and their answers, redacted, the oldest first.

        Raises:
            KeyringError: one of them cannot be opened.
        """

        def query(session: Session) -> list[Exchanged]:
            rows = session.exec(
                select(ExchangeRow)
                .where(ExchangeRow.resource_id == payment_id)
                .order_by(col(ExchangeRow.number))
            )
            return [self._exchanged(row) for row in rows]

        return await self._database.read(query)

    def _exchanged(self, row: ExchangeRow) -> Exchanged:
        opened = json.loads(self._keyring.open(row.exchange_sealed, f"exchanges/{row.resource_id}"))
        return Exchanged(row.heard_at, row.summary, opened["request"], opened["response"])


def _rows(session: Session, table: type[R], of: ColumnElement[bool]) -> Sequence[R]:
    """Rows ordered by primary key, so that events of the same moment always have the same order."""
    return session.exec(select(table).where(of).order_by(*inspect(table).primary_key)).all()


def _entries(session: Session, payment_id: str) -> list[Entry]:
    entries = [
        Entry(row.entered_at, EntryKind.STATE, f"{row.state} ({row.certainty})")
        for row in _rows(session, StateRow, col(StateRow.resource_id) == payment_id)
    ]
    entries += _of_instructions(session, payment_id)
    claims = _claims(session, payment_id)
    entries += [
        _of_report(report, claims.get(report.instruction_id))
        for report in reports_of(session, payment_id)
    ]
    entries += [
        Entry(row.heard_at, EntryKind.EXCHANGE, row.summary)
        for row in _rows(session, ExchangeRow, col(ExchangeRow.resource_id) == payment_id)
    ]
    entries += _of_people(session, payment_id)
    entries += _of_tasks(session, payment_id)
    return sorted(entries, key=lambda entry: entry.at)


def _of_instructions(session: Session, payment_id: str) -> Iterable[Entry]:
    payment = session.get(LifecycleRow, payment_id)

    def is_known_since(moment: datetime) -> bool:
        """Whether anything was recorded about the payment at or after this moment."""
        return payment is not None and payment.updated_at >= moment

    for instruction in page_of(session, payment_id).instructions:
        opens = kind_of(instruction.kind).opens
        about = "" if opens else f"{instruction.kind}: "
        its = instruction.instruction_id
        for attempt in _rows(session, AttemptRow, col(AttemptRow.instruction_id) == its):
            number = f"{about}attempt {attempt.number}"
            if attempt.why in (FORGOTTEN, SHOWN) and attempt.closed_at is not None:
                it = "it " if attempt.why == FORGOTTEN else ""
                text = f"{number}: counts as sent, since {it}{attempt.why}"
                yield Entry(attempt.closed_at, EntryKind.ATTEMPT, text)
                continue
            yield Entry(attempt.opened_at, EntryKind.ATTEMPT, f"{number} opened: bytes may leave")
            if attempt.closed_at is not None:
                said = f"{attempt.result}" + (f", {attempt.answer}" if attempt.answer else "")
                text = f"{number}: {said}: {attempt.why}"
                yield Entry(attempt.closed_at, EntryKind.ATTEMPT, text)
            elif is_known_since(attempt.ends_by):
                text = f"{number}: ended without a result; the process that sent it was lost"
                yield Entry(attempt.ends_by, EntryKind.ATTEMPT, text)
        for looked in _rows(session, LookupRow, col(LookupRow.instruction_id) == its):
            text = f"{about}looked up: {looked.result} ({looked.why})"
            yield Entry(looked.asked_at, EntryKind.LOOKUP, text)
        if instruction.closed_at is not None:
            text = f"{about}closed ({instruction.closed}): it is never sent again"
            yield Entry(instruction.closed_at, EntryKind.ATTEMPT, text)


def _claims(session: Session, payment_id: str) -> dict[str, str]:
    """The captures and refunds of the payment: kind and key, by the instruction."""
    named = {}
    for claim in _rows(session, ClaimRow, col(ClaimRow.payment_id) == payment_id):
        its = claim.instruction_id
        named[its] = f"{session.get_one(InstructionRow, its).kind} {claim.key}"
    return named


def _of_report(report: Report, claim: str | None) -> Entry:
    """The entry of a report, worded by its source: the partner, our checks or our operators.

    Args:
        claim: the capture or refund that it is about. Then it says nothing about the payment.
    """
    reversals = (f"; {each.kind} of {each.amount}: {each.state}" for each in report.reversals)
    because = f"{f': {report.reason}' if report.reason else ''}{''.join(reversals)}"
    mapped = f"to {claim}" if claim and not report.state else report.state or "unmapped"
    iso = f", {report.transaction_status}" if report.transaction_status else ""
    match report.source:
        case Source.GATE:
            return Entry(report.as_of, EntryKind.CHECK, f"{report.partner_status}{because}")
        case Source.DECISION:
            text = f"{report.partner_status} ({mapped}){because}"
            return Entry(report.as_of, EntryKind.DECISION, text)
        case _ if report.partner_status == NO_LONGER_ASKED:
            text = f"the partner {report.partner_status} ({mapped}){because}"
            return Entry(report.as_of, EntryKind.REPORT, text)
        case _:
            text = (
                f"{report.source.name.lower()}: partner says {report.partner_status!r} "
                f"({mapped}{iso}){because}"
            )
            theirs, ours = report.partner_status, f"{mapped}{iso}"
            return Entry(report.as_of, EntryKind.REPORT, text, theirs=theirs, ours=ours)


def _of_people(session: Session, payment_id: str) -> Iterable[Entry]:
    resource = session.get(LifecycleRow, payment_id)
    if resource is None:
        return
    payment = session.get(PaymentRow, payment_id)
    if payment is not None and payment.acknowledged:
        others = payment.acknowledged.replace(",", ", ")
        by = f", says {payment.acknowledged_by}" if payment.acknowledged_by else ""
        text = f"not a repeat of {others}{by}"
        yield Entry(resource.created_at, EntryKind.DECISION, text)
    for refused in refusals(session, subject=payment_id):
        times = f" {refused.times} times" if refused.times > 1 else ""
        text = (
            f"{refused.kind.replace('_', '-')}: the signature of somebody who claims to be "
            f"{refused.claimed!r} was refused{times}: {refused.why}"
        )
        yield Entry(refused.first_at, EntryKind.COMMAND, text)
    for command in _rows(session, CommandRow, col(CommandRow.resource_id) == payment_id):
        named = f"{command.kind.replace('_', '-')} {command.command_id}"
        by = "asked" if command.kind in (CommandKind.CANCEL, CommandKind.RENEW) else "signed"
        why = f": {command.why}" if command.why else ""
        evidence = ", with evidence" if command.evidence_sealed else ""
        text = f"{named}, {by} by {command.by}{evidence}{why}"
        yield Entry(command.asked_at, EntryKind.COMMAND, text)
        if command.outcome == Outcome.PROPOSED:
            # Void if anything has changed: the next operator would sign about something else.
            stands = command.about == known_now(session, resource)
            text = "another operator has to sign too" if stands else "void: more is known since"
            yield Entry(command.asked_at, EntryKind.COMMAND, f"{named}: {text}")
        elif command.outcome_at is not None:
            outcome = command.outcome.replace("_", " ")
            yield Entry(command.outcome_at, EntryKind.COMMAND, f"{named}: {outcome}")


def _of_tasks(session: Session, payment_id: str) -> Iterable[Entry]:
    for task in _rows(session, TaskRow, col(TaskRow.resource_id) == payment_id):
        due = f"{task.due_at:%Y-%m-%d %H:%M}"
        text = f"task for {task.owner}, due {due}: {task.question}"
        yield Entry(task.opened_at, EntryKind.TASK, text)
        if task.closed_at is not None:
            yield Entry(task.closed_at, EntryKind.TASK, f"no longer asked: {task.kind}")


def _collapsed(entries: Sequence[Entry]) -> Iterator[Entry]:
    """The entries, with equal polls in a row collapsed into the first, which says how many."""
    at = 0
    while at < len(entries):
        for lines in range(1, _LINES_A_POLL + 1):
            if (times := _times(entries, at, lines)) > 1:
                last = entries[at + (times - 1) * lines : at + times * lines]
                for first, again in zip(entries[at : at + lines], last, strict=True):
                    yield replace(first, times=times, last_at=again.at)
                at += times * lines
                break
        else:
            yield entries[at]
            at += 1


def _times(entries: Sequence[Entry], at: int, lines: int) -> int:
    """How often the next `lines` entries are repeated in a row."""
    times = 1
    while (start := at + times * lines) + lines <= len(entries) and all(
        entries[at + line].equals(entries[start + line]) for line in range(lines)
    ):
        times += 1
    return times
