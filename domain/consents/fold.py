"""The fold: a consent's state, and what was granted, as a pure function of all its reports.

Two rules need a report that is newer than a moment, and no clock: a bank that still calls a consent
authorised after its grant has ended lets it expire, and one that does so after the regime's time
makes it need its user again. Until such a report comes, `Consent.not_readable` stops the reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from domain.consents.consent import Change, Consent, Needs
from domain.consents.grants import changes_of, merged
from domain.consents.instructions import ConsentInstruction as Kind
from domain.consents.report import ConsentState, Report, Source
from domain.consents.request import ConsentRequest
from domain.consents.states import STATES, may_follow, says_nothing_new
from domain.consents.terms import ConsentTerms, Renewal
from domain.lifecycle.absence import is_uncertain
from domain.lifecycle.grants import Grant
from domain.lifecycle.kinds import kind_of
from domain.lifecycle.profile import Profile
from domain.lifecycle.report import Action
from domain.lifecycle.resource import Certainty, ClosedFinding, Finding, FindingKind, Instruction
from domain.lifecycle.sending import Closed

#: `partner_status` of our own record that the user has confirmed the consent with us.
CONFIRMED: Final = "confirmed with us"
#: The same, of a user who came back with an error instead of a confirmation.
DECLINED: Final = "came back without a confirmation"
#: The same, of a consent that a newer one has replaced.
REPLACED: Final = "a newer consent is active"

#: Who closes a finding.
_PEOPLE: Final = "people decided"
_LATER_WORD: Final = "a later word of the partner"
#: The state of a consent whose request was closed before the partner answered it.
_CLOSED: Final = {
    Closed.CANCELLED: ConsentState.REVOKED_BY_US,
    Closed.EXPIRED: ConsentState.EXPIRED,
    Closed.REFUSED: ConsentState.REJECTED,
    Closed.NOT_EXECUTED: ConsentState.REJECTED,
}


def fold(
    request: ConsentRequest,
    profile: Profile,
    instructions: Sequence[Instruction],
    reports: Iterable[Report],
) -> Consent:
    """The consent according to all its reports.

    The result does not depend on the order in which the reports came, or on how often each came.
    Never raises.
    """
    return _heard(request, profile, instructions, reports).consent()


def state_by_words(
    request: ConsentRequest,
    profile: Profile,
    instructions: Sequence[Instruction],
    reports: Iterable[Report],
) -> ConsentState:
    """The state by words alone, whatever is in question and however late it is."""
    return _heard(request, profile, instructions, reports).state


def _heard(
    request: ConsentRequest,
    profile: Profile,
    instructions: Sequence[Instruction],
    reports: Iterable[Report],
) -> _Folding:
    folding = _Folding(request, profile, instructions)
    unique = {report.report_id: report for report in reports}
    for report in sorted(unique.values(), key=_place):
        folding.hear(report)
    return folding


class _Folding:
    """The fold's working state; nothing of it outlives the call."""

    def __init__(
        self, request: ConsentRequest, profile: Profile, instructions: Sequence[Instruction]
    ) -> None:
        assert request.terms is not None, "an accepted request has its terms"
        self.request = request
        self.terms: ConsentTerms = request.terms
        self.profile = profile
        self.instructions = instructions
        self.kinds = {each.instruction_id: each.kind for each in instructions}
        self.books = {each.instruction_id: each.book for each in instructions}
        self.state = _before_any_report(instructions)
        self.words: Report | None = None
        self.since: datetime | None = None
        self.reference: str | None = None
        self.references: set[str] = set()
        self.grant = Grant()
        self.granted_at: datetime | None = None
        self.authenticated_at: datetime | None = None
        self.confirmed_at: datetime | None = None
        self.last_word_at: datetime | None = None
        self.asked_again: Report | None = None
        self.declined: Report | None = None
        self.changes: list[Change] = []
        self.open: list[Finding] = []
        self.notes: list[Finding] = []
        self.closed: list[ClosedFinding] = []
        self.settled_by_people: set[str] = set()

    def hear(self, report: Report) -> None:
        match report.source:
            case Source.STATEMENT:
                return  # No statement is about a consent.
            case Source.GATE:
                self._hear_us(report)
                return
            case Source.DECISION:
                self._decide(report)
                return
            case _:
                pass
        self.notes += [Finding(kind=FindingKind.DRIFT, text=text) for text in report.drift]
        if self._is_refusal_of_a_repeat(report):
            text = f"one attempt was refused ({report.partner_status})"
            self.notes.append(Finding(kind=FindingKind.REPEAT_REFUSED, text=text))
            return
        if report.partner_reference is not None:
            self.reference = self.reference or report.partner_reference
            self.references.add(report.partner_reference)
        if self._is_about_a_later_step(report):
            return
        self._hear_grant(report)
        self._hear_state(report)

    def _hear_us(self, report: Report) -> None:
        """Our own records: a confirmation with us, a user who declined, a newer consent."""
        if report.partner_status == CONFIRMED:
            self.confirmed_at = report.as_of
        elif report.partner_status == DECLINED:
            self.declined = report
        elif report.state is not None and may_follow(self.state, report.state):
            self._move(report)

    def _decide(self, report: Report) -> None:
        """Operators decided: the findings that they answer are closed, and they named the state."""
        self._close(report.settles, _PEOPLE)
        self.settled_by_people |= set(report.settles)
        if report.decided_on not in (None, self.state):
            self._open(
                FindingKind.CONTRADICTION,
                f"{self.state} was heard before people decided {report.partner_status!r}, "
                "and recorded only after it",
            )
        elif report.state is not None and report.state is not self.state:
            self._move(report)

    def _is_refusal_of_a_repeat(self, report: Report) -> bool:
        """Whether one attempt to ask was refused, and the request as a whole was not."""
        book = self.books.get(report.instruction_id)
        return (
            book is not None
            and self.kinds[report.instruction_id] == Kind.ASK
            and report.source is Source.REPLY
            and report.state is ConsentState.REJECTED
            and report.partner_reference is None
            and book.closed is not Closed.REFUSED
        )

    def _is_about_a_later_step(self, report: Report) -> bool:
        """Whether a report says nothing about the consent's state, as it answers a later step."""
        match self.kinds.get(report.instruction_id):
            case Kind.RENEW | Kind.ANSWER:
                return self._hear_user_asked(report)
            case Kind.REVOKE:
                # A refusal to end the consent leaves it as it was.
                ended = report.state is not None and STATES[report.state].ends
                return not ended or report.state is ConsentState.REJECTED
            case _:
                return False

    def _hear_user_asked(self, report: Report) -> bool:
        """A reply to a renewal, or to what the user brought back."""
        if report.state is ConsentState.ACTIVE:
            self._authenticated(report)
            return False
        if report.state is ConsentState.REJECTED or report.state is None:
            self.declined = report
            return True
        if report.action is not None:
            self.asked_again = report
        # To ask a user again takes nothing away that was granted before.
        return STATES[report.state].is_asked and STATES[self.state].was_granted

    def _hear_grant(self, report: Report) -> None:
        if report.grant is None:
            return
        asked = self.request if self.granted_at is None else None
        self.changes += changes_of(self.grant, report.grant, report.as_of, asked)
        self.grant = merged(self.grant, report.grant)
        if (at := report.grant.authenticated_at) is not None:
            self.authenticated_at = max(at, self.authenticated_at or at)

    def _hear_state(self, report: Report) -> None:
        if report.state is None:
            self._open(FindingKind.UNMAPPED, f"the partner's word {report.partner_status!r}")
            return
        self._close(
            [found.text for found in self.open if found.kind is FindingKind.UNMAPPED], _LATER_WORD
        )
        self.last_word_at = report.as_of
        if report.state is self.state:
            self.words, self.since = report, self.since or report.as_of
            contradictions = [f.text for f in self.open if f.kind is FindingKind.CONTRADICTION]
            self._close(contradictions, _LATER_WORD)
        elif may_follow(self.state, report.state):
            if report.state is ConsentState.ACTIVE:
                self._activate(report)
            self._move(report)
        elif not says_nothing_new(self.state, report.state):
            self._open(
                FindingKind.CONTRADICTION,
                f"{report.partner_status!r} ({report.state}) after {self.state}",
            )

    def _activate(self, report: Report) -> None:
        self.granted_at = self.granted_at or report.as_of
        if self.state is not ConsentState.SUSPENDED_BY_PARTNER:
            self._authenticated(report)

    def _authenticated(self, report: Report) -> None:
        """The user has authenticated: when the bank says so, or before this word of it."""
        known = report.grant.authenticated_at if report.grant is not None else None
        at = known or report.as_of
        self.authenticated_at = max(at, self.authenticated_at or at)

    def _move(self, report: Report) -> None:
        assert report.state is not None
        self.state, self.words, self.since = report.state, report, report.as_of

    def _open(self, kind: FindingKind, text: str) -> None:
        found = Finding(kind=kind, text=text)
        if found not in self.open and text not in self.settled_by_people:
            self.open.append(found)

    def _close(self, texts: Sequence[str], by: str) -> None:
        self.closed += [
            ClosedFinding(kind=found.kind, text=found.text, closed_by=by)
            for found in self.open
            if found.text in texts
        ]
        self.open = [found for found in self.open if found.text not in texts]

    def consent(self) -> Consent:
        if len(self.references) > 1:
            self._open(FindingKind.CONTRADICTION, f"{len(self.references)} consents at the partner")
        reauth_by = self._reauth_by()
        state, needs = self._late(reauth_by)
        is_renewing = self._is_renewing(state)
        words = self.words
        valid_until = self.grant.valid_until
        ends = [at for at in (reauth_by, valid_until) if at is not None]
        notices = [min(ends) - before for before in self.terms.notices] if ends else []
        per_day = self.terms.unattended_per_day
        for limit in (self.request.per_day, self.grant.per_day):
            per_day = per_day if limit is None else min(per_day, limit)
        return Consent(
            state=state,
            certainty=self._certainty(),
            findings=tuple(dict.fromkeys((*self.open, *self.notes))),
            closed_findings=tuple(dict.fromkeys(self.closed)),
            partner_reference=self.reference,
            partner_status=words.partner_status if words else None,
            reason=words.reason if words else None,
            state_as_of=self.since,
            is_ours=words is not None and words.source in (Source.GATE, Source.DECISION),
            is_decided=words is not None and words.source is Source.DECISION,
            action=self._action(state, is_renewing),
            grant=self.grant,
            granted_at=self.granted_at,
            authenticated_at=self._counts_from(),
            reauth_by=reauth_by,
            valid_until=valid_until,
            renewal=self.terms.renewal,
            needs=needs,
            per_day=per_day,
            is_renewing=is_renewing,
            declined=self._declined(state),
            changes=tuple(self.changes),
            notices=tuple(notices) if STATES[state].is_readable and self.request.recurring else (),
        )

    def _counts_from(self) -> datetime | None:
        """When the user last authenticated, or confirmed with us if that is what counts."""
        at = self.authenticated_at
        if at is not None and self.confirmed_at is not None and self._is_confirmed_with_us:
            return max(at, self.confirmed_at)
        return at

    @property
    def _is_confirmed_with_us(self) -> bool:
        return self.terms.renewal is Renewal.AT_TPP

    def _reauth_by(self) -> datetime | None:
        at, after = self._counts_from(), self.terms.reauthenticate_after
        if at is None or after is None or not self.request.recurring:
            return None
        return at + after

    def _late(self, reauth_by: datetime | None) -> tuple[ConsentState, Needs | None]:
        """The state and what it needs, by the bank's last word and the moments it came after."""
        state, at = self.state, self.last_word_at
        if not STATES[state].was_granted or at is None:
            return state, None
        until = self.grant.valid_until
        if until is not None and at >= until:
            return ConsentState.EXPIRED, None
        if state is ConsentState.NEEDS_REAUTH:
            return state, Needs.AUTHENTICATION  # The bank wants it, whatever the regime says.
        if state is ConsentState.ACTIVE and reauth_by is not None and at >= reauth_by:
            needs = Needs.CONFIRMATION if self._is_confirmed_with_us else Needs.AUTHENTICATION
            return ConsentState.NEEDS_REAUTH, needs
        return state, None

    def _is_renewing(self, state: ConsentState) -> bool:
        """Whether the user was asked again after their last authentication."""
        asked = self.asked_again
        if asked is None or not STATES[state].was_granted:
            return False
        return self.authenticated_at is None or asked.as_of > self.authenticated_at

    def _action(self, state: ConsentState, is_renewing: bool) -> Action | None:
        if is_renewing and self.asked_again is not None:
            return self.asked_again.action
        if not STATES[state].is_asked or self.words is None:
            return None
        # An answer of the user may have led to the next page or code.
        asked = self.asked_again
        latest = asked if asked is not None and asked.as_of >= self.words.as_of else self.words
        return latest.action or (asked.action if asked is not None else None)

    def _declined(self, state: ConsentState) -> str | None:
        """Why the user came back without a confirmation, while one is still waited for."""
        said = self.declined
        if said is None or STATES[state].ends:
            return None
        if self.authenticated_at is not None and self.authenticated_at >= said.as_of:
            return None
        return said.reason or said.partner_status

    def _certainty(self) -> Certainty:
        waits = not STATES[self.state].was_granted
        doubted = any(
            is_uncertain(operation, each.book) if operation else each.book.in_doubt
            for each in self.instructions
            # What the user brought back is of no interest once the bank says that it is active.
            if (each.kind != Kind.ANSWER or waits) and not STATES[self.state].ends
            for operation in (self.profile.operations.get(each.kind),)
        )
        if doubted or any(finding.freezes for finding in self.open):
            return Certainty.UNKNOWN
        held = any(kind_of(each.kind).opens and each.book.answered for each in self.instructions)
        # A granted consent is at the bank, even if only people or the bank's own words tell of it.
        was_granted = STATES[self.state].was_granted
        return Certainty.SENT if held or self.references or was_granted else Certainty.NOT_SENT


def _place(report: Report) -> tuple[object, ...]:
    """A total order: by weight, then by the state's rank, so that the higher state comes last."""
    rank = len(STATES) if report.state is None else STATES[report.state].rank
    return (*report.weight, rank, report.report_id)


def _before_any_report(instructions: Sequence[Instruction]) -> ConsentState:
    books = [each.book for each in instructions if kind_of(each.kind).opens]
    for book in books:
        # A cancelled request that the partner took after all contradicts itself, so that it is
        # revoked there. One that was only too late goes on as if it had been in time.
        if book.closed in _CLOSED and (not book.answered or book.closed is Closed.CANCELLED):
            return _CLOSED[book.closed]
    return ConsentState.DRAFT
