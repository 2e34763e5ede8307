"""The send book's two transactions: `begin` before a byte may leave, `record` after."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, select

from domain.answers import Deadline, NotReady, Subject, Unprepared, WireRequest
from domain.heard import Heard
from domain.ids import payment_of
from domain.keys import partner_key
from domain.payment import Payment
from domain.profile import InstructionKind, Operation, Profile
from domain.report import PaymentState, Report, Source
from domain.sending import (
    Answer,
    AttemptResult,
    Book,
    Closed,
    Move,
    NextMove,
    doubted_besides,
    duplicate_is_refusal,
    next_move,
)
from domain.view import PaymentView
from store.books import book_of
from store.database import Database
from store.evidence import keep_exchange, keep_lookup, keep_report
from store.folding import Folding, order_of
from store.halts import is_halted
from store.inbox import mark_read, match_reference
from store.keyring import Keyring
from store.payments import UnknownPayment, view_of
from store.payments import row as payment_row
from store.tables import (
    AttemptRow,
    InstructionRow,
    PaymentRow,
)

#: Before asking again whether the partner may be talked to, where it named no moment itself.
_PAUSE: Final = timedelta(seconds=30)


@dataclass(frozen=True)
class Draft:
    """What has to be there before `begin`: the subject, and its request if already built."""

    subject: Subject
    move: Move
    has_request: bool


@dataclass(frozen=True)
class Turn:
    """One permitted step. A send carries its attempt, which now stands in the book."""

    step: NextMove
    subject: Subject
    view: PaymentView
    needs_watermark: bool = False
    attempt: int = 0
    request: WireRequest | None = None
    deadline: Deadline | None = None

    @property
    def move(self) -> Move:
        return self.step.move


class SendBook:
    """Every send of every process passes through here."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._folding = Folding(keyring)

    async def draft(self, instruction_id: str, now: datetime) -> Draft:
        """What the next step is about; nothing is decided or written."""

        def query(session: Session) -> Draft:
            row, payment = _rows(session, instruction_id)
            book = book_of(session, payment, row)
            halted = _is_halted(session, payment, row)
            step = next_move(_operation(payment, row), book, now, halted=halted)
            generation = max(row.generation, step.generation)
            return Draft(
                self._subject(session, payment, row, generation),
                step.move,
                row.request_sealed is not None and row.request_generation == generation,
            )

        return await self._database.read(query)

    async def subject(self, instruction_id: str) -> Subject:
        """What a read is about."""

        def query(session: Session) -> Subject:
            row, payment = _rows(session, instruction_id)
            return self._subject(session, payment, row, row.generation)

        return await self._database.read(query)

    async def keep_request(self, instruction_id: str, request: WireRequest) -> None:
        """Keep the exact bytes before they are ever sent.

        The first request of a generation stays: bytes under one key never change.
        """

        def transaction(session: Session) -> None:
            row, payment = _rows(session, instruction_id)
            generation = _generation_of(payment, row, request.key)
            if generation <= row.request_generation:
                return
            row.request_sealed = self._keyring.seal(
                _request_bytes(request), _request_context(instruction_id, generation)
            )
            row.request_generation = row.generation = generation
            session.add(row)

        await self._database.write(transaction)

    async def begin(self, instruction_id: str, now: datetime) -> Turn:
        """Ask the book what is safe and, for a send, write the attempt before a byte leaves.

        One transaction under the instruction's lock. If it cannot commit, nothing is sent.
        """

        def transaction(session: Session) -> Turn:
            row, payment = _rows(session, instruction_id)
            operation = _operation(payment, row)
            book = book_of(session, payment, row)
            halted = _is_halted(session, payment, row)
            step = next_move(operation, book, now, halted=halted)
            subject = self._subject(session, payment, row, max(row.generation, step.generation))
            match step.move:
                case Move.SEND if row.request_generation == step.generation:
                    return self._open_attempt(session, payment, row, book, step, subject, now)
                case Move.SEND:
                    # The key's generation moved on; its request has to be built first.
                    step = NextMove(Move.WAIT, "the request is not built yet", now)
                case Move.EXPIRE:
                    _close(session, row, Closed.EXPIRED, now)
                case Move.CANCEL:
                    _close(session, row, Closed.CANCELLED, now)
                case _:
                    pass
            self._folding.refold(session, payment, now)
            return Turn(
                step,
                subject,
                view_of(session, payment),
                needs_watermark=operation.lookup.lags,
            )

        return await self._database.write(transaction)

    def _open_attempt(
        self,
        session: Session,
        payment: PaymentRow,
        row: InstructionRow,
        book: Book,
        step: NextMove,
        subject: Subject,
        now: datetime,
    ) -> Turn:
        operation = _operation(payment, row)
        write_before = min(now + operation.write_within, book.submit_before)
        deadline = Deadline(write_before, write_before + operation.answer_within)
        number = len(book.attempts) + 1
        session.add(
            AttemptRow(
                instruction_id=row.instruction_id,
                number=number,
                generation=step.generation,
                opened_at=now,
                write_before=deadline.write_before,
                ends_by=deadline.ends_by,
                result=AttemptResult.OPEN,
            )
        )
        payment.not_before = payment.waiting_for = None
        payment.needs_person = False
        self._folding.refold(session, payment, now)
        return Turn(
            step,
            subject,
            view_of(session, payment),
            attempt=number,
            request=self._request(row),
            deadline=deadline,
        )

    async def record(self, heard: Heard) -> PaymentView:
        """Store what a step brought: result, report, fold, in one transaction.

        Any number of times, in any order with other steps: the same ends up in the book.
        """

        def transaction(session: Session) -> PaymentView:
            row, payment = _rows(session, heard.instruction_id)
            book = book_of(session, payment, row)
            kept = self._keep_reference(session, row, heard)
            if heard.attempt is not None:
                self._close_attempt(session, payment, row, book, heard, ours=kept)
            if heard.looked_up is not None:
                keep_lookup(session, heard, found_elsewhere=not kept)
            if heard.report is not None and kept:
                keep_report(session, payment.payment_id, heard.report, heard.heard_at)
            keep_exchange(session, self._keyring, heard)
            is_read = heard.attempt is None and heard.looked_up is None
            if is_read:
                # One without a usable answer counts too, or a silent partner is asked for ever.
                payment.reads += 1
                if last_word := _last_word(payment, heard):
                    keep_report(session, payment.payment_id, last_word, heard.heard_at)
                mark_read(session, payment.payment_id, heard.inbox_through, heard.heard_at)
            payment.last_asked_at = max(payment.last_asked_at or heard.heard_at, heard.heard_at)
            payment.not_before = heard.not_before if is_read else None
            payment.waiting_for = heard.why if is_read and heard.not_before else None
            payment.needs_person = False
            self._folding.refold(session, payment, heard.heard_at)
            return view_of(session, payment)

        return await self._database.write(transaction)

    def _close_attempt(
        self,
        session: Session,
        payment: PaymentRow,
        row: InstructionRow,
        book: Book,
        heard: Heard,
        *,
        ours: bool,
    ) -> None:
        assert heard.attempt is not None
        assert heard.result is not None
        attempt = session.get(AttemptRow, (row.instruction_id, heard.attempt))
        assert attempt is not None, "an attempt is written before its result can be heard"
        if attempt.result != AttemptResult.OPEN:
            return  # Recorded before; the first record stands.
        operation = _operation(payment, row)
        result, answer, closed = heard.result, heard.answer, None
        match answer:
            case Answer.ACCEPTED if not ours:
                # The reply shows another payment's object: of this one it says nothing.
                result, answer = AttemptResult.UNKNOWN, None
            case Answer.REFUSED if not doubted_besides(operation, book, heard.attempt):
                closed = Closed.REFUSED
            case Answer.DUPLICATE if duplicate_is_refusal(operation, book, heard.attempt):
                result = AttemptResult.NOT_SENT
            case _:
                pass
        attempt.result, attempt.answer = result, answer
        attempt.closed_at = heard.heard_at
        attempt.server_error = heard.server_error
        attempt.not_before = heard.not_before
        attempt.why = heard.why
        session.add(attempt)
        if closed and not book.answered:
            _close(session, row, closed, heard.heard_at)

    def _keep_reference(self, session: Session, row: InstructionRow, heard: Heard) -> bool:
        """Keep the partner's reference; False where it belongs to another instruction."""
        reference = heard.report.partner_reference if heard.report else None
        if reference is None or row.partner_reference == reference:
            return True
        if row.kind != InstructionKind.PAY:
            return True  # It speaks of the object that the PAY instruction holds.
        owner = session.exec(
            select(InstructionRow).where(
                InstructionRow.partner == row.partner,
                InstructionRow.partner_account == row.partner_account,
                InstructionRow.partner_reference == reference,
            )
        ).one_or_none()
        if owner is not None:
            return False
        if row.partner_reference is None:
            row.partner_reference = reference
            session.add(row)
            match_reference(session, row.partner, reference, row.payment_id)
        return True

    async def postpone(
        self, payment_id: str, why: NotReady | Unprepared, now: datetime
    ) -> PaymentView:
        """Nothing was sent and nothing may be now: note until when, and why."""

        def transaction(session: Session) -> PaymentView:
            payment = payment_row(session, payment_id)
            until = why.until if isinstance(why, NotReady) else why.retry_at
            payment.not_before = until or now + _PAUSE
            payment.waiting_for = why.why
            payment.needs_person = isinstance(why, NotReady) and why.needs_person
            self._folding.refold(session, payment, now)
            return view_of(session, payment)

        return await self._database.write(transaction)

    async def refuse(self, heard: Heard) -> PaymentView:
        """What had to be prepared was refused for good: nothing was sent, and nothing will be."""

        def transaction(session: Session) -> PaymentView:
            row, payment = _rows(session, heard.instruction_id)
            book = book_of(session, payment, row)
            if not book.attempts and book.closed is None:
                _close(session, row, Closed.REFUSED, heard.heard_at)
                if heard.report is not None:
                    keep_report(session, payment.payment_id, heard.report, heard.heard_at)
                keep_exchange(session, self._keyring, heard)
            self._folding.refold(session, payment, heard.heard_at)
            return view_of(session, payment)

        return await self._database.write(transaction)

    def _subject(
        self, session: Session, payment: PaymentRow, row: InstructionRow, generation: int
    ) -> Subject:
        request = self._request(row) if row.request_sealed else None
        kind = InstructionKind(row.kind)
        return Subject(
            instruction_id=row.instruction_id,
            order=order_of(self._keyring, payment),
            keys=tuple(_key(payment, row, number) for number in range(1, generation + 1)),
            prepared=dict(request.prepared) if request else {},
            partner_reference=row.partner_reference
            if kind is InstructionKind.PAY
            else _held_reference(session, payment),
            kind=kind,
            environment=Profile.model_validate_json(payment.profile_json).environment,
        )

    def _request(self, row: InstructionRow) -> WireRequest:
        assert row.request_sealed is not None
        context = _request_context(row.instruction_id, row.request_generation)
        fields = json.loads(self._keyring.open(row.request_sealed, context))
        return WireRequest(**{**fields, "body": fields["body"].encode("latin-1")})


def _rows(session: Session, instruction_id: str) -> tuple[InstructionRow, PaymentRow]:
    """The instruction and its payment. The payment's lock guards all its instructions."""
    payment = payment_row(session, payment_of(instruction_id))
    row = session.get(InstructionRow, instruction_id)
    if row is None:
        raise UnknownPayment(f"no instruction {instruction_id}")
    return row, payment


def _operation(payment: PaymentRow, row: InstructionRow) -> Operation:
    return Profile.model_validate_json(payment.profile_json).operation(InstructionKind(row.kind))


def _is_halted(session: Session, payment: PaymentRow, row: InstructionRow) -> bool:
    """Whether nothing new is sent now, and doubt is only looked up.

    Somebody said so, or has to look first. Taking a payment back moves no money out.
    """
    if row.kind == InstructionKind.CANCEL:
        return False
    is_frozen = Payment.model_validate_json(payment.payment_json).is_frozen
    return is_frozen or is_halted(session, payment)


def _held_reference(session: Session, payment: PaymentRow) -> str | None:
    """The partner's object of the payment's PAY instruction."""
    return session.exec(
        select(InstructionRow.partner_reference).where(
            InstructionRow.payment_id == payment.payment_id,
            InstructionRow.kind == InstructionKind.PAY,
        )
    ).one()


def _last_word(payment: PaymentRow, heard: Heard) -> Report | None:
    """What follows where the partner can be asked no more: its last word stands.

    Only a settled payment may end by that; of any other a person has to find out.
    """
    profile = Profile.model_validate_json(payment.profile_json)
    known = Payment.model_validate_json(payment.payment_json)
    is_over = (
        profile.status_for is not None
        and known.settled_at is not None
        and heard.report is None
        and heard.heard_at >= known.settled_at + profile.status_for
    )
    if not (heard.gone or is_over):
        return None
    is_settled = known.state is PaymentState.SETTLED
    return Report(
        instruction_id=heard.instruction_id,
        source=Source.READ,
        as_of=heard.heard_at,
        state=PaymentState.UNCONFIRMED if is_settled else None,
        partner_status="can no longer be asked",
        reason=heard.why,
    )


def _key(payment: PaymentRow, row: InstructionRow, generation: int) -> str:
    return partner_key(
        _operation(payment, row).idempotency,
        tenant=payment.tenant,
        payment_id=payment.payment_id,
        instruction_id=row.instruction_id,
        generation=generation,
    )


def _generation_of(payment: PaymentRow, row: InstructionRow, key: str) -> int:
    for generation in (row.generation, row.generation + 1):
        if _key(payment, row, generation) == key:
            return generation
    raise ValueError("the request carries a key that is not this instruction's")


def _close(session: Session, row: InstructionRow, why: Closed, now: datetime) -> None:
    row.closed, row.closed_at = why, now
    session.add(row)


def _request_context(instruction_id: str, generation: int) -> str:
    return f"instructions.request/{instruction_id}/{generation}"


def _request_bytes(request: WireRequest) -> bytes:
    fields = {**asdict(request), "body": request.body.decode("latin-1")}
    return json.dumps(fields).encode()
