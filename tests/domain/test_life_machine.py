"""Whole lives: what is owed is done, cancels and decisions come at any moment, all told truly."""

from __future__ import annotations

from datetime import timedelta

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

from domain.lifecycle.command import Outcome
from domain.lifecycle.next_step import Owed
from domain.lifecycle.profile import IdempotencyKind, LookupKind
from domain.lifecycle.resource import Certainty
from domain.payments.display import Funds, display
from domain.payments.report import PaymentState
from domain.payments.states import ENDS, PROVEN_NOTHING_MOVED
from tests.domain.bank import Fault
from tests.domain.desk import Desk, Verdict
from tests.domain.samples import CANCEL, HOUR, INSTRUCTION, MINUTE, NOW, SECOND, operation

S = PaymentState
DAY = timedelta(days=1)
#: More steps than any life needs once nothing is wrong any more.
STEPS_MAX = 150
#: Where the bank may take it next by itself; released it can no longer be taken back.
LIVES = {
    S.ACCEPTED: (S.AWAITING_PARTNER, S.PROCESSING),
    S.AWAITING_PARTNER: (S.ACCEPTED, S.PROCESSING),
    S.PROCESSING: (S.SETTLED,),
}
seconds = st.integers(0, 9).map(lambda n: n * SECOND)


class Living(RuleBasedStateMachine):
    """One payment, its desk and its bank."""

    kind: IdempotencyKind
    lookup: LookupKind

    @initialize(
        submit_within=st.sampled_from([MINUTE, 9 * HOUR, 9 * HOUR]),
        execute_within=st.sampled_from([None, None, HOUR, DAY]),
        cancel_after=st.sampled_from([None, 0, 1, 1, 2, 3]),
    )
    def order(
        self, submit_within: timedelta, execute_within: timedelta | None, cancel_after: int | None
    ) -> None:
        deadline = None if execute_within is None else NOW + max(submit_within, execute_within)
        self.desk = Desk(operation(self.kind, self.lookup), NOW + submit_within, deadline)
        self.cancel_after = cancel_after

    @rule(fault=st.sampled_from(Fault), late=seconds, says=st.sampled_from(Verdict))
    def step(self, fault: Fault, late: timedelta, says: Verdict) -> None:
        self.take(fault, late, says)

    @rule(late=seconds)
    def lucky_step(self, late: timedelta) -> None:
        self.take(Fault.NO, late, Verdict.PASS)

    @rule(by=st.sampled_from([SECOND, 20 * SECOND, MINUTE, 5 * HOUR]))
    def wait(self, by: timedelta) -> None:
        self.desk.advance(by)

    @precondition(lambda self: self.desk.at_the_bank in LIVES)
    @rule(data=st.data())
    def the_bank_goes_on(self, data: st.DataObject) -> None:
        self.desk.life = data.draw(st.sampled_from(LIVES[self.desk.life]))
        self.desk.advance(SECOND)

    @precondition(lambda self: self.is_time_to_cancel)
    @rule()
    def cancel(self) -> None:
        self.desk.cancel()

    @rule(halted=st.booleans())
    def halt(self, halted: bool) -> None:
        self.desk.halted = halted

    @rule()
    def people_find_out(self) -> None:
        self.desk.people_find_out()

    @property
    def is_time_to_cancel(self) -> bool:
        """Once, after so many sends, questions and reads, or all lives would end early."""
        if self.cancel_after is None or self.desk.command is not None:
            return False
        steps = sum(len(b.attempts) + len(b.lookups) for b in self.desk.books.values())
        return steps + self.desk.reads >= self.cancel_after

    @invariant()
    def what_is_known_and_shown_is_true(self) -> None:
        if not hasattr(self, "desk"):
            return
        desk, payment = self.desk, self.desk.payment
        shown = display(payment)
        assert len(desk.bank.effects) <= 1
        if desk.at_the_bank is None:
            moved = desk.bank.is_anything_on_the_way
        else:  # By what the bank declares, a late repeat of the same key changes nothing.
            moved = desk.at_the_bank is not S.CANCELLED
        if payment.certainty is Certainty.UNKNOWN:
            assert shown.funds is Funds.KEEP_HOLDING
            assert not shown.may_retry
            return
        if payment.state in PROVEN_NOTHING_MOVED or shown.may_retry or shown.funds is Funds.RELEASE:
            assert not moved, (payment, desk.books)
        if payment.state is S.CANCELLED and desk.at_the_bank is not None:
            assert desk.at_the_bank is S.CANCELLED
        if shown.funds is Funds.DEBIT:
            assert desk.at_the_bank is S.SETTLED
        if payment.state is S.AWAITING_US:
            assert not moved, "our checks hold what has left"

    def take(self, fault: Fault, late: timedelta, says: Verdict) -> None:
        """The one thing owed; a wait is sat out. No two questions are asked at one moment."""
        desk = self.desk
        desk.advance(timedelta(milliseconds=1))
        owed = desk.owed()
        match owed.owed:
            case Owed.WAIT:
                assert owed.until is not None
                desk.advance(owed.until - desk.now)
            case Owed.INSTRUCT:
                assert owed.instruction_id in (INSTRUCTION, CANCEL)
                desk.instruct(owed.instruction_id, fault, late, says)
            case Owed.READ:
                desk.read(fault)
            case Owed.GIVE_UP:
                desk.cancel()
                assert desk.books[INSTRUCTION].cancel_asked
            case Owed.OVER:
                pass

    def teardown(self) -> None:
        """The faults end and the bank goes on: so does the payment, to the end that is true."""
        if not hasattr(self, "desk"):
            return
        desk = self.desk
        desk.halted = False
        for _ in range(STEPS_MAX):
            if desk.owed().owed is Owed.OVER:
                break
            self.take(Fault.NO, timedelta(0), Verdict.PASS)
            self.what_is_known_and_shown_is_true()
            if desk.owed().because.startswith(("parked", "a person has to look")):
                if desk.at_the_bank in LIVES:
                    desk.life = S.SETTLED
                assert desk.people_find_out(), desk.owed()
            elif desk.life is S.PROCESSING or desk.command is not Outcome.ASKED:
                desk.life = S.SETTLED if desk.at_the_bank in LIVES else desk.life
        else:
            pytest.fail(f"no end after {STEPS_MAX} steps: {desk.owed()}, {desk.books}")
        payment = desk.payment
        assert payment.state in ENDS
        assert (desk.at_the_bank is S.SETTLED) == (payment.state is S.FINAL)
        if desk.at_the_bank is S.CANCELLED:
            assert payment.state is S.CANCELLED
        assert desk.command is not Outcome.ASKED, "a command without an answer"
        if desk.command is Outcome.DONE:
            assert payment.state is S.CANCELLED


PARTNERS = [
    (IdempotencyKind.REJECT_DUPLICATE, LookupKind.STRONG),
    (IdempotencyKind.REPLAY_RESPONSE, LookupKind.NONE),
    (IdempotencyKind.NONE, LookupKind.PARENT),
    (IdempotencyKind.NONE, LookupKind.NONE),
]


@pytest.mark.parametrize(("idempotency", "lookup"), PARTNERS)
def test_every_life_is_told_as_it_is_and_ends(
    idempotency: IdempotencyKind, lookup: LookupKind
) -> None:
    # A name of its own each, or they would share what they remember of earlier failures.
    name = f"Living_{idempotency}_{lookup}"
    machine = type(name, (Living,), {"kind": idempotency, "lookup": lookup})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
