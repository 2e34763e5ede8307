"""The fold: what all reports together say of a payment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.money import Money
from domain.order import Order
from domain.profile import InstructionKind, Profile
from domain.report import Movement, MovementKind, PaymentState, Report, Source
from domain.sending import Answer, Book, Closed, may_be_twice
from domain.states import PROVEN_NOTHING_MOVED, RANK, may_follow

FINAL_BY_WATCH: Final = "the watch is over and the partner, read once more, still says settled"
FINAL_BY_CREDITOR: Final = "the creditor's bank confirmed the credit"


class Certainty(StrEnum):
    """Whether we know what became of everything we sent."""

    NOT_SENT = "not_sent"
    SENT = "sent"
    UNKNOWN = "unknown"


class FindingKind(StrEnum):
    """What a fold says beside the state."""

    UNMAPPED = "unmapped"
    """The partner used a word its adapter does not know."""
    CONTRADICTION = "contradiction"
    """No path leads from the one state to the other."""
    DIFFERS = "differs"
    """The partner holds something else than was ordered."""
    REPEAT_REFUSED = "repeat_refused"
    """A repeat was refused while the first send is in doubt: says nothing of the first."""
    DRIFT = "drift"
    """A reply outside what the adapter knows, tolerated."""
    LATE = "late"
    """Something came after the payment had been at its end."""


#: Findings that make certainty unknown and stop every automatic step that could move money.
FREEZING: Final = frozenset({FindingKind.UNMAPPED, FindingKind.CONTRADICTION, FindingKind.DIFFERS})


class Finding(BaseModel):
    """One remark, in words for an operator."""

    model_config = ConfigDict(frozen=True)

    kind: FindingKind
    text: str

    @property
    def freezes(self) -> bool:
        return self.kind in FREEZING


class Instruction(BaseModel):
    """One thing asked of one partner, with its book."""

    model_config = ConfigDict(frozen=True)

    instruction_id: str
    kind: InstructionKind = InstructionKind.PAY
    book: Book


class Amounts(BaseModel):
    """Sums of movements by kind, in the currency of the order. `net` is what has left us."""

    model_config = ConfigDict(frozen=True)

    instructed: Money
    settled: Money
    returned: Money
    fees: Money
    net: Money


class Payment(BaseModel):
    """What we know of a payment: a pure function of its order, instructions and reports."""

    model_config = ConfigDict(frozen=True)

    state: PaymentState
    certainty: Certainty
    amounts: Amounts
    findings: tuple[Finding, ...] = ()
    partner_reference: str | None = None
    partner_status: str | None = None
    transaction_status: str | None = None
    status_reason: str | None = None
    reason: str | None = None
    basis: str | None = None
    state_as_of: AwareDatetime | None = None
    settled_at: AwareDatetime | None = None
    effective_execution_date: date | None = None
    funds_back: bool = False

    @property
    def is_frozen(self) -> bool:
        """Whether a person has to look before anything that could move money goes on."""
        return any(finding.freezes for finding in self.findings)


def fold(
    order: Order,
    profile: Profile,
    instructions: Sequence[Instruction],
    reports: Iterable[Report],
) -> Payment:
    """What all reports together say of a payment.

    Depends on the reports alone, not on the order in which they came or how often: they are
    sorted by try, then the partner's clock, then the strength of their source. Never raises.
    """
    ordered = sorted({report.report_id: report for report in reports}.values(), key=_place)
    telling = _Telling(order, profile, instructions)
    for report in ordered:
        telling.hear(report)
    return telling.payment(ordered)


class _Telling:
    """The fold's working state; nothing of it outlives the call."""

    def __init__(self, order: Order, profile: Profile, instructions: Sequence[Instruction]) -> None:
        self.order = order
        self.watch = profile.watch.get(order.rail, timedelta.max)
        self.books = {i.instruction_id: i.book for i in instructions}
        self.may_be_twice = any(
            may_be_twice(profile.operation(i.kind), i.book) for i in instructions
        )
        self.state = _before_any_report(self.books.values())
        self.basis: str | None = None
        self.since: datetime | None = None
        self.settled_at: datetime | None = None
        self.words: Report | None = None
        self.open: list[Finding] = []
        self.notes: list[Finding] = []

    def hear(self, report: Report) -> None:
        if report.source is Source.STATEMENT:
            return  # Has no place in the order of words: see _statements.
        self.notes += [Finding(kind=FindingKind.DRIFT, text=text) for text in report.drift]
        if self._is_refusal_of_a_repeat(report):
            self.notes.append(
                Finding(
                    kind=FindingKind.REPEAT_REFUSED,
                    text=f"attempt {report.attempt} was refused ({report.partner_status}), "
                    "which says nothing of the others",
                )
            )
            return
        self._compare(report)
        if report.state is None:
            self._open(FindingKind.UNMAPPED, f"the partner's word {report.partner_status!r}")
            return
        self._forget_unmapped()
        settled_still = self.state is PaymentState.FINAL and report.state is PaymentState.SETTLED
        if report.state is self.state or settled_still:
            self._heard_again(report)
        elif may_follow(self.state, report.state):
            self._move(report.state, report)
        else:
            self._open(
                FindingKind.CONTRADICTION,
                f"{report.partner_status!r} ({report.state}) after {self.state}",
            )

    def _move(self, state: PaymentState, report: Report) -> None:
        if self.state in (PaymentState.SETTLED, PaymentState.FINAL, PaymentState.UNCONFIRMED):
            self.notes.append(
                Finding(kind=FindingKind.LATE, text=f"{state} came after {self.state}")
            )
        self.state, self.words, self.since = state, report, report.as_of
        self.basis = FINAL_BY_CREDITOR if state is PaymentState.FINAL else None
        if state in (PaymentState.SETTLED, PaymentState.FINAL):
            self.settled_at = self.settled_at or report.as_of
        elif state is not PaymentState.RETURNED:
            self.settled_at = None

    def _heard_again(self, report: Report) -> None:
        self.words = report
        self.since = self.since or report.as_of
        if self.state in (PaymentState.PROCESSING, PaymentState.SETTLED, PaymentState.FINAL):
            # A lagging answer went back and this one stands where we stood: nothing is open.
            self.open = [f for f in self.open if f.kind is not FindingKind.CONTRADICTION]
        if (
            self.state is PaymentState.SETTLED
            and report.source is Source.READ
            and self.settled_at is not None
            and not any(finding.freezes for finding in self.open)
            and report.as_of - self.settled_at >= self.watch
        ):
            self.state, self.basis = PaymentState.FINAL, FINAL_BY_WATCH

    def _compare(self, report: Report) -> None:
        seen, order = report.observed, self.order
        if seen.amount is not None and seen.amount != order.instructed_amount:
            self._open(FindingKind.DIFFERS,
                       f"amount {seen.amount} instead of {order.instructed_amount}")  # fmt: skip
        ends = seen.creditor_account_ends
        if ends is not None and not order.creditor_account.number.endswith(ends):
            self._open(FindingKind.DIFFERS, f"creditor account ending {ends}")
        if seen.beneficiary_is_ours is False:
            self._open(FindingKind.DIFFERS, "another beneficiary than the one we named")
        day, asked = seen.requested_execution_date, order.times.requested_execution_date
        if day is not None and asked is not None and day < asked:
            self._open(FindingKind.DIFFERS, f"execution on {day}, before the ordered {asked}")

    def _is_refusal_of_a_repeat(self, report: Report) -> bool:
        book = self.books.get(report.instruction_id)
        return (
            report.source is Source.REPLY
            and report.state in (PaymentState.REJECTED, PaymentState.AWAITING_US)
            and report.partner_reference is None
            and book is not None
            and book.closed is not Closed.REFUSED
            and (book.in_doubt or book.answered or book.closed is not None)
        )

    def _open(self, kind: FindingKind, text: str) -> None:
        finding = Finding(kind=kind, text=text)
        if finding not in self.open:
            self.open.append(finding)

    def _forget_unmapped(self) -> None:
        # A known word came later: where the payment stands is known again.
        self.open = [f for f in self.open if f.kind is not FindingKind.UNMAPPED]

    def _statements(self, reports: Sequence[Report]) -> None:
        """Booked entries outrank every word, wherever they stand in time."""
        debits, returns = (
            [r for r in reports if r.source is Source.STATEMENT
             and any(movement.kind is kind for movement in r.movements)]
            for kind in (MovementKind.DEBIT, MovementKind.RETURN)
        )  # fmt: skip
        if debits and self.state is not PaymentState.SETTLED:
            if self.state in PROVEN_NOTHING_MOVED:
                self._open(FindingKind.CONTRADICTION, f"a debit is booked after {self.state}")
            elif may_follow(self.state, PaymentState.SETTLED):
                self._move(PaymentState.SETTLED, debits[0])
        if returns and self.state is not PaymentState.RETURNED:
            if may_follow(self.state, PaymentState.RETURNED):
                self._move(PaymentState.RETURNED, returns[-1])
            else:
                self._open(FindingKind.CONTRADICTION, f"a return is booked after {self.state}")

    def _check_sums(self, amounts: Amounts) -> None:
        """What was booked must fit the order and the state: the last net under all others."""
        if amounts.settled.minor > amounts.instructed.minor:
            self._open(
                FindingKind.DIFFERS,
                f"{amounts.settled} have left us where {amounts.instructed} were ordered",
            )
        kept = amounts.settled.minor - amounts.returned.minor
        if self.state in PROVEN_NOTHING_MOVED and kept != 0:
            self._open(
                FindingKind.CONTRADICTION,
                f"{self.state}, but {amounts.settled} were debited and {amounts.returned} returned",
            )

    def payment(self, reports: Sequence[Report]) -> Payment:
        self._statements(reports)
        # Of two words about one booking the statement's stands, wherever it is in time.
        movements = {
            movement.movement_id: movement
            for report in sorted(reports, key=lambda r: r.source is Source.STATEMENT)
            for movement in report.movements
        }
        amounts = _amounts(self.order.instructed_amount, movements.values())
        self._check_sums(amounts)
        reference = next((r.partner_reference for r in reports if r.partner_reference), None)
        references = {r.partner_reference for r in reports if r.partner_reference}
        if len(references) > 1:
            self._open(FindingKind.CONTRADICTION, f"{len(references)} objects at the partner")
        if self.may_be_twice:
            self._open(
                FindingKind.CONTRADICTION,
                "what was proven absent was accepted after all, and was sent again meanwhile",
            )
        in_doubt = any(book.in_doubt for book in self.books.values())
        words = self.words
        return Payment(
            state=self.state,
            certainty=self._certainty(in_doubt, bool(references)),
            amounts=amounts,
            findings=tuple(dict.fromkeys((*self.open, *self.notes))),
            partner_reference=reference,
            partner_status=words.partner_status if words else None,
            transaction_status=words.transaction_status if words else None,
            status_reason=words.status_reason if words else None,
            reason=words.reason if words else None,
            basis=self.basis,
            state_as_of=self.since,
            settled_at=self.settled_at,
            effective_execution_date=words.effective_execution_date if words else None,
            funds_back=any(m.kind is MovementKind.RETURN for m in movements.values()),
        )

    def _certainty(self, in_doubt: bool, seen_at_partner: bool) -> Certainty:
        if in_doubt or any(finding.freezes for finding in self.open):
            return Certainty.UNKNOWN
        held = any(
            attempt.answer is Answer.ACCEPTED
            for book in self.books.values()
            for attempt in book.attempts
        )
        return Certainty.SENT if held or seen_at_partner else Certainty.NOT_SENT


def _place(report: Report) -> tuple[object, ...]:
    """A total order: by weight; of two words at one moment the later in rank is heard last."""
    rank = len(RANK) if report.state is None else RANK[report.state]
    return (*report.weight, rank, report.report_id)


def _before_any_report(books: Collection[Book]) -> PaymentState:
    ends = {Closed.EXPIRED: PaymentState.EXPIRED, Closed.CANCELLED: PaymentState.CANCELLED}
    closed = [ends[book.closed] for book in books if book.closed in ends]
    if closed and len(closed) == len(books):
        return closed[0]  # Only together they prove that nothing moved.
    if any(book.attempts for book in books):
        return PaymentState.SUBMITTING
    return PaymentState.CREATED


def _amounts(instructed: Money, movements: Iterable[Movement]) -> Amounts:
    sums = dict.fromkeys(MovementKind, 0)
    for movement in movements:
        if movement.amount.currency == instructed.currency:
            sums[movement.kind] += movement.amount.minor

    def money(minor: int) -> Money:
        return Money(minor=minor, currency=instructed.currency)

    return Amounts(
        instructed=instructed,
        settled=money(sums[MovementKind.DEBIT]),
        returned=money(sums[MovementKind.RETURN]),
        fees=money(sums[MovementKind.FEE]),
        net=money(sums[MovementKind.DEBIT] + sums[MovementKind.FEE] - sums[MovementKind.RETURN]),
    )
