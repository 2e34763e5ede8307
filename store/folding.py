"""Refolding a payment inside the transaction that changed its evidence."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam
from sqlmodel import Session, SQLModel, col, select

from domain.lifecycle.absence import is_uncertain
from domain.lifecycle.next_step import Owed
from domain.lifecycle.notifying import next_notification
from domain.lifecycle.profile import Profile
from domain.lifecycle.sending import LookupResult, Move, next_move
from domain.payments import silence
from domain.payments.aftermath import evidence_wanted
from domain.payments.due import due
from domain.payments.escalation import DueRung, Escalate, next_at, nobody, reached
from domain.payments.fold import fold, state_by_words
from domain.payments.movements import ever_booked, movements_of
from domain.payments.order import Order, Rail
from domain.payments.payment import Certainty, Finding, FindingKind, Instruction, Payment
from domain.payments.report import PaymentState, Report, Source
from domain.payments.states import ENDS
from domain.payments.view import PaymentView
from store.books import instructions_of, new_instruction, profile_of
from store.cancelling import follow_cancel
from store.halts import is_halted
from store.inbox import news_at
from store.keyring import Keyring, KeyringError
from store.questions import TASK_DUE_WITHIN, Question
from store.tables.lifecycles import InstructionRow, LifecycleRow, ReportRow, StateRow
from store.tables.payments import MovementRow
from store.tables.people import TaskRow
from store.views import view_from

log = logging.getLogger("finality.store")

#: After this many lookups without a clear answer, a task asks a person too.
VAGUE_LOOKUPS: Final = 3
#: After this many reads that do not show what people found executed, a task asks them again.
UNSHOWN_READS: Final = 3
#: A step that has been owed for this long is not being done, so a task asks people to look.
OVERDUE_AFTER: Final = timedelta(hours=1)

#: The question about a finding, by its kind. The finding's own text is kept by decisions, so it
#: does not change, and is terse.
_IN_QUESTION: Final = {
    FindingKind.UNMAPPED: "The partner used a status that is unknown to us",
    FindingKind.CONTRADICTION: "What is known about this payment contradicts itself",
    FindingKind.DIFFERS: "The partner shows something else than was ordered",
}

_REPORTS: Final = (
    select(ReportRow)
    .where(ReportRow.resource_id == bindparam("payment_id"))
    .order_by(col(ReportRow.heard_at), col(ReportRow.report_id))
)
_TASKS: Final = select(TaskRow).where(TaskRow.resource_id == bindparam("payment_id"))


def order_context(payment_id: str) -> str:
    """The context that a sealed order is bound to."""
    return f"payments.order/{payment_id}"


def order_of(keyring: Keyring, row: LifecycleRow) -> Order:
    """The order as it was accepted.

    Raises:
        KeyringError: it cannot be opened.
    """
    return Order.model_validate_json(
        keyring.open(row.request_sealed, order_context(row.resource_id))
    )


def reports_of(session: Session, payment_id: str) -> list[Report]:
    """All reports about a payment, in the order they were recorded. The fold sorts them itself."""
    rows = session.exec(_REPORTS, params={"payment_id": payment_id})
    return [Report.model_validate_json(row.report_json) for row in rows]


class Folding:
    """Refolds a payment inside the transaction that changed its evidence.

    `escalate` says who is asked when a payment stays in a state for long.
    """

    def __init__(self, keyring: Keyring, escalate: Escalate = nobody) -> None:
        self.keyring = keyring
        self._escalate = escalate

    def refold(self, session: Session, row: LifecycleRow, now: datetime) -> PaymentView:
        """Fold all evidence again and write the results: state, movements, cancels and tasks.

        If newer code folds unchanged evidence to another state, the stored state stays and a task
        opens, since somebody may have acted on the stored one.

        Returns:
            The payment as it now stands.

        Raises:
            KeyringError: the order cannot be opened.
        """
        payment, profile, known = self._fold(session, row)
        if row.cancel_asked_at is not None and follow_cancel(session, row, payment, profile, now):
            payment, profile, known = self._fold(session, row)
        # No query here needs the changes made here, so they go out as one UPDATE at the end.
        with session.no_autoflush:
            beside = _Beside(
                halted=is_halted(session, row),
                news=news_at(session, row.resource_id),
                tasks=session.exec(_TASKS, params={"payment_id": row.resource_id}).all(),
            )
            view, made = self._write(row, payment, profile, known, beside, now)
            _write_movements(session, row.resource_id, known.reports)
            session.add_all([row, *made])
        return view

    def begin(
        self,
        row: LifecycleRow,
        order: Order,
        paying: InstructionRow,
        now: datetime,
        *,
        halted: bool,
    ) -> tuple[PaymentView, list[SQLModel]]:
        """Fold a payment that is being recorded. Nothing is queried, since nothing is known of it.

        Args:
            row: the payment's row, not stored yet; it gets its state.
            paying: its first instruction.
            halted: whether a halt in force covers it.

        Returns:
            The payment as it now stands, and the rows to store after the payment's own.
        """
        profile = profile_of(row)
        known = _Evidence((new_instruction(row, paying),), [])
        payment = fold(order, profile, known.instructions, ())
        return self._write(row, payment, profile, known, _Beside(halted), now)

    def _write(
        self,
        row: LifecycleRow,
        payment: Payment,
        profile: Profile,
        known: _Evidence,
        beside: _Beside,
        now: datetime,
    ) -> tuple[PaymentView, list[SQLModel]]:
        """Write what was folded into the payment's row and its tasks. Returns the new rows too."""
        questions = _questions(payment, profile, known.instructions, now)
        if row.needs_person and row.waiting_for:
            questions["not_ready"] = Question(row.waiting_for)
        if payment.is_decided and payment.state not in ENDS and row.reads >= UNSHOWN_READS:
            questions["not_shown"] = Question(
                f"The partner does not show this payment, which was {payment.partner_status}. "
                "Check the partner's reference."
            )
        if known.digest == row.evidence_hash and payment.state != row.state:
            questions["fold_changed"] = Question(
                f"This release folds the same reports to {payment.state}, but the payment is "
                f"stored as {row.state}. Decide which is right."
            )
            payment = Payment.model_validate_json(row.folded_json)
        entered = _enter(row, payment, now)
        row.folded_json, row.evidence_hash = payment.model_dump_json(), known.digest
        ladder = self._ladder(row, payment)
        if row.silent_since is not None and not payment.is_over:
            ladder += silence.rungs(row.silent_since)
        for rung in reached(ladder, now):
            questions[rung.kind] = Question(rung.question, rung.owner, rung.answer_by)
        asking = (next_at(ladder, now), _parks_at(profile, known.instructions, now))
        row.escalates_at = min((at for at in asking if at is not None), default=None)
        row.is_over = payment.is_over
        row.updated_at = now
        view = view_from(row, known.instructions, halted=beside.halted, news=beside.news)
        if overdue := _owe(row, view, now):
            questions["overdue"] = overdue
        return view, [*entered, *_write_tasks(beside.tasks, row.resource_id, questions, now)]

    def refold_if_readable(self, session: Session, row: LifecycleRow, now: datetime) -> None:
        """As `refold`, but if the order's key is missing the transaction goes on without a fold."""
        try:
            self.refold(session, row, now)
        except KeyringError:
            log.error(
                "payment %s: the keyring lacks the key that sealed it; `finality doctor` names "
                "the key",
                row.resource_id,
            )

    def _ladder(self, row: LifecycleRow, payment: Payment) -> tuple[DueRung, ...]:
        since = payment.state_as_of
        if since is None or payment.certainty is Certainty.UNKNOWN:
            return ()  # A payment in doubt has its own task, which is due sooner.
        return self._escalate(payment.state, Rail(row.rail), since)

    def state_by_words(self, session: Session, row: LifecycleRow, decision: Report) -> PaymentState:
        """The state that all reports before a decision lead to, without statements."""
        _, profile, known = self._fold(session, row)
        before = [
            report
            for report in known.reports
            if report.source is not Source.STATEMENT and report.weight < decision.weight
        ]
        return state_by_words(order_of(self.keyring, row), profile, known.instructions, before)

    def _fold(self, session: Session, row: LifecycleRow) -> tuple[Payment, Profile, _Evidence]:
        session.flush()
        profile = profile_of(row)
        known = _Evidence(instructions_of(session, row), reports_of(session, row.resource_id))
        order = order_of(self.keyring, row)
        return fold(order, profile, known.instructions, known.reports), profile, known


@dataclass(frozen=True)
class _Evidence:
    """Everything that a payment is folded from, besides order and profile."""

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
    """What the transaction has read about a payment besides its evidence."""

    halted: bool
    news: datetime | None = None
    tasks: Sequence[TaskRow] = ()


#: Fields of a book that hold our own plans. No state follows from them.
_NO_EVIDENCE: Final = {"reopened", "submit_from", "cancel_asked", "is_gated", "gate_passed_at"}


def _enter(row: LifecycleRow, payment: Payment, now: datetime) -> list[StateRow]:
    if (row.state, row.certainty) == (payment.state, payment.certainty):
        return []
    if row.state != payment.state:
        row.reads = 0
    row.state, row.certainty = payment.state, payment.certainty
    return [
        StateRow(
            resource_id=row.resource_id,
            state=payment.state,
            certainty=payment.certainty,
            entered_at=now,
        )
    ]


def _owe(row: LifecycleRow, view: PaymentView, now: datetime) -> Question | None:
    """Note when the run has to act next. Returns a question if the step is long overdue.

    A run that fails, or that no worker executes, cannot report this itself.
    """
    before, owed = row.owed_at, due(view, now)
    late = None
    match owed.owed:
        case Owed.OVER:
            row.owed_at = row.notify_at = None
            return None
        case Owed.WAIT:
            assert owed.until is not None, "every wait has an end"
            row.owed_at = owed.until
        case _:
            row.owed_at = before if before is not None and before <= now else now
            if row.owed_at <= now - OVERDUE_AFTER:
                late = Question(
                    f"A step has been due since {row.owed_at:%Y-%m-%d %H:%M} UTC and is not done: "
                    f"{owed.because}. Look at the payment's workflow in Temporal, and check that "
                    "workers run."
                )
    row.notify_at = next_notification(row.owed_at, now)
    return late


def _questions(
    payment: Payment, profile: Profile, instructions: tuple[Instruction, ...], now: datetime
) -> dict[str, Question]:
    questions = {
        finding.kind.value: Question(_question(finding))
        for finding in payment.findings
        if finding.freezes
    }
    if payment.state is PaymentState.AWAITING_US:
        questions["awaiting_us"] = Question(
            f"This payment waits for our decision: {payment.reason or payment.partner_status}."
        )
    for reversal in evidence_wanted(payment):
        questions[f"evidence_{reversal.reference}"] = Question(
            f"A {reversal.kind} of {reversal.amount} needs evidence ({reversal.reference}): "
            f"{reversal.reason or 'no reason is given'}. Give it to the partner, or accept it.",
            due_at=reversal.deadline,
        )
    for instruction in instructions:
        operation = profile.operation(instruction.kind)
        step = next_move(operation, instruction.book, now)
        if step.move is Move.PARK:
            questions["parked"] = Question(
                f"This payment is parked: {step.because}. Find out whether it was executed."
            )
        vague = [x for x in instruction.book.lookups if x.result is LookupResult.CANNOT_TELL]
        if is_uncertain(operation, instruction.book) and len(vague) >= VAGUE_LOOKUPS:
            questions["in_doubt"] = Question(
                "The partner's answers do not show whether this payment was executed. Ask the "
                "partner."
            )
    return questions


def _parks_at(
    profile: Profile, instructions: tuple[Instruction, ...], now: datetime
) -> datetime | None:
    """When time alone will leave people as the only way on; None if it will not.

    An attempt ends without an answer, or the partner no longer honours a key. No step is owed then,
    so without this moment nobody would fold the payment and open the task.
    """
    moments = []
    for instruction in instructions:
        operation = profile.operation(instruction.kind)
        step = next_move(operation, instruction.book, now)
        if step.move is Move.WAIT and step.until is not None:
            after = next_move(operation, instruction.book, step.until)
            moments += [step.until] if after.move is Move.PARK else []
    return min(moments, default=None)


def _question(finding: Finding) -> str:
    return f"{_IN_QUESTION[finding.kind]}: {finding.text}. Ask the partner what it did."


def _write_movements(session: Session, payment_id: str, reports: list[Report]) -> None:
    """Write the movements by the fold's own rule: a booking that was undone has no row."""
    movements = movements_of(reports)
    for undone in {*ever_booked(reports)} - {*movements}:
        if row := session.get(MovementRow, (payment_id, undone.movement_id)):
            session.delete(row)
    for movement in movements:
        session.merge(
            MovementRow(
                payment_id=payment_id,
                movement_id=movement.movement_id,
                kind=movement.kind,
                amount_minor=movement.amount.minor,
                currency=movement.amount.currency,
                booked_at=movement.booked_at,
            )
        )


def _write_tasks(
    rows: Sequence[TaskRow], payment_id: str, questions: dict[str, Question], now: datetime
) -> list[TaskRow]:
    """Open a task for each question, and close tasks whose question is no longer asked.

    The same question is open only once. Returns the tasks that are new.
    """
    known = {row.task_id: row for row in rows}
    wanted = [_ask(known, payment_id, kind, questions[kind], now) for kind in questions]
    ids = {row.task_id for row in wanted}
    for row in rows:
        if row.task_id not in ids and row.closed_at is None:
            row.closed_at = now
    return [row for row in wanted if row.task_id not in known]


def ask(session: Session, payment_id: str, kind: str, question: Question, now: datetime) -> None:
    """Open a task about a payment that cannot be folded. The same question is open only once.

    The next fold closes it, like every question that is no longer asked.
    """
    rows = session.exec(_TASKS, params={"payment_id": payment_id})
    session.add(_ask({row.task_id: row for row in rows}, payment_id, kind, question, now))


def _ask(
    known: Mapping[str, TaskRow],
    payment_id: str,
    kind: str,
    question: Question,
    now: datetime,
) -> TaskRow:
    """The task of this question, opened unless it is open."""
    asked = f"{payment_id}\x1f{kind}\x1f{question.text}"
    task_id = f"task_{hashlib.sha256(asked.encode()).hexdigest()[:20]}"
    due_at = question.due_at or now + TASK_DUE_WITHIN
    row = known.get(task_id)
    if row is None:
        row = TaskRow(
            task_id=task_id,
            resource_id=payment_id,
            kind=kind,
            question=question.text,
            owner=question.owner,
            due_at=due_at,
            opened_at=now,
        )
    elif row.closed_at is not None:
        row.closed_at, row.due_at = None, due_at
    return row
