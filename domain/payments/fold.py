"""The fold: the payment's state as a pure function of all its reports."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from domain.lifecycle.absence import is_uncertain, is_unconfirmed
from domain.lifecycle.kinds import kind_of
from domain.lifecycle.profile import Profile
from domain.lifecycle.resource import Certainty, ClosedFinding, Finding, FindingKind, Instruction
from domain.lifecycle.reversals import SeenReversal, standing
from domain.lifecycle.sending import AttemptResult, Book, Closed, may_be_twice
from domain.payments import differences
from domain.payments.aftermath import is_followed, reversals_of
from domain.payments.differences import contradiction
from domain.payments.holds import amounts_held
from domain.payments.movements import amounts_of, ever_booked, movements_of
from domain.payments.order import Order
from domain.payments.payment import FINAL_BY_CREDITOR, FINAL_BY_WATCH, Amounts, Payment
from domain.payments.report import MovementKind, PaymentState, Report, Source
from domain.payments.states import DONE, PROVEN_NOTHING_MOVED, STATES, Where, may_follow

#: Results after which the payment counts as unsent, as far as we know.
_WITHOUT_EFFECT: Final = (AttemptResult.NOT_SENT, AttemptResult.TURNED_AWAY)
#: States that a refused request can bring: never, or not before we correct something.
_REFUSALS: Final = (PaymentState.REJECTED, PaymentState.AWAITING_US)

_MAY_BE_TWICE: Final = "what was proven absent was accepted after all, and was sent again meanwhile"

#: States that a payment can be in before it is sent.
_BEFORE_A_SEND: Final = (*_REFUSALS, PaymentState.AWAITING_USER)

#: Who closes a finding.
_PEOPLE: Final = "people decided"
_LATER_WORD: Final = "a later word of the partner"


def fold(
    order: Order,
    profile: Profile,
    instructions: Sequence[Instruction],
    reports: Iterable[Report],
) -> Payment:
    """The payment according to all its reports.

    The result does not depend on the order in which the reports came, or on how often each came.
    They are sorted by try, then by `as_of`, then by the strength of their source. Never raises.
    """
    ordered = _in_order(reports)
    return _heard(order, profile, instructions, ordered).payment(ordered)


def state_by_words(
    order: Order,
    profile: Profile,
    instructions: Sequence[Instruction],
    reports: Iterable[Report],
) -> PaymentState:
    """The state by words (replies, reads, checks, decisions), whatever is booked or in question.

    Bookings have no place in the order of words. A decision of operators is compared with this
    state, because it stays the same when an earlier booking becomes known later.
    """
    return _heard(order, profile, instructions, _in_order(reports)).state


def _in_order(reports: Iterable[Report]) -> list[Report]:
    return sorted({report.report_id: report for report in reports}.values(), key=_place)


def _heard(
    order: Order,
    profile: Profile,
    instructions: Sequence[Instruction],
    ordered: Iterable[Report],
) -> _Folding:
    folding = _Folding(order, profile, instructions)
    for report in ordered:
        folding.hear(report)
    return folding


class _Folding:
    """The fold's working state; nothing of it outlives the call."""

    def __init__(self, order: Order, profile: Profile, instructions: Sequence[Instruction]) -> None:
        self.order = order
        self.shows_bookings = profile.shows_bookings
        self.watch = profile.watch.get(order.rail, timedelta.max)
        self.done = DONE[order.direction]
        self.instructions = instructions
        self.books = {i.instruction_id: i.book for i in instructions}
        self.operations = {i.instruction_id: profile.operations.get(i.kind) for i in instructions}
        self.is_uncertain = any(
            is_uncertain(operation, i.book) if operation else i.book.in_doubt
            for i, operation in zip(instructions, self.operations.values(), strict=True)
            if not kind_of(i.kind).is_aside
        )
        opening = [i for i in instructions if kind_of(i.kind).opens]
        self.paying = [i.book for i in opening]
        self.may_hold = amounts_held(order.instructed_amount, instructions)
        self.claims = {i.instruction_id for i in instructions if kind_of(i.kind).claims}
        self.seen: list[SeenReversal] = []
        self.cancels = {i.instruction_id for i in instructions if kind_of(i.kind).takes_back}
        self.may_be_twice = any(
            may_be_twice(operation, i.book)
            for i in instructions
            if kind_of(i.kind).makes and (operation := self.operations[i.instruction_id])
        )
        self.state = _before_any_report(self.paying)
        self.basis: str | None = None
        self.since: datetime | None = None
        self.settled_at: datetime | None = None
        self.words: Report | None = None
        self.open: list[Finding] = []
        self.notes: list[Finding] = []
        self.closed: list[ClosedFinding] = []
        self.settled_by_people: set[str] = set()

    def hear(self, report: Report) -> None:
        if report.source is Source.STATEMENT:
            return  # Statements have no place in the order of words; see _statements.
        if report.source is Source.GATE:
            self._hear_gate(report)
            return
        if report.source is Source.DECISION:
            self._decide(report)
            return
        self.notes += [Finding(kind=FindingKind.DRIFT, text=text) for text in report.drift]
        self.seen += report.reversals
        if report.instruction_id in self.claims:
            return  # It is about the claim alone. A read brings the payment's state.
        if self._is_refusal_of_a_repeat(report):
            what = "its preparation" if report.attempt is None else f"attempt {report.attempt}"
            self.notes.append(
                Finding(
                    kind=FindingKind.REPEAT_REFUSED,
                    text=f"{what} was refused ({report.partner_status}), "
                    "which says nothing about the others",
                )
            )
            return
        if self._is_word_about_the_cancel_alone(report):
            return
        for difference in differences.in_words(self.order, self.may_hold, report.observed):
            self._open(difference)
        if report.state is None:
            word = f"the partner's word {report.partner_status!r}"
            self._open(Finding(kind=FindingKind.UNMAPPED, text=word))
            return
        self._forget_unmapped()
        settled_still = self.state is PaymentState.FINAL and report.state is self.done
        word = f"{report.partner_status!r} ({report.state})"
        if STATES[report.state].only not in (None, self.order.direction):
            self._open(contradiction(f"{word} of an {self.order.direction} payment"))
        elif report.state is self.state or settled_still:
            self._heard_again(report)
        elif may_follow(self.state, report.state):
            self._move(report.state, report)
        else:
            self._open(contradiction(f"{word} after {self.state}"))

    def _hear_gate(self, report: Report) -> None:
        """Our own checks hold or end a payment that was not sent, or it waits for its payer.

        Nothing else changes."""
        # An instruction that we closed as refused was not executed, whatever was in doubt before.
        sent = any(
            a.result not in _WITHOUT_EFFECT
            for b in self.paying
            if b.closed is not Closed.REFUSED or b.was_refused
            for a in b.attempts
        )
        others_spoke = self.words is not None and self.words.source is not Source.GATE
        # If nobody else spoke, a payment that waits for its payer was not sent either.
        is_unsent = STATES[self.state].is_unsent or self.state is PaymentState.AWAITING_USER
        if sent or others_spoke or not is_unsent:
            return
        if report.state in _BEFORE_A_SEND:
            self._move(report.state, report)
        elif self.words is not None:
            self.state, self.words, self.since = _before_any_report(self.paying), None, None

    def _decide(self, report: Report) -> None:
        """Operators decided: the findings that they answer are closed, and they named the state."""
        self._close(lambda finding: finding.text in report.settles, _PEOPLE)
        self.settled_by_people |= set(report.settles)
        if report.decided_on not in (None, self.state):
            # A report from before the decision was recorded after it, so nobody decided about it.
            self._open(
                contradiction(
                    f"{self.state} was heard before people decided {report.partner_status!r}, "
                    "and recorded only after it"
                )
            )
            return
        if report.state is None or report.state is self.state:
            return
        self.state, self.words, self.since = report.state, report, report.as_of
        self.basis = report.partner_status
        if STATES[report.state].is_watched:
            self.settled_at = self.settled_at or report.as_of
        elif report.state in PROVEN_NOTHING_MOVED:
            self.settled_at = None

    def _move(self, state: PaymentState, report: Report) -> None:
        if STATES[self.state].money is Where.LEFT and STATES[self.state].rests:
            self.notes.append(
                Finding(kind=FindingKind.LATE, text=f"{state} came after {self.state}")
            )
        self.state, self.words, self.since = state, report, report.as_of
        self.basis = FINAL_BY_CREDITOR if state is PaymentState.FINAL else None
        if state in (self.done, PaymentState.FINAL):
            self.settled_at = self.settled_at or report.as_of
        elif state is not PaymentState.RETURNED:
            self.settled_at = None

    def _heard_again(self, report: Report) -> None:
        self.words = report
        self.since = self.since or report.as_of
        if STATES[self.state].outlasts_a_lag:
            self._close(lambda f: f.kind is FindingKind.CONTRADICTION, _LATER_WORD)
        if (
            self.state is self.done
            and report.source is Source.READ
            and self.settled_at is not None
            and not any(finding.freezes for finding in self.open)
            and report.as_of - self.settled_at >= self.watch
        ):
            self.state, self.basis = PaymentState.FINAL, FINAL_BY_WATCH

    def _is_refusal_of_a_repeat(self, report: Report) -> bool:
        book = self.books.get(report.instruction_id)
        operation = self.operations.get(report.instruction_id)
        return (
            report.source is Source.REPLY
            and report.state in _REFUSALS
            and report.partner_reference is None
            and book is not None
            and book.closed is not Closed.REFUSED
            and (
                book.in_doubt
                or book.answered
                or book.closed is not None
                or (
                    operation is not None
                    and is_unconfirmed(operation, book.without(report.attempt))
                )
            )
        )

    def _is_word_about_the_cancel_alone(self, report: Report) -> bool:
        """Whether the report only says that a cancel was refused.

        That says nothing about the payment's state, even if the same word, said of the payment
        itself, would mean its end.
        """
        return (
            report.instruction_id in self.cancels
            and report.source is Source.REPLY
            and report.state in (None, *_REFUSALS)
        )

    def _open(self, finding: Finding) -> None:
        if finding not in self.open:
            self.open.append(finding)

    def _ask_unless_settled(self, findings: Iterable[Finding]) -> None:
        """For findings without a place in time: once operators answer one, it stays closed."""
        for finding in findings:
            if finding.text in self.settled_by_people:
                self.closed.append(ClosedFinding(**dict(finding), closed_by=_PEOPLE))
            else:
                self._open(finding)

    def _close(self, is_over: Callable[[Finding], bool], by: str) -> None:
        for finding in filter(is_over, self.open):
            self.closed.append(ClosedFinding(kind=finding.kind, text=finding.text, closed_by=by))
        self.open = [finding for finding in self.open if not is_over(finding)]

    def _over(self) -> tuple[ClosedFinding, ...]:
        """The findings that were open once and are not now; each once, with its last answer."""
        last = {(finding.kind, finding.text): finding for finding in self.closed}
        for finding in self.open:
            last.pop((finding.kind, finding.text), None)
        return tuple(last.values())

    def _forget_unmapped(self) -> None:
        # A later status is known to the adapter, so the payment's state is known again.
        self._close(lambda f: f.kind is FindingKind.UNMAPPED, _LATER_WORD)

    def _statements(self, reports: Sequence[Report]) -> None:
        """Booked entries outrank every word of the partner, whatever their time."""
        debits, returns = (
            [r for r in reports if r.source is Source.STATEMENT
             and any(movement.kind is kind for movement in r.movements)]
            for kind in (MovementKind.DEBIT, MovementKind.RETURN)
        )  # fmt: skip
        if debits and self.state is not PaymentState.SETTLED:
            if self.state in PROVEN_NOTHING_MOVED:
                self._ask_unless_settled([contradiction(f"a debit is booked after {self.state}")])
            elif may_follow(self.state, PaymentState.SETTLED):
                self._move(PaymentState.SETTLED, debits[0])
        if returns and self.state is not PaymentState.RETURNED:
            if may_follow(self.state, PaymentState.RETURNED):
                self._move(PaymentState.RETURNED, returns[-1])
            else:
                self._ask_unless_settled([contradiction(f"a return is booked after {self.state}")])

    def _check_sums(self, amounts: Amounts, ever: Amounts) -> None:
        is_final = self.state is PaymentState.FINAL and self.shows_bookings
        self._ask_unless_settled(
            differences.in_sums(
                self.order, self.state, self.instructions, amounts, ever, is_final=is_final
            )
        )

    def _require_the_debit(self, amounts: Amounts) -> None:
        if self.state is PaymentState.FINAL:
            self._ask_unless_settled(
                differences.in_the_final_debit(
                    self.order, amounts, shows_bookings=self.shows_bookings
                )
            )

    def payment(self, reports: Sequence[Report]) -> Payment:
        self._statements(reports)
        movements = movements_of(reports)
        amounts = amounts_of(self.order.instructed_amount, movements)
        self._ask_unless_settled(differences.in_currency(self.order, movements))
        self._check_sums(amounts, amounts_of(self.order.instructed_amount, ever_booked(reports)))
        self._require_the_debit(amounts)
        self._ask_unless_settled(differences.in_objects(reports, self.claims))
        stands = standing(self.seen)
        self._ask_unless_settled(
            contradiction(each.question) for each in stands.values() if each.question
        )
        reversals = reversals_of(self.order, self.instructions, reports, movements, stands)
        if self.may_be_twice:
            self._ask_unless_settled([contradiction(_MAY_BE_TWICE)])
        own = (r for r in reports if r.instruction_id not in self.claims)
        reference = next((r.partner_reference for r in own if r.partner_reference), None)
        certainty = self._certainty(reference is not None)
        if _is_too_early(self.state, certainty):
            # Final means that nothing is in question. After the answer, it is final again.
            self.state, self.basis = self.done, None
        words = self.words
        return Payment(
            state=self.state,
            certainty=certainty,
            amounts=amounts,
            direction=self.order.direction,
            reversals=reversals,
            action=words.action if words and self.state is PaymentState.AWAITING_USER else None,
            is_followed=is_followed(
                reversals, self.instructions, shows_bookings=self.shows_bookings
            ),
            findings=tuple(dict.fromkeys((*self.open, *self.notes))),
            closed_findings=self._over(),
            partner_reference=reference,
            partner_status=words.partner_status if words else None,
            transaction_status=words.transaction_status if words else None,
            status_reason=words.status_reason if words else None,
            reason=words.reason if words else None,
            basis=self.basis,
            state_as_of=self.since,
            settled_at=self.settled_at,
            effective_execution_date=words.effective_execution_date if words else None,
            is_ours=words is not None and words.source in (Source.GATE, Source.DECISION),
            is_decided=words is not None
            and words.source is Source.DECISION
            and words.state in (None, self.state),
            funds_back=any(m.kind is MovementKind.RETURN for m in movements),
        )

    def _certainty(self, seen_at_partner: bool) -> Certainty:
        if self.is_uncertain or any(finding.freezes for finding in self.open):
            return Certainty.UNKNOWN
        held = any(book.answered for book in self.books.values())
        return Certainty.SENT if held or seen_at_partner else Certainty.NOT_SENT


def _place(report: Report) -> tuple[object, ...]:
    """A total order: by weight, then by the state's rank, so that the higher state comes last."""
    rank = len(STATES) if report.state is None else STATES[report.state].rank
    return (*report.weight, rank, report.report_id)


def _is_too_early(state: PaymentState, certainty: Certainty) -> bool:
    """Whether the partner's words make it final while something is in question."""
    return state is PaymentState.FINAL and certainty is Certainty.UNKNOWN


def _before_any_report(books: Collection[Book]) -> PaymentState:
    ends = {Closed.EXPIRED: PaymentState.EXPIRED, Closed.CANCELLED: PaymentState.CANCELLED}
    closed = [ends[book.closed] for book in books if book.closed in ends]
    if closed and len(closed) == len(books):
        return closed[0]  # Only all of them together prove that nothing moved.
    if any(book.attempts for book in books):
        return PaymentState.SUBMITTING
    return PaymentState.CREATED
