"""The send book: `begin` decides and writes the attempt before a byte leaves, `record` follows."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session

from domain.ids import resource_of
from domain.lifecycle.answers import Deadline, NotReady, Unprepared, WireRequest
from domain.lifecycle.callback import WaitForUser
from domain.lifecycle.gate import Examined
from domain.lifecycle.heard import Heard
from domain.lifecycle.kind import last_word
from domain.lifecycle.kinds import kind_of
from domain.lifecycle.sending import (
    AttemptResult,
    Book,
    Closed,
    Move,
    NextMove,
    may_be_executed,
    next_move,
)
from domain.lifecycle.silence import has_answered, is_answer, silent_since
from store.actions import keep_action
from store.approvals import wait_for_user
from store.attempts import close_attempt, close_refused, of_its_attempt
from store.books import book_of, profile_of
from store.cancelling import cancel_barred
from store.clocks import agreed, no_later
from store.database import Database
from store.evidence import keep_exchange, keep_lookup, keep_report
from store.folding import Folding
from store.forgotten import remember
from store.future import is_ahead
from store.halts import before_halts, is_halted
from store.inbox import highest, mark_read
from store.keyring import Keyring
from store.kind import OfItsKind, StoredKinds
from store.page import page_of
from store.payments import row as resource_row
from store.references import keep_own_object
from store.requests import (
    close,
    keep_request,
    key_of,
    open_request,
    operation_of,
    subject_of,
)
from store.tables.lifecycles import AttemptRow, InstructionRow, LifecycleRow

#: How long a step waits for access to the partner, if the partner named no moment itself.
_PAUSE: Final = timedelta(seconds=30)


@dataclass(frozen=True)
class Draft:
    """What a step needs before `begin`."""

    subject: OfItsKind
    is_ahead: bool
    """Whether moments of the resource lie in the future, and have to be moved first."""
    move: Move
    has_request: bool
    """Whether the request is built."""


@dataclass(frozen=True)
class Reading:
    """What a read needs."""

    subject: OfItsKind
    is_ahead: bool
    """As a draft's."""
    inbox_through: int
    """The resource's highest inbox number, noted before the read is sent."""


@dataclass(frozen=True)
class Turn:
    """One permitted step. If it is a send, its attempt is already in the book."""

    step: NextMove
    subject: OfItsKind
    view: OfItsKind
    needs_watermark: bool = False
    attempt: int = 0
    nonce: str = ""
    """The attempt's nonce. Its reply is recorded with it."""
    request: WireRequest | None = None
    deadline: Deadline | None = None

    @property
    def move(self) -> Move:
        return self.step.move


class SendBook:
    """Every send of every process passes through here. An unknown id raises UnknownResource."""

    def __init__(self, database: Database, keyring: Keyring, kinds: StoredKinds) -> None:
        self._database = database
        self._keyring = keyring
        self._folding = Folding(keyring, kinds)

    async def draft(self, instruction_id: str, now: datetime) -> Draft:
        """What the next step is about. Nothing is decided or written."""

        def query(session: Session) -> Draft:
            row, resource = _rows(session, instruction_id)
            book = book_of(session, resource, row)
            halted = self._is_halted(session, resource, row)
            step = next_move(operation_of(resource, row), book, now, halted=halted)
            generation = max(row.generation, step.generation)
            return Draft(
                subject_of(session, self._folding, resource, row, generation),
                is_ahead(session, resource, now),
                step.move,
                row.request_sealed is not None and row.request_generation == generation,
            )

        return await self._database.read(query)

    async def reading(self, instruction_id: str, now: datetime) -> Reading:
        """What a read is about. Nothing is written."""

        def query(session: Session) -> Reading:
            row, resource = _rows(session, instruction_id)
            return Reading(
                subject_of(session, self._folding, resource, row, row.generation),
                is_ahead(session, resource, now),
                highest(session, resource.resource_id),
            )

        return await self._database.read(query)

    async def hold(self, instruction_id: str, examined: Examined, *, known: int = 0) -> OfItsKind:
        """Record that our checks hold the resource for now, or bar it for ever.

        Args:
            known: as for `begin`.
        """

        def transaction(session: Session) -> OfItsKind:
            row, resource = _rows(session, instruction_id)
            report = examined.report(instruction_id, self._folding.kind(resource).gate)
            operation = operation_of(resource, row)
            book = remember(session, resource, row, examined.at, known=known)
            if examined.is_barred:
                if may_be_executed(operation, book):
                    # It was sent meanwhile, or may have been, so it has to be cancelled.
                    cancel_barred(session, resource, report.reason or "", examined.at)
                elif book.closed is None:
                    close(session, row, Closed.REFUSED, examined.at)
                    keep_report(session, resource.resource_id, report, examined.at)
            elif next_move(operation, book, examined.at).move is Move.CHECK:
                keep_report(session, resource.resource_id, report, examined.at)
                resource.not_before = examined.look_again_at
                resource.waiting_for = report.reason
            return self._folding.refold(session, resource, examined.at)

        return await self._database.write(transaction)

    async def begin(
        self,
        instruction_id: str,
        at: datetime,
        *,
        request: WireRequest | None = None,
        passed: Examined | None = None,
        known: int = 0,
        may_send: bool = True,
    ) -> Turn:
        """Ask the book what is safe now. For a send, write the attempt before a byte leaves.

        One transaction under the resource's lock. If it cannot commit, nothing is sent. The first
        request of a generation stays, whether or not it is sent now: the bytes under one key never
        change.

        Args:
            request: the exact bytes, if they were built in this step.
            passed: our own checks, if they passed in this step.
            known: how many attempts the workflow has seen in this book. If the book has fewer, the
                database is an older copy, and the forgotten attempts count as sent.
            may_send: False holds the resource back as if it were halted.

        Raises:
            ClocksApart: our clock and the database's differ too much.
            ValueError: the request is under a key of another instruction.
        """

        def transaction(session: Session) -> Turn:
            row, resource = _rows(session, instruction_id)
            now = agreed(session, at)
            resource.started_at = resource.started_at or now
            if passed is not None:
                resource.gate_passed_at = passed.at
                report = passed.report(instruction_id, self._folding.kind(resource).gate)
                keep_report(session, resource.resource_id, report, passed.at)
            if request is not None:
                keep_request(self._keyring, resource, row, request)
            operation = operation_of(resource, row)
            book = remember(session, resource, row, now, known=known)
            before_halts(session)
            halted = not may_send or self._is_halted(session, resource, row)
            step = next_move(operation, book, now, halted=halted)
            subject = subject_of(
                session, self._folding, resource, row, max(row.generation, step.generation)
            )
            match step.move:
                case Move.SEND if row.request_generation == step.generation:
                    return self._open_attempt(session, resource, row, book, step, subject, now)
                case Move.SEND:
                    # The key's generation has changed, so its request has to be built first.
                    step = NextMove(Move.WAIT, "the request is not built yet", now)
                case Move.EXPIRE:
                    close(session, row, Closed.EXPIRED, now)
                case Move.CANCEL:
                    close(session, row, Closed.CANCELLED, now)
                case Move.CLOSE:
                    close(session, row, book.reopened or Closed.REFUSED, now)
                case _:
                    pass
            return Turn(
                step,
                subject,
                self._folding.refold(session, resource, now),
                needs_watermark=operation.lookup.lags,
            )

        return await self._database.write(transaction)

    def _open_attempt(
        self,
        session: Session,
        resource: LifecycleRow,
        row: InstructionRow,
        book: Book,
        step: NextMove,
        subject: OfItsKind,
        now: datetime,
    ) -> Turn:
        operation = operation_of(resource, row)
        write_before = min(now + operation.write_within, book.submit_before)
        deadline = Deadline(write_before, write_before + operation.answer_within)
        number, nonce = len(book.attempts) + 1, secrets.token_hex(8)
        page_of(session, resource.resource_id).add(
            AttemptRow(
                instruction_id=row.instruction_id,
                number=number,
                generation=step.generation,
                opened_at=now,
                write_before=deadline.write_before,
                ends_by=deadline.ends_by,
                result=AttemptResult.OPEN,
                nonce=nonce,
                partner_key=key_of(resource, row, step.generation),
            )
        )
        resource.not_before = resource.waiting_for = None
        resource.needs_person = False
        return Turn(
            step,
            subject,
            self._folding.refold(session, resource, now),
            attempt=number,
            nonce=nonce,
            request=open_request(self._keyring, row),
            deadline=deadline,
        )

    async def record(self, said: Heard) -> OfItsKind:
        """Store the outcome of a step in one transaction: result, report, exchange and fold.

        Repeating it, in any order with other steps, leaves the same book.

        Raises:
            NotOfAStep: no step can have brought this. Nothing was stored.
        """
        said.require_of_a_step()

        def transaction(session: Session) -> OfItsKind:
            row, resource = _rows(session, said.instruction_id)
            heard = of_its_attempt(session, resource, row, said)
            book = book_of(session, resource, row)
            kept = keep_own_object(session, row, heard)
            if heard.attempt is not None:
                close_attempt(session, resource, row, book, heard, ours=kept)
            if heard.looked_up is not None:
                keep_lookup(session, heard, found_elsewhere=not kept)
                close_refused(session, resource, row, heard)
            is_new = False
            if heard.report is not None and kept:
                is_new = keep_report(session, resource.resource_id, heard.report, heard.heard_at)
                keep_action(session, self._keyring, resource.resource_id, heard.report)
            keep_exchange(session, self._keyring, heard, is_new=is_new)
            is_read = heard.attempt is None and heard.looked_up is None
            if is_read:
                # Reads without an answer count too, so that pauses grow for a silent partner.
                resource.reads += 1
                resource.read_turn_at = resource.read_line = None
                kind, folded = self._folding.kind(resource), self._folding.folded(resource)
                if last := last_word(kind, folded, profile_of(resource), heard):
                    keep_report(session, resource.resource_id, last, heard.heard_at)
                mark_read(session, resource.resource_id, heard.inbox_through, heard.heard_at)
            if kind_of(row.kind).opens:  # Repeated tries of a CANCEL must not delay reads.
                before = resource.last_asked_at or heard.heard_at
                resource.last_asked_at = max(before, heard.heard_at)
            elif kind_of(row.kind).claims:  # A read soon shows the payment after it.
                resource.reads = 0
            answered = is_answer(heard.exchange)
            resource.silent_since = silent_since(resource.silent_since, answered, heard.heard_at)
            resource.not_before = heard.not_before if is_read else None
            resource.waiting_for = heard.why if is_read and heard.not_before else None
            resource.needs_person = False
            return self._folding.refold(session, resource, heard.heard_at)

        return await self._database.write(transaction)

    async def postpone(
        self, resource_id: str, why: NotReady | Unprepared, at: datetime
    ) -> OfItsKind:
        """Record that nothing can be sent or asked now, why, and until when."""

        def transaction(session: Session) -> OfItsKind:
            resource = resource_row(session, resource_id)
            now = no_later(session, at)
            until = why.until if isinstance(why, NotReady) else why.retry_at
            resource.not_before = until or now + _PAUSE
            resource.waiting_for = why.why
            resource.needs_person = isinstance(why, NotReady) and why.needs_person
            resource.silent_since = silent_since(resource.silent_since, has_answered(why), now)
            return self._folding.refold(session, resource, now)

        return await self._database.write(transaction)

    async def await_user(
        self, its_id: str, waits: WaitForUser, at: datetime, *, known: int = 0
    ) -> OfItsKind:
        """Record what the user has to do before anything can be sent. `known`: as for `begin`."""

        def transaction(session: Session) -> OfItsKind:
            row, resource = _rows(session, its_id)
            now = agreed(session, at)
            book = remember(session, resource, row, now, known=known)
            wait_for_user(session, self._folding, resource, row, book, waits, now)
            return self._folding.refold(session, resource, now)

        return await self._database.write(transaction)

    async def refuse(self, heard: Heard, *, known: int = 0) -> OfItsKind:
        """Record that the preparation was refused for good, so nothing more can be sent.

        This closes the instruction, unless an earlier attempt may have been executed. Then, if the
        next step would be to send the same bytes again, a task asks a person.

        Args:
            known: as for `begin`.

        Raises:
            NotOfAStep: no step can have brought this. Nothing was stored.
        """
        heard.require_of_a_step()

        def transaction(session: Session) -> OfItsKind:
            row, resource = _rows(session, heard.instruction_id)
            now = heard.heard_at
            operation = operation_of(resource, row)
            book = remember(session, resource, row, now, known=known)
            if book.closed is None:
                keep_exchange(session, self._keyring, heard)
                if may_be_executed(operation, book):
                    halted = self._is_halted(session, resource, row)
                    if next_move(operation, book, now, halted=halted).move is Move.SEND:
                        resource.not_before, resource.waiting_for = now + _PAUSE, heard.why
                        resource.needs_person = True
                else:
                    close(session, row, Closed.REFUSED, now)
                    if heard.report is not None:
                        keep_report(session, resource.resource_id, heard.report, now)
            return self._folding.refold(session, resource, now)

        return await self._database.write(transaction)

    def _is_halted(self, session: Session, resource: LifecycleRow, row: InstructionRow) -> bool:
        """Whether a halt or an open question stops sends. Lookups go on, and so does a cancel."""
        if not kind_of(row.kind).moves_money_out:
            return False
        return self._folding.folded(resource).is_frozen or is_halted(session, resource)


def _rows(session: Session, instruction_id: str) -> tuple[InstructionRow, LifecycleRow]:
    """The instruction and its resource. The resource's lock guards all of its instructions."""
    resource = resource_row(session, resource_of(instruction_id))
    return page_of(session, resource.resource_id).instruction(instruction_id), resource
