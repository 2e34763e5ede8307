"""A payment as the engine drives it: the first kind of lifecycle."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, Final

from domain.lifecycle.escalation import DueRung
from domain.lifecycle.gate import GateStates
from domain.lifecycle.profile import InstructionKind, Profile
from domain.lifecycle.resource import Certainty
from domain.payments import due as of_due
from domain.payments import fold as of_fold
from domain.payments.answers import Subject
from domain.payments.display import display
from domain.payments.escalation import Escalate, nobody
from domain.payments.order import Order, Rail
from domain.payments.payment import Payment
from domain.payments.report import PaymentState, Report
from domain.payments.states import CANCELLABLE, ENDS, STATES, Whose
from domain.payments.view import KIND, PaymentView

#: After this many reads that do not show what people found executed, a task asks them again.
UNSHOWN_READS: Final = 3


class PaymentKind:
    """What payments hand the engine. `escalate` says who is asked when one stays in a state."""

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
        if folded.is_frozen:
            return Whose.US
        if whose is Whose.NOBODY and folded.certainty is Certainty.UNKNOWN:
            return Whose.PARTNER
        return whose

    def questions(self, folded: Payment, reads: int) -> Mapping[str, str]:
        asked = {}
        if folded.state is PaymentState.AWAITING_US:
            asked["awaiting_us"] = (
                f"This payment waits for our decision: {folded.reason or folded.partner_status}."
            )
        if folded.is_decided and folded.state not in ENDS and reads >= UNSHOWN_READS:
            asked["not_shown"] = (
                f"The partner does not show this payment, which was {folded.partner_status}. "
                "Check the partner's reference."
            )
        return asked

    def ladder(self, folded: Payment, rail: str) -> tuple[DueRung, ...]:
        if folded.state_as_of is None or folded.certainty is Certainty.UNKNOWN:
            return ()  # A payment in doubt has its own task, which is due sooner.
        return self._escalate(folded.state, Rail(rail), folded.state_as_of)

    def unconfirmed(self, folded: Payment) -> PaymentState | None:
        return PaymentState.UNCONFIRMED if folded.state is PaymentState.SETTLED else None

    def is_unasked_from(self, folded: Payment, profile: Profile) -> datetime | None:
        if profile.status_for is None or folded.settled_at is None:
            return None
        return folded.settled_at + profile.status_for

    def found_executed(self, *, can_read: bool) -> PaymentState:
        return PaymentState.SETTLED if can_read else PaymentState.UNCONFIRMED

    def found_not_executed(self, *, is_cancel: bool) -> PaymentState:
        return PaymentState.CANCELLED if is_cancel else PaymentState.REJECTED
