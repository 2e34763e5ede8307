"""Whatever befalls sends, questions and clocks: one effect at most, and an end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from domain.lifecycle.profile import (
    DuplicateMeans,
    Idempotency,
    IdempotencyKind,
    Lookup,
    LookupKind,
)
from domain.lifecycle.profile import Operation as BankOperation
from domain.lifecycle.sending import (
    Answer,
    Attempt,
    AttemptResult,
    Book,
    Closed,
    LookedUp,
    Move,
    NextMove,
    doubted_besides,
    duplicate_is_refusal,
    is_refused,
    next_move,
)
from tests.domain.bank import Bank, Fault, Outcome
from tests.domain.samples import HOUR, MINUTE, NOW, SECOND

#: More turns than any payment needs once nothing is wrong any more: while our clock is up to a
#: day slow, the partner is asked every quarter of an hour, which is a wait and a question.
TURNS_MAX = 250
SETTLE_DELAY = timedelta(seconds=5)

seconds = st.integers(0, 40).map(lambda n: timedelta(seconds=n))


class Sending(RuleBasedStateMachine):
    """A driver that does what `next_move` says, and a bank that does what it declares."""

    kind: IdempotencyKind
    lookup: LookupKind

    @initialize(
        window=st.sampled_from([None, 2 * HOUR, 48 * HOUR]),
        caches_errors=st.booleans(),
        duplicate_means=st.sampled_from(DuplicateMeans),
        lag=st.sampled_from([timedelta(0), SECOND, SETTLE_DELAY]),
        submit_within=st.sampled_from([MINUTE, HOUR, 100 * HOUR]),
        submit_after=st.sampled_from([None, None, 30 * SECOND]),
        is_gated=st.booleans(),
        cancel_after=st.sampled_from([None, None, 0, 1, 4]),
    )
    def meet(
        self,
        window: timedelta | None,
        caches_errors: bool,
        duplicate_means: DuplicateMeans,
        lag: timedelta,
        submit_within: timedelta,
        submit_after: timedelta | None,
        is_gated: bool,
        cancel_after: int | None,
    ) -> None:
        self.operation = BankOperation(
            idempotency=Idempotency(
                kind=self.kind,
                window=window,
                caches_errors=caches_errors,
                duplicate_means=duplicate_means,
            ),
            lookup=Lookup(kind=self.lookup, settle_delay=SETTLE_DELAY),
        )
        self.bank = Bank(self.operation, lag=lag)
        self.true_now = NOW
        self.set_back = timedelta(0)
        self.halted = False
        self.book = Book(
            submit_before=NOW + submit_within,
            submit_from=NOW + submit_after if submit_after is not None else None,
            is_gated=is_gated,
        )
        self.checks_pass = True
        self.cancel_after = cancel_after
        self.unheard: dict[int, Outcome] = {}

    @property
    def now(self) -> datetime:
        """Our clock, which may be slow. The bank lives by the true one."""
        return self.true_now - self.set_back

    @property
    def is_time_to_cancel(self) -> bool:
        """After so many sends and questions, or most runs would be cancelled in their beginning."""
        steps = len(self.book.attempts) + len(self.book.lookups)
        return self.cancel_after is not None and steps >= self.cancel_after

    @rule(fault=st.sampled_from(Fault), late=seconds, patient=st.booleans())
    def turn(self, fault: Fault, late: timedelta, patient: bool) -> None:
        """A worker takes the step that is allowed; a patient one waits for it first."""
        if patient:
            self.wait_as_told()
        self.take(fault, late)

    @rule(by=st.one_of(seconds, st.sampled_from([MINUTE, 20 * MINUTE, HOUR, 13 * HOUR])))
    def wait(self, by: timedelta) -> None:
        self.advance(by)

    def wait_as_told(self) -> None:
        step = self.ask()
        if step.until is not None:
            self.advance(step.until - self.now)

    @precondition(lambda self: not self.set_back)
    @rule(part=st.floats(0.01, 0.9))
    def clock_is_set_back(self, part: float) -> None:
        """By less than the half of the key's window that is kept as margin."""
        self.set_back = (self.bank.window / 2 - 2 * MINUTE) * part

    @rule(halted=st.booleans())
    def halt(self, halted: bool) -> None:
        self.halted = halted

    @rule(checks_pass=st.booleans())
    def checks_of_ours_change_their_mind(self, checks_pass: bool) -> None:
        """What passed before holds for its time; what was not asked yet is asked anew."""
        self.checks_pass = checks_pass

    @precondition(lambda self: self.is_time_to_cancel)
    @rule()
    def cancel(self) -> None:
        """Somebody asks; what needs nobody but us is done in the same transaction."""
        self.change(cancel_asked=True)
        if self.ask().move is Move.CANCEL:
            self.take(Fault.NO, timedelta(0))

    @precondition(lambda self: self.unheard)
    @rule()
    def a_stalled_worker_wakes(self) -> None:
        """It records what it heard, long after everybody believed it dead."""
        number, outcome = self.unheard.popitem()
        self.record(number, outcome)

    @invariant()
    def there_is_one_effect_at_most(self) -> None:
        if hasattr(self, "bank"):
            assert len(self.bank.effects) <= 1, self.book

    @invariant()
    def what_is_closed_as_never_executed_has_no_effect(self) -> None:
        ends = (Closed.CANCELLED, Closed.EXPIRED, Closed.REFUSED)
        if hasattr(self, "bank") and self.book.closed in ends:
            assert not self.bank.effects, self.book
            assert not self.bank.is_anything_on_the_way

    def teardown(self) -> None:
        """The faults end: so does the payment, in bounded time, and rightly."""
        if not hasattr(self, "bank"):
            return
        self.halted, self.checks_pass = False, True
        for _ in range(TURNS_MAX):
            step = self.ask()
            if step.move in (Move.STORED, Move.NOTHING, Move.PARK):
                break
            if step.move is Move.WAIT:
                assert step.until is not None
                assert step.until > self.now, "a wait that does not wait"
                self.advance(step.until - self.now)
            else:
                self.take(Fault.NO, timedelta(0))
        else:
            pytest.fail(f"no end after {TURNS_MAX} turns: {self.book}")
        self.advance(HOUR)
        effects = len(self.bank.effects)
        assert effects <= 1
        if self.book.answered:
            assert effects == 1
        elif step.move is not Move.PARK:
            assert effects == 0, f"{step} although it was executed"

    def ask(self) -> NextMove:
        return next_move(self.operation, self.book, self.now, halted=self.halted)

    def advance(self, by: timedelta) -> None:
        self.true_now += by
        self.bank.run_until(self.true_now)

    def take(self, fault: Fault, late: timedelta) -> None:
        step = self.ask()
        match step.move:
            case Move.SEND:
                self.send(step, fault, late)
            case Move.LOOK_UP:
                result = self.bank.look_up(fault, self.true_now)
                looked = LookedUp(asked_at=self.now, result=result)
                self.change(lookups=(*self.book.lookups, looked))
                if is_refused(self.operation, self.book):
                    self.change(closed=Closed.REFUSED)
            case Move.CHECK:
                self.check(step)
            case Move.CANCEL:
                assert self.book.cancel_asked
                self.change(closed=Closed.CANCELLED)
            case Move.EXPIRE:
                assert not self.book.cancel_asked
                self.change(closed=Closed.EXPIRED)
            case Move.CLOSE:
                self.change(closed=Closed.REFUSED)
            case _:
                pass

    def check(self, step: NextMove) -> None:
        """What passes is sent in the next step, with the key that was announced."""
        if not self.checks_pass:
            return
        self.change(gate_passed_at=self.now)
        sends = self.ask()
        assert (sends.move, sends.generation) == (Move.SEND, step.generation)

    def send(self, step: NextMove, fault: Fault, late: timedelta) -> None:
        assert not self.halted
        assert not self.book.cancel_asked
        assert self.now < self.book.submit_before
        assert self.book.submit_from is None or self.now >= self.book.submit_from
        assert self.book.in_doubt or self.book.gate_holds(self.now)
        if self.operation.idempotency.kind == "none" and self.operation.lookup.kind == "none":
            assert not self.book.in_doubt, "a second send after a doubtful one"
        attempt = Attempt(
            number=len(self.book.attempts) + 1,
            generation=step.generation,
            opened_at=self.now,
            write_before=self.now + self.operation.write_within,
            ends_by=self.now + self.operation.write_within + self.operation.answer_within,
        )
        self.change(attempts=(*self.book.attempts, attempt))
        outcome = self.bank.receive(attempt, fault, self.true_now, self.true_now + late)
        if outcome.result is AttemptResult.OPEN:
            self.unheard[attempt.number] = Outcome(AttemptResult.UNKNOWN)
        else:
            self.record(attempt.number, outcome)

    def record(self, number: int, outcome: Outcome) -> None:
        """What the store does with an outcome, as the book's rules tell it."""
        result = outcome.result
        if outcome.answer is Answer.DUPLICATE and duplicate_is_refusal(
            self.operation, self.book, number
        ):
            result = AttemptResult.TURNED_AWAY
        refused = outcome.answer is Answer.REFUSED and not doubted_besides(
            self.operation, self.book, number
        )
        closed = self.book.attempt(number).model_copy(
            update={
                "result": result,
                "answer": outcome.answer,
                "server_error": outcome.server_error,
                "closed_at": self.now,
            }
        )
        attempts = (closed if a.number == number else a for a in self.book.attempts)
        self.change(
            attempts=tuple(attempts), closed=Closed.REFUSED if refused else self.book.closed
        )

    def change(self, **fields: Any) -> None:
        self.book = self.book.model_copy(update=fields)


@pytest.mark.parametrize("lookup", LookupKind)
@pytest.mark.parametrize("idempotency", IdempotencyKind)
def test_no_run_of_faults_makes_a_second_effect_or_goes_on_for_ever(
    idempotency: IdempotencyKind, lookup: LookupKind
) -> None:
    # A name of its own each, or they would share what they remember of earlier failures.
    name = f"Sending_{idempotency}_{lookup}"
    machine = type(name, (Sending,), {"kind": idempotency, "lookup": lookup})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=16,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
