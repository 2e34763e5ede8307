"""A payment as the engine drives it: the first kind of lifecycle."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, Final

from domain.lifecycle.escalation import DueRung
from domain.lifecycle.gate import GateStates
from domain.lifecycle.profile import InstructionKind, Profile
from domain.lifecycle.questions import Question
from domain.lifecycle.resource import Certainty
from domain.payments import due as of_due
from domain.payments import fold as of_fold
from domain.payments.aftermath import evidence_wanted
from domain.payments.answers import Subject
from domain.payments.display import display
from domain.payments.escalation import Escalate, nobody
from domain.payments.order import Order, Rail
from domain.payments.payment import Payment
from domain.payments.report import PaymentState, Report
from domain.payments.states import CANCELLABLE, DONE, ENDS, STATES, Whose
from domain.payments.view import KIND, PaymentView

#: If this many reads do not show a payment that people found executed, a task asks them again.
UNSHOWN_READS: Final = 3


class PaymentKind:
    """Payments, for the engine. `escalate` says who is asked when one stays in a state."""

    name: str = KIND
    gate = GateStates(PaymentState.CREATED, PaymentState.AWAITING_US, PaymentState.REJECTED)
    taking_back: str = InstructionKind.CANCEL
    ends: AbstractSet[str] = ENDS
    cancellable: AbstractSet[str] = CANCELLABLE
    cancelled: str = PaymentState.CANCELLED

    request = staticmethod(Order.model_validate_json)
    report = staticmethod(Report.model_validate_json)
    folded = staticmethod(Payment.model_validate_json)
    fold = staticmethod(of_fold.fold)
    state_by_words = staticmethod(of_fold.state_by_words)
    due = staticmethod(of_due.due)
    deadline_of = staticmethod(of_due.deadline_of)

    def __init__(self, escalate: Escalate = nobody) -> None:
        self._escalate = escalate

    def view(self, folded: Payment, shared: Mapping[str, Any]) -> PaymentView:
        return PaymentView(payment=folded, **shared)

    def subject(self, request: Order, shared: Mapping[str, Any]) -> Subject:
        shared = {**shared, "kind": InstructionKind(shared["kind"])}
        return Subject(order=request, **shared)

    def headline(self, folded: Payment) -> str:
        return display(folded).headline

    def requires(self, folded: Payment) -> Whose:
        whose = STATES[folded.state].requires
        if folded.is_frozen or any(evidence_wanted(folded)):
            return Whose.US
        is_known = folded.certainty is not Certainty.UNKNOWN and not folded.is_followed
        if whose is Whose.NOBODY and not is_known:
            return Whose.PARTNER
        return whose

    def questions(self, folded: Payment, reads: int) -> Mapping[str, Question]:
        asked = {}
        if folded.state is PaymentState.AWAITING_US:
            asked["awaiting_us"] = Question(
                f"This payment waits for our decision: {folded.reason or folded.partner_status}."
            )
        if folded.is_decided and folded.state not in ENDS and reads >= UNSHOWN_READS:
            asked["not_shown"] = Question(
                f"The partner does not show this payment, which was {folded.partner_status}. "
                "Check the partner's reference."
            )
        for reversal in evidence_wanted(folded):
            asked[f"evidence_{reversal.reference}"] = Question(
                f"A {reversal.kind} of {reversal.amount} needs evidence ({reversal.reference}): "
                f"{reversal.reason or 'no reason is given'}. Send it to the partner, or accept the "
                f"{reversal.kind}.",
                due_at=reversal.deadline,
            )
        return asked

    def ladder(self, folded: Payment, rail: str) -> tuple[DueRung, ...]:
        if folded.state_as_of is None or folded.certainty is Certainty.UNKNOWN:
            return ()  # A payment in doubt has its own task, which is due sooner.
        return self._escalate(folded.state, Rail(rail), folded.state_as_of)

    def unconfirmed(self, folded: Payment) -> PaymentState | None:
        return PaymentState.UNCONFIRMED if STATES[folded.state].is_watched else None

    def unreadable_from(self, folded: Payment, profile: Profile) -> datetime | None:
        if profile.status_for is None or folded.settled_at is None:
            return None
        return folded.settled_at + profile.status_for

    def found_executed(self, folded: Payment, *, can_read: bool) -> PaymentState:
        return DONE[folded.direction] if can_read else PaymentState.UNCONFIRMED

    def found_not_executed(self, *, is_cancel: bool) -> PaymentState:
        return PaymentState.CANCELLED if is_cancel else PaymentState.REJECTED
