"""A consent as the engine drives it: the second kind of lifecycle."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any, Final

from domain.consents import due as of_due
from domain.consents import fold as of_fold
from domain.consents.answers import ConsentSubject
from domain.consents.consent import Consent
from domain.consents.instructions import KIND, ConsentInstruction
from domain.consents.report import ConsentState, Report
from domain.consents.request import ConsentRequest
from domain.consents.states import ENDS, REVOCABLE, STATES
from domain.consents.view import ConsentView
from domain.lifecycle.escalation import DueRung
from domain.lifecycle.gate import GateStates
from domain.lifecycle.profile import Profile
from domain.lifecycle.questions import Question
from domain.lifecycle.resource import Certainty
from domain.lifecycle.whose import Whose

#: Who asks a user to renew a consent.
CARE: Final = "customer-care"
#: How long other signatories may take before somebody asks. Our own choice.
_SIGNED_WITHIN: Final = timedelta(days=7)


class ConsentKind:
    """Consents, for the engine."""

    name: str = KIND
    # No check of ours stands before a request, since no money moves.
    gate = GateStates(ConsentState.DRAFT, ConsentState.DRAFT, ConsentState.REJECTED)
    taking_back: str = ConsentInstruction.REVOKE
    ends: AbstractSet[str] = ENDS
    cancellable: AbstractSet[str] = REVOCABLE
    cancelled: str = ConsentState.REVOKED_BY_US

    request = staticmethod(ConsentRequest.model_validate_json)
    report = staticmethod(Report.model_validate_json)
    folded = staticmethod(Consent.model_validate_json)
    fold = staticmethod(of_fold.fold)
    state_by_words = staticmethod(of_fold.state_by_words)
    due = staticmethod(of_due.due)
    deadline_of = staticmethod(of_due.deadline_of)

    def view(self, folded: Consent, shared: Mapping[str, Any]) -> ConsentView:
        return ConsentView(consent=folded, **shared)

    def subject(self, request: ConsentRequest, shared: Mapping[str, Any]) -> ConsentSubject:
        shared = {**shared, "kind": ConsentInstruction(shared["kind"])}
        return ConsentSubject(request=request, **shared)

    def headline(self, folded: Consent) -> str:
        in_doubt = folded.certainty is Certainty.UNKNOWN
        return "We are checking" if in_doubt else STATES[folded.state].headline

    def requires(self, folded: Consent) -> Whose:
        if folded.is_frozen:
            return Whose.US
        whose = STATES[folded.state].requires
        in_doubt = folded.certainty is Certainty.UNKNOWN
        return Whose.PARTNER if in_doubt and whose is Whose.NOBODY else whose

    def questions(self, folded: Consent, reads: int) -> Mapping[str, Question]:
        if folded.state is not ConsentState.SUSPENDED_BY_PARTNER:
            return {}
        why = folded.reason or folded.partner_status
        return {
            "suspended": Question(
                f"The bank has suspended this consent ({why}). Ask the bank what is missing."
            )
        }

    def ladder(self, folded: Consent, rail: str) -> tuple[DueRung, ...]:
        until = folded.usable_until
        if folded.certainty is Certainty.UNKNOWN:
            return ()  # A consent in doubt has its own task, which is due sooner.
        if folded.state is ConsentState.PARTIALLY_AUTHORISED and folded.state_as_of is not None:
            at = folded.state_as_of + _SIGNED_WITHIN
            text = "Another signature of this consent has been missing for a week. Ask the user."
            return (DueRung("signature_missing", at, at + _SIGNED_WITHIN, CARE, text),)
        if until is None:
            return ()
        return tuple(
            DueRung(
                f"renewal_{number}",
                at,
                until,
                CARE,
                f"This consent ends on {until:%Y-%m-%d}. Ask the user to renew it.",
            )
            for number, at in enumerate(folded.notices, start=1)
        )

    def unconfirmed(self, folded: Consent) -> ConsentState | None:
        """None: a bank that no longer knows a consent has not said how it ended."""
        return None

    def unreadable_from(self, folded: Consent, profile: Profile) -> datetime | None:
        return None

    def found_executed(self, folded: Consent, *, can_read: bool) -> ConsentState:
        return ConsentState.AWAITING_USER

    def found_not_executed(self, *, is_cancel: bool) -> ConsentState:
        return ConsentState.REVOKED_BY_US if is_cancel else ConsentState.REJECTED
