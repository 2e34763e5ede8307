"""Refolding a resource inside the transaction that changed its evidence."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, SQLModel

from domain.lifecycle import silence
from domain.lifecycle.absence import is_uncertain
from domain.lifecycle.change import Change, ChangeKind
from domain.lifecycle.escalation import next_at, reached
from domain.lifecycle.kind import is_over
from domain.lifecycle.next_step import Owed
from domain.lifecycle.notifying import next_notification
from domain.lifecycle.profile import Profile
from domain.lifecycle.questions import Question
from domain.lifecycle.report import Report, Source
from domain.lifecycle.resource import Finding, FindingKind, Folded, Instruction
from domain.lifecycle.sending import LookupResult, Move, next_move
from domain.lifecycle.view import View
from store.asking import write_tasks
from store.books import instructions_of, new_instruction, profile_of
from store.cancelling import close_ended, follow_cancel
from store.changes import events_of
from store.halts import is_halted
from store.inbox import news_at
from store.keyring import Keyring, KeyringError
from store.kind import OfItsKind, StoredKind, StoredKinds, kind_of_row
from store.page import page_of
from store.tables.lifecycles import InstructionRow, LifecycleRow, StateRow
from store.tables.people import TaskRow
from store.views import view_from, view_of

log = logging.getLogger("finality.store")

#: After this many lookups without a clear answer, a task asks a person too.
VAGUE_LOOKUPS: Final = 3
#: A step that has been owed for this long is not being done, so a task asks people to look.
OVERDUE_AFTER: Final = timedelta(hours=1)

#: The question about a finding, by its kind. The finding's own text is kept by decisions, so it
#: does not change, and is terse.
_IN_QUESTION: Final = {
    FindingKind.UNMAPPED: "The partner used a status that is unknown to us",
    FindingKind.CONTRADICTION: "What is known about this {kind} contradicts itself",
    FindingKind.DIFFERS: "The partner shows something else than was ordered",
}


def request_context(resource_id: str) -> str:
    """The context that a sealed request is bound to. The first release named it by payments."""
    return f"payments.order/{resource_id}"


def request_of(keyring: Keyring, row: LifecycleRow) -> bytes:
    """The request as it was accepted.

    Raises:
        KeyringError: it cannot be opened.
    """
    return keyring.open(row.request_sealed, request_context(row.resource_id))


def reports_of(session: Session, resource_id: str) -> list[Report]:
    """All reports about a resource, in the order they were recorded. The fold sorts them itself."""
    stored = page_of(session, resource_id).reports.values()
    return [Report.model_validate_json(text) for text in stored]


class Folding:
    """Refolds a resource of any kind inside the transaction that changed its evidence."""

    def __init__(self, keyring: Keyring, kinds: StoredKinds) -> None:
        self.keyring = keyring
        self._kinds = kinds

    def kind(self, row: LifecycleRow) -> StoredKind:
        """The kind of a row."""
        return kind_of_row(self._kinds, row)

    def request(self, row: LifecycleRow) -> OfItsKind:
        """The request as it was accepted.

        Raises:
            KeyringError: it cannot be opened.
        """
        return self.kind(row).request(request_of(self.keyring, row))

    def folded(self, row: LifecycleRow) -> OfItsKind:
        """How the resource stood when it was last folded."""
        return self.kind(row).folded(row.folded_json)

    def view(
        self,
        session: Session,
        row: LifecycleRow,
        instructions: tuple[Instruction, ...] | None = None,
    ) -> OfItsKind:
        """The resource as it stands; see `view_of`."""
        return view_of(self.kind(row), session, row, instructions)

    def refold(self, session: Session, row: LifecycleRow, now: datetime) -> OfItsKind:
        """Fold all evidence again and write the results: state, cancels, tasks, the kind's own.

        If newer code folds unchanged evidence to another state, the stored state stays and a task
        opens, since somebody may have acted on the stored one.

        Returns:
            The view of the resource as it now stands.

        Raises:
            KeyringError: the request cannot be opened.
        """
        kind = self.kind(row)
        folded, profile, known = self._fold(session, kind, row)
        changed = close_ended(session, kind, folded, known.instructions, now)
        if row.cancel_asked_at is not None:
            changed |= follow_cancel(session, kind, row, folded, profile, now)
        if changed:
            folded, profile, known = self._fold(session, kind, row)
        page = page_of(session, row.resource_id)
        beside = _Beside(is_halted(session, row), news_at(session, row.resource_id), page.tasks)
        before = row.folded_json
        view, made = self._write(kind, row, folded, profile, known, beside, now)
        with session.no_autoflush:  # The changes made here go out as one UPDATE at the end.
            changes = kind.keep(session, row, known.reports, before)
        for new in (row, *made, *events_of(row, changes, now)):
            page.add(new)
        return view

    def begin(
        self,
        row: LifecycleRow,
        request: OfItsKind,
        opening: InstructionRow,
        now: datetime,
        *,
        halted: bool,
    ) -> tuple[OfItsKind, list[SQLModel]]:
        """Fold a resource that is being recorded. Nothing is queried: there is nothing yet.

        Args:
            row: the resource's row, not stored yet; it gets its state.
            request: what was asked for.
            opening: its first instruction.
            halted: whether a halt in force covers it.

        Returns:
            The view of the resource, and the rows to store after its own.
        """
        kind, profile = self.kind(row), profile_of(row)
        known = _Evidence((new_instruction(row, opening),), [])
        folded = kind.fold(request, profile, known.instructions, ())
        return self._write(kind, row, folded, profile, known, _Beside(halted), now)

    def _write(
        self,
        kind: StoredKind,
        row: LifecycleRow,
        folded: Folded,
        profile: Profile,
        known: _Evidence,
        beside: _Beside,
        now: datetime,
    ) -> tuple[OfItsKind, list[SQLModel]]:
        """Write what was folded into the resource's row and tasks. Returns the new rows too."""
        questions = _questions(kind, folded, profile, known.instructions, now)
        questions |= kind.questions(folded, row.reads)
        if row.needs_person and row.waiting_for:
            questions["not_ready"] = Question(row.waiting_for)
        if known.digest == row.evidence_hash and folded.state != row.state:
            questions["fold_changed"] = Question(
                f"This release folds the same reports to {folded.state}, but the {kind.name} is "
                f"stored as {row.state}. Decide which is right."
            )
            folded = kind.folded(row.folded_json)
        changes = _changes(row, folded)
        entered = _enter(row, folded, now)
        row.folded_json, row.evidence_hash = folded.model_dump_json(), known.digest
        ladder = kind.ladder(folded, row.rail)
        if row.silent_since is not None and not is_over(kind, folded):
            ladder += silence.rungs(row.silent_since)
        for rung in reached(ladder, now):
            questions[rung.kind] = Question(rung.question, rung.owner, rung.answer_by)
        asking = (next_at(ladder, now), _parks_at(profile, known.instructions, now))
        row.escalates_at = min((at for at in asking if at is not None), default=None)
        row.is_over = is_over(kind, folded)
        row.updated_at = now
        view = view_from(kind, row, known.instructions, halted=beside.halted, news=beside.news)
        questions = {**_owe(kind, row, view, now), **questions}
        asked, changed = write_tasks(beside.tasks, row.resource_id, questions, now)
        return view, [*entered, *asked, *events_of(row, [*changes, *changed], now)]

    def refold_if_readable(self, session: Session, row: LifecycleRow, now: datetime) -> None:
        """As `refold`, but if a key is missing the transaction goes on without a fold."""
        try:
            self.refold(session, row, now)
        except KeyringError:
            log.error(
                "%s: the keyring lacks the key that sealed it; `finality doctor` names the key",
                row.resource_id,
            )

    def state_by_words(self, session: Session, row: LifecycleRow, decision: Report) -> str:
        """The state that all reports before a decision lead to, without statements."""
        kind = self.kind(row)
        _, profile, known = self._fold(session, kind, row)
        before = [
            report
            for report in known.reports
            if report.source is not Source.STATEMENT and report.weight < decision.weight
        ]
        return kind.state_by_words(self.request(row), profile, known.instructions, before)

    def _fold(
        self, session: Session, kind: StoredKind, row: LifecycleRow
    ) -> tuple[Folded, Profile, _Evidence]:
        profile = profile_of(row)
        reports = [*map(kind.report, page_of(session, row.resource_id).reports.values())]
        known = _Evidence(instructions_of(session, row), reports)
        folded = kind.fold(self.request(row), profile, known.instructions, reports)
        return folded, profile, known


@dataclass(frozen=True)
class _Evidence:
    """Everything that a resource is folded from, besides request and profile."""

    instructions: tuple[Instruction, ...]
    reports: list[Report]

    @property
    def digest(self) -> str:
        digest = hashlib.sha256()
        for report_id in sorted({report.report_id for report in self.reports}):
            digest.update(report_id.encode())
        for instruction in self.instructions:
            digest.update(instruction.model_dump_json(exclude={"book": _NO_EVIDENCE}).encode())
        return digest.hexdigest()[:32]


@dataclass(frozen=True)
class _Beside:
    """What the transaction has read about a resource besides its evidence."""

    halted: bool
    news: datetime | None = None
    tasks: Sequence[TaskRow] = ()


#: Fields of a book that hold our own plans. No state follows from them.
_NO_EVIDENCE: Final = {
    "reopened", "submit_from", "cancel_asked", "is_gated", "gate_passed_at", "is_harmless",
}  # fmt: skip


def _changes(row: LifecycleRow, folded: Folded) -> list[Change]:
    """How the state and the certainty are about to change."""
    detail = {"state": str(folded.state), "certainty": str(folded.certainty)}
    if not row.state:
        return [Change(ChangeKind.CREATED, detail)]
    changed = {
        ChangeKind.STATE: row.state != folded.state,
        ChangeKind.CERTAINTY: row.certainty != folded.certainty,
    }
    return [Change(kind, detail) for kind, has_changed in changed.items() if has_changed]


def _enter(row: LifecycleRow, folded: Folded, now: datetime) -> list[StateRow]:
    if (row.state, row.certainty) == (folded.state, folded.certainty):
        return []
    if row.state != folded.state:
        row.reads = 0
    row.state, row.certainty = folded.state, folded.certainty
    return [
        StateRow(
            resource_id=row.resource_id,
            state=folded.state,
            certainty=folded.certainty,
            entered_at=now,
        )
    ]


def _owe(kind: StoredKind, row: LifecycleRow, view: View, now: datetime) -> dict[str, Question]:
    """Note when the run has to act next. Returns a question if it cannot, or is long overdue.

    A run that fails, or that no worker executes, cannot report this itself.
    """
    before, owed = row.owed_at, kind.due(view, now)
    questions = {}
    match owed.owed:
        case Owed.OVER:
            row.owed_at = row.notify_at = None
            return {}
        case Owed.WAIT:
            assert owed.until is not None, "every wait has an end"
            row.owed_at = owed.until
            if owed.is_for_people and not view.folded.is_frozen:
                questions["parked"] = _parked(kind, owed.because)
        case _:
            row.owed_at = before if before is not None and before <= now else now
            if row.owed_at <= now - OVERDUE_AFTER:
                questions["overdue"] = Question(
                    f"A step has been due since {row.owed_at:%Y-%m-%d %H:%M} UTC and is not done: "
                    f"{owed.because}. Look at the {kind.name}'s workflow in Temporal, and check "
                    "that workers run."
                )
    row.notify_at = next_notification(row.owed_at, now)
    return questions


def _parked(kind: StoredKind, why: str) -> Question:
    return Question(f"This {kind.name} is parked: {why}. Find out whether it was executed.")


def _questions(
    kind: StoredKind,
    folded: Folded,
    profile: Profile,
    instructions: tuple[Instruction, ...],
    now: datetime,
) -> dict[str, Question]:
    questions = {
        finding.kind.value: Question(_question(kind, finding))
        for finding in folded.findings
        if finding.freezes
    }
    for instruction in instructions:
        operation = profile.operation(instruction.kind)
        step = next_move(operation, instruction.book, now)
        if step.move is Move.PARK:
            questions["parked"] = _parked(kind, step.because)
        vague = [x for x in instruction.book.lookups if x.result is LookupResult.CANNOT_TELL]
        if is_uncertain(operation, instruction.book) and len(vague) >= VAGUE_LOOKUPS:
            questions["in_doubt"] = Question(
                f"The partner's answers do not show whether this {kind.name} was executed. Ask the "
                "partner."
            )
    return questions


def _parks_at(
    profile: Profile, instructions: tuple[Instruction, ...], now: datetime
) -> datetime | None:
    """When time alone will leave people as the only way on; None if it will not.

    An attempt ends without an answer, or the partner no longer honours a key. No step is owed then,
    so without this moment nobody would fold the resource and open the task.
    """
    moments = []
    for instruction in instructions:
        operation = profile.operation(instruction.kind)
        step = next_move(operation, instruction.book, now)
        if step.move is Move.WAIT and step.until is not None:
            after = next_move(operation, instruction.book, step.until)
            moments += [step.until] if after.move is Move.PARK else []
    return min(moments, default=None)


def _question(kind: StoredKind, finding: Finding) -> str:
    asked = _IN_QUESTION[finding.kind].format(kind=kind.name)
    return f"{asked}: {finding.text}. Ask the partner what it did."
