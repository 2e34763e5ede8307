"""What a store and its steps do with one payment, without either: books, reports and commands."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.lifecycle.absence import is_unconfirmed
from domain.lifecycle.command import Outcome
from domain.lifecycle.next_step import Due
from domain.lifecycle.profile import Operation
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import (
    Answer,
    Attempt,
    AttemptResult,
    Book,
    Closed,
    LookedUp,
    LookupResult,
    Move,
    NextMove,
    doubted_besides,
    duplicate_is_refusal,
    is_refused,
    next_move,
)
from domain.payments.due import due
from domain.payments.payment import Payment
from domain.payments.report import PaymentState, Report, Source
from domain.payments.states import CANCELLABLE
from domain.payments.view import PaymentView
from tests.domain.bank import Bank, Fault
from tests.domain.bank import Outcome as Sent
from tests.domain.samples import (
    CANCEL,
    CANCEL_TOLD,
    INSTRUCTION,
    MINUTE,
    NOW,
    decision,
    folded,
    gate,
    report,
    view,
)

S = PaymentState


class Verdict(StrEnum):
    """What our own checks say when they are asked."""

    PASS = "pass"
    HOLD = "hold"
    BAR = "bar"


class Desk:
    """Does what `due` says, one thing at a time, against a bank that lives a life of its own."""

    def __init__(
        self, pay: Operation, submit_before: datetime, execute_by: datetime | None
    ) -> None:
        self.pay = pay
        self.bank = Bank(pay, lag=timedelta(0))
        self.life = S.ACCEPTED
        self.now = NOW
        self.books = {INSTRUCTION: Book(submit_before=submit_before, is_gated=True)}
        self.reports: list[Report] = []
        self.command: Outcome | None = None
        self.execute_by = execute_by
        self.halted = False
        self.not_before: datetime | None = None
        self.last_asked_at: datetime | None = None
        self.reads = 0

    @property
    def at_the_bank(self) -> PaymentState | None:
        """The bank's own word for it; None where it has nothing."""
        return self.life if self.bank.effects else None

    @property
    def payment(self) -> Payment:
        cancel = self.books.get(CANCEL)
        return folded(*self.reports, of=self.books[INSTRUCTION], cancel=cancel, pay=self.pay)

    @property
    def view(self) -> PaymentView:
        return view(
            *self.reports,
            of=self.books[INSTRUCTION],
            pay=self.pay,
            cancel=self.books.get(CANCEL),
            cancel_asked=self.books[INSTRUCTION].cancel_asked,
            halted=self.halted,
            execute_by=self.execute_by,
            not_before=self.not_before,
            last_asked_at=self.last_asked_at,
            reads=self.reads,
        )

    def owed(self) -> Due:
        return due(self.view, self.now)

    def advance(self, by: timedelta) -> None:
        self.now += by
        self.bank.run_until(self.now)

    def cancel(self) -> None:
        """The command, and what needs nobody but us in the same transaction."""
        if self.command is not None:
            return
        if self.payment.state not in CANCELLABLE:
            self.command = Outcome.TOO_LATE
            return
        self.command = Outcome.ASKED
        self.change(INSTRUCTION, cancel_asked=True)
        if self.ask(INSTRUCTION).move is Move.CANCEL:
            self.change(INSTRUCTION, closed=Closed.CANCELLED)
        self.follow()

    def people_find_out(self) -> bool:
        """Two look it up at the bank, once nothing can still arrive there, and say what is true.

        False where nothing is in question, or the bank has not come to an end with it.
        """
        known = self.payment
        live = any(
            a.reached and self.now < a.ends_by
            for its_book in self.books.values()
            for a in its_book.attempts
        )
        if known.certainty is not Certainty.UNKNOWN or live:
            return False
        open_texts = tuple(f.text for f in known.findings if f.freezes)
        if self.at_the_bank is None:
            assert not self.bank.is_anything_on_the_way
            asked = self.books[INSTRUCTION].cancel_asked
            self.change(INSTRUCTION, closed=Closed.NOT_EXECUTED)
            says, reference = S.CANCELLED if asked else S.REJECTED, None
        elif self.life is S.SETTLED:
            self.change(INSTRUCTION, held=True)
            says, reference = S.SETTLED, "ref-1"
        else:
            return False
        self.reports.append(
            decision(
                says,
                self.now - NOW,
                *open_texts,
                partner_reference=reference,
                decided_on=self.payment.state,
            )
        )
        self.follow()
        return True

    def instruct(self, instruction_id: str, fault: Fault, late: timedelta, says: Verdict) -> None:
        """One step of the send book, as it is taken under the payment's lock."""
        step = self.ask(instruction_id)
        match step.move:
            case Move.SEND:
                self._send(instruction_id, step, fault, late)
            case Move.LOOK_UP:
                self._look_up(instruction_id, fault)
            case Move.CHECK:
                self._check(says)
            case Move.EXPIRE:
                self.change(instruction_id, closed=Closed.EXPIRED)
            case Move.CLOSE:
                self.change(instruction_id, closed=Closed.REFUSED)
            case Move.CANCEL:
                self.change(instruction_id, closed=Closed.CANCELLED)
            case _:
                pass
        self.follow()

    def read(self, fault: Fault) -> None:
        """Ask what became of it: the bank's word, one nobody knows, or nothing to rely on."""
        self.reads += 1
        self.last_asked_at = self.now
        match fault:
            case Fault.CANNOT_TELL | Fault.TOO_MANY | Fault.TOO_MANY_AFTER | Fault.NOTHING_LEFT:
                return
            case Fault.FAILS_AFTER:
                self._told(None, INSTRUCTION, Source.READ, reference="ref-1")
            case _:
                assert self.at_the_bank is not None, "read what it never had"
                self._told(self.at_the_bank, INSTRUCTION, Source.READ, reference="ref-1")
        self.follow()

    def ask(self, instruction_id: str) -> NextMove:
        is_cancel = instruction_id == CANCEL
        operation = CANCEL_TOLD if is_cancel else self.pay
        halted = self.halted and not is_cancel
        return next_move(operation, self.books[instruction_id], self.now, halted=halted)

    def change(self, instruction_id: str, **fields: Any) -> None:
        self.books[instruction_id] = self.books[instruction_id].model_copy(update=fields)

    def follow(self) -> None:
        """What follows from a cancel, whenever the payment was folded anew."""
        state, asked = self.payment.state, self.command is Outcome.ASKED
        cancel = self.books.get(CANCEL)
        if state not in CANCELLABLE:
            if cancel is not None and not cancel.closed:
                self.change(CANCEL, closed=Closed.MOOT)
            if asked:
                self.command = Outcome.DONE if state is S.CANCELLED else Outcome.TOO_LATE
        elif asked and self.books[INSTRUCTION].answered and not self.books[INSTRUCTION].closed:
            if cancel is None:
                self.books[CANCEL] = Book(submit_before=self.now + timedelta(days=7))
            elif cancel.closed:
                self.command = Outcome.REFUSED

    def _check(self, says: Verdict) -> None:
        at = self.now - NOW
        match says:
            case Verdict.PASS:
                self.reports.append(gate(S.CREATED, at))
                self.change(INSTRUCTION, gate_passed_at=self.now)
            case Verdict.HOLD:
                self.reports.append(gate(S.AWAITING_US, at))
                self.not_before = self.now + MINUTE
            case Verdict.BAR if self.books[INSTRUCTION].in_doubt or is_unconfirmed(
                self.pay, self.books[INSTRUCTION]
            ):
                self.change(INSTRUCTION, cancel_asked=True)
            case Verdict.BAR:
                self.reports.append(gate(S.REJECTED, at))
                self.change(INSTRUCTION, closed=Closed.REFUSED)

    def _send(self, instruction_id: str, step: NextMove, fault: Fault, late: timedelta) -> None:
        its_book = self.books[instruction_id]
        assert not its_book.cancel_asked, "bytes left after a cancel"
        number = len(its_book.attempts) + 1
        opened = Attempt(
            number=number,
            generation=step.generation,
            opened_at=self.now,
            write_before=self.now + self.pay.write_within,
            ends_by=self.now + self.pay.write_within + self.pay.answer_within,
        )
        self.change(instruction_id, attempts=(*its_book.attempts, opened))
        if instruction_id == CANCEL:
            sent = self._take_back(fault)
        else:
            sent = self.bank.receive(opened, fault, self.now, self.now + late)
        self.last_asked_at = self.now
        if sent.result is not AttemptResult.OPEN:
            self._close(instruction_id, number, sent)

    def _take_back(self, fault: Fault) -> Sent:
        match fault:
            case Fault.NOTHING_LEFT:
                return Sent(AttemptResult.NOT_SENT)
            case Fault.TOO_MANY:
                return Sent(AttemptResult.TURNED_AWAY)
            case Fault.LOST_ON_THE_WAY | Fault.FAILS_BEFORE:
                return Sent(AttemptResult.UNKNOWN)
            case Fault.KILLED_BEFORE:
                return Sent(AttemptResult.OPEN)
        can_be = self.life in (S.ACCEPTED, S.AWAITING_PARTNER, S.CANCELLED)
        if can_be:
            self.life = S.CANCELLED
        if fault is Fault.KILLED_AFTER:
            return Sent(AttemptResult.OPEN)
        if fault is Fault.TOO_MANY_AFTER:
            return Sent(AttemptResult.TURNED_AWAY)
        if fault in (Fault.ANSWER_LOST, Fault.LATE_AND_LOST, Fault.FAILS_AFTER):
            return Sent(AttemptResult.UNKNOWN)
        return Sent(AttemptResult.ANSWERED, Answer.ACCEPTED if can_be else Answer.REFUSED)

    def _close(self, instruction_id: str, number: int, sent: Sent) -> None:
        its_book = self.books[instruction_id]
        operation = CANCEL_TOLD if instruction_id == CANCEL else self.pay
        result, closed = sent.result, its_book.closed
        match sent.answer:
            case Answer.DUPLICATE if duplicate_is_refusal(operation, its_book, number):
                result = AttemptResult.TURNED_AWAY
            case Answer.REFUSED if not doubted_besides(operation, its_book, number):
                closed = Closed.REFUSED
            case _:
                pass
        ended = its_book.attempt(number).model_copy(
            update={
                "result": result,
                "answer": sent.answer,
                "server_error": sent.server_error,
                "closed_at": self.now,
            }
        )
        attempts = tuple(ended if a.number == number else a for a in its_book.attempts)
        self.change(instruction_id, attempts=attempts, closed=closed)
        match sent.answer:
            case Answer.ACCEPTED:
                self._told(self.life, instruction_id, Source.REPLY, number, reference="ref-1")
            case Answer.REFUSED:
                word = None if instruction_id == CANCEL else S.REJECTED
                self._told(word, instruction_id, Source.REPLY, number)
            case Answer.DUPLICATE:
                self._told(S.AWAITING_US, instruction_id, Source.REPLY, number)
            case None:
                pass

    def _look_up(self, instruction_id: str, fault: Fault) -> None:
        its_book = self.books[instruction_id]
        if fault is Fault.CANNOT_TELL:
            result = LookupResult.CANNOT_TELL
        elif instruction_id == CANCEL:
            is_gone = self.life is S.CANCELLED
            result = LookupResult.FOUND if is_gone else LookupResult.ABSENT
        else:
            result = self.bank.look_up(fault, self.now)
        looked = LookedUp(asked_at=self.now, result=result)
        self.change(instruction_id, lookups=(*its_book.lookups, looked))
        operation = CANCEL_TOLD if instruction_id == CANCEL else self.pay
        if is_refused(operation, self.books[instruction_id]):
            self.change(instruction_id, closed=Closed.REFUSED)
        self.last_asked_at = self.now
        if result is LookupResult.FOUND:
            self._told(self.life, instruction_id, Source.READ, reference="ref-1")

    def _told(
        self,
        word: PaymentState | None,
        instruction_id: str,
        source: Source,
        attempt: int | None = None,
        *,
        reference: str | None = None,
    ) -> None:
        self.reports.append(
            report(
                word,
                self.now - NOW,
                source=source,
                partner_reference=reference,
                instruction_id=instruction_id,
                attempt=attempt,
            )
        )
