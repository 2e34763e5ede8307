"""A consent of the plainest sort: a second lifecycle on the engine that payments use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel
from temporalio import workflow

from activities.messages import ResourceRef
from domain.ids import instruction_id
from domain.lifecycle.absence import is_uncertain
from domain.lifecycle.due import for_people, read, step_of
from domain.lifecycle.escalation import DueRung
from domain.lifecycle.gate import GateStates
from domain.lifecycle.kinds import Kind, kind_of, learn
from domain.lifecycle.next_step import Due, Owed
from domain.lifecycle.profile import Profile
from domain.lifecycle.questions import Question
from domain.lifecycle.report import Report
from domain.lifecycle.resource import Certainty, Folded, Instruction
from domain.lifecycle.sending import Closed
from domain.lifecycle.view import View
from workflows.lifecycle import Lifecycle
from workflows.payment import PaymentWorkflow

#: The product has consents too, and kinds of instruction have names of their own.
CONSENT, ASK, REVOKE = "consent", "plainly_ask", "plainly_revoke"
learn(Kind(ASK, opens=True), Kind(REVOKE, takes_back=True))

#: The states, with who has to act next. The last three are ends.
STATES = {
    "asked": "partner",
    "awaiting_user": "user",
    "valid": "nobody",
    "expired": "nobody",
    "revoked": "nobody",
    "rejected": "nobody",
}
ENDS = frozenset({"expired", "revoked", "rejected"})
_CLOSED = {Closed.CANCELLED: "revoked", Closed.EXPIRED: "expired", Closed.REFUSED: "rejected"}


class Consent(BaseModel):
    """What is asked: to see an account of a user, who has to confirm it in time."""

    tenant: str
    partner: str
    partner_account: str
    scope: str
    submit_before: AwareDatetime
    confirm_before: AwareDatetime


@dataclass(frozen=True)
class Asked:
    """The subject of a call."""

    request: Consent
    instruction_id: str
    keys: tuple[str, ...]
    kind: str
    environment: str
    prepared: Mapping[str, str]
    partner_reference: str | None

    @property
    def account(self) -> tuple[str, str]:
        return self.request.partner, self.request.partner_account


class ConsentView(View):
    consent: Folded

    @property
    def kind(self) -> str:
        return CONSENT

    @property
    def folded(self) -> Folded:
        return self.consent


class ConsentKind:
    """What consents hand the engine."""

    name = CONSENT
    gate = GateStates("asked", "asked", "rejected")
    taking_back = REVOKE
    ends: Set[str] = ENDS
    cancellable: Set[str] = frozenset(STATES) - ENDS
    cancelled = "revoked"

    def request(self, clear: bytes) -> Consent:
        return Consent.model_validate_json(clear)

    def report(self, stored: str) -> Report:
        return Report.model_validate_json(stored)

    def folded(self, stored: str) -> Folded:
        return Folded.model_validate_json(stored)

    def fold(
        self,
        request: Consent,
        profile: Profile,
        instructions: Sequence[Instruction],
        reports: Iterable[Report],
    ) -> Folded:
        books = [(profile.operation(each.kind), each.book) for each in instructions]
        in_doubt = any(is_uncertain(*each) for each in books)
        sent = any(book.answered for _, book in books)
        opening = next((each.book for each in instructions if kind_of(each.kind).opens), None)
        told: dict[str, Any] = {"state": "asked"}
        for one in sorted(reports, key=lambda each: (*each.weight, each.report_id)):
            if one.state in STATES and told["state"] not in ENDS:
                told |= {"state": one.state, "partner_status": one.partner_status}
                told |= {"reason": one.reason, "state_as_of": one.as_of}
            told["partner_reference"] = one.partner_reference or told.get("partner_reference")
        if opening is not None and opening.closed in _CLOSED and not opening.answered:
            told["state"] = _CLOSED[opening.closed]
        certainty = Certainty.SENT if sent else Certainty.NOT_SENT
        return Folded(certainty=Certainty.UNKNOWN if in_doubt else certainty, **told)

    def state_by_words(self, request: Any, profile: Any, instructions: Any, reports: Any) -> str:
        return self.fold(request, profile, instructions, reports).state

    def view(self, folded: Folded, shared: Mapping[str, Any]) -> ConsentView:
        return ConsentView(consent=folded, **shared)

    def subject(self, request: Consent, shared: Mapping[str, Any]) -> Asked:
        return Asked(request=request, **shared)

    def due(self, view: ConsentView, now: datetime) -> Due:
        consent = view.consent
        if consent.state in ENDS and consent.certainty is not Certainty.UNKNOWN:
            return Due(Owed.OVER, consent.state)
        is_late = view.execute_by is not None and now >= view.execute_by
        if is_late and consent.state == "awaiting_user" and not view.cancel_asked:
            return Due(Owed.GIVE_UP, "the user did not confirm it in time")
        waits = []
        for instruction in view.instructions:
            step = step_of(view, instruction, now)
            if step and (step.owed is not Owed.WAIT or kind_of(instruction.kind).opens):
                return step
            waits += [step] if step else []
        if consent.partner_reference is not None:
            waits.append(read(view, now))
        return min(waits or [for_people(view, now)], key=lambda w: w.until or now)

    def deadline_of(self, view: ConsentView) -> datetime | None:
        return view.execute_by if view.consent.state == "awaiting_user" else None

    def headline(self, folded: Folded) -> str:
        return folded.state.replace("_", " ").capitalize()

    def requires(self, folded: Folded) -> str:
        return STATES[folded.state]

    def questions(self, folded: Folded, reads: int) -> Mapping[str, Question]:
        return {}

    def ladder(self, folded: Folded, rail: str) -> tuple[DueRung, ...]:
        return ()

    def unconfirmed(self, folded: Folded) -> str | None:
        return None

    def unreadable_from(self, folded: Folded, profile: Profile) -> datetime | None:
        return None

    def found_executed(self, folded: Folded, *, can_read: bool) -> str:
        return "awaiting_user"

    def found_not_executed(self, *, is_cancel: bool) -> str:
        return "revoked" if is_cancel else "rejected"

    def keep(self, session: Any, row: Any, reports: Any, before: str) -> tuple[()]:
        """A consent has no tables of its own."""
        return ()

    def beside(self, session: Any, keyring: Any, instruction: Any) -> Mapping[str, Any]:
        """Nor is anything told from them."""
        return {}


@workflow.defn
class ConsentWorkflow(Lifecycle):
    """Drives one consent until nothing is due, by the steps of every lifecycle."""

    steps = PaymentWorkflow.steps

    @workflow.run
    async def run(self, ref: ResourceRef) -> str:
        return await self.drive(ref)


def asking(consent_id: str) -> str:
    """The id of the instruction that opens a consent."""
    return instruction_id(consent_id, ASK)
