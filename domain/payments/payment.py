"""What we know of a payment, with the fold's findings about it."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any, Final

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.sending import Book
from domain.money import Money
from domain.payments.order import Direction
from domain.payments.report import Action, PaymentState
from domain.payments.reversals import Reversal
from domain.payments.states import STATES

FINAL_BY_WATCH: Final = "the watch is over and the partner, read once more, still says settled"
FINAL_BY_CREDITOR: Final = "the creditor's bank confirmed the credit"


class UnknownPayment(LookupError):
    """There is no payment with that id, or it belongs to another tenant."""


class Certainty(StrEnum):
    """Whether we know the outcome of everything we sent."""

    NOT_SENT = "not_sent"
    SENT = "sent"
    UNKNOWN = "unknown"


class FindingKind(StrEnum):
    """What the fold reports besides the state."""

    UNMAPPED = "unmapped"
    """The partner used a status that its adapter does not know."""
    CONTRADICTION = "contradiction"
    """Two things cannot both be true, such as two states without a step between them."""
    DIFFERS = "differs"
    """The partner shows or booked something else than was ordered."""
    REPEAT_REFUSED = "repeat_refused"
    """One attempt was refused, which says nothing about the other attempts."""
    DRIFT = "drift"
    """A reply was outside the known contract, and was tolerated."""
    LATE = "late"
    """Another state came after the money had left (settled, unconfirmed or final)."""


#: Findings that make certainty unknown and stop every automatic step that could move money.
FREEZING: Final = frozenset({FindingKind.UNMAPPED, FindingKind.CONTRADICTION, FindingKind.DIFFERS})


class Finding(BaseModel):
    """One finding, in words for an operator."""

    model_config = ConfigDict(frozen=True)

    kind: FindingKind
    text: str

    @property
    def freezes(self) -> bool:
        return self.kind in FREEZING


class ClosedFinding(Finding):
    """A finding that was open once and was answered. It stops nothing any more."""

    closed_by: str
    """Who or what answered it, in words."""


class Instruction(BaseModel):
    """One thing asked of one partner, with its book."""

    model_config = ConfigDict(frozen=True)

    instruction_id: str
    kind: InstructionKind = InstructionKind.PAY
    book: Book
    amount: Money | None = None
    """What it claims, if it is of a kind that claims an amount."""

    @model_serializer(mode="wrap")
    def _as_before(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Earlier releases knew no amount. Left out while empty, hashes of it stay the same."""
        fields: dict[str, Any] = serialize(self)
        return fields if self.amount else {k: v for k, v in fields.items() if k != "amount"}

    @property
    def is_open(self) -> bool:
        """Whether nobody knows yet if the partner executes it."""
        return self.book.closed is None and not self.book.answered

    @property
    def is_undone(self) -> bool:
        """Whether it is proven that the partner did not execute it, and never will."""
        return self.book.closed is not None and not self.book.answered


class Amounts(BaseModel):
    """Sums of movements by kind, in the currency of the order.

    `net` is what has left us; below zero if more came in. `authorised` is what was ever held for
    captures, less what was released: it is no money, and in no other sum.
    """

    model_config = ConfigDict(frozen=True)

    instructed: Money
    settled: Money
    returned: Money
    fees: Money
    net: Money
    authorised: Money
    captured: Money
    refunded: Money
    disputed: Money

    @model_validator(mode="before")
    @classmethod
    def _as_before(cls, given: Any) -> Any:
        """Payments that earlier releases stored were never authorised, captured or refunded."""
        if not isinstance(given, dict):
            return given
        later = ("authorised", "captured", "refunded", "disputed")
        instructed = given["instructed"]
        if isinstance(instructed, Money):
            none: Any = Money(minor=0, currency=instructed.currency)
        else:
            none = {**instructed, "minor": 0}
        return {**dict.fromkeys(later, none), **given}


class Payment(BaseModel):
    """What we know of a payment: a pure function of its order, instructions and reports."""

    model_config = ConfigDict(frozen=True)

    state: PaymentState
    certainty: Certainty
    amounts: Amounts
    direction: Direction = Direction.OUTGOING
    reversals: tuple[Reversal, ...] = ()
    """What takes money back, in the order of their ids. None of them is the payment's state."""
    action: Action | None = None
    """What the payer has to do now."""
    is_followed: bool = False
    """A capture, a refund or a reversal is under way, whatever the payment's state."""
    findings: tuple[Finding, ...] = ()
    closed_findings: tuple[ClosedFinding, ...] = ()
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
    is_ours: bool = False
    """The state comes from our own checks or operators, whose reasons are not for the payer."""
    is_decided: bool = False
    """The state comes from operators, and the partner has said nothing since."""

    @property
    def is_over(self) -> bool:
        """Whether nothing is owed to it any more."""
        is_at_its_end = STATES[self.state].ends and self.certainty is not Certainty.UNKNOWN
        return is_at_its_end and not self.is_followed

    @property
    def is_frozen(self) -> bool:
        """Whether nothing that could move money goes on until a person has looked."""
        return any(finding.freezes for finding in self.findings)
