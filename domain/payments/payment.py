"""What we know of a payment, with the fold's findings about it."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator

from domain.lifecycle.resource import Folded, UnknownResource
from domain.lifecycle.resource import Instruction as Instruction
from domain.lifecycle.reversals import Reversal
from domain.money import Money
from domain.payments.order import Direction
from domain.payments.report import PaymentState
from domain.payments.states import ENDS

#: There is no payment with that id, or it belongs to another tenant.
UnknownPayment = UnknownResource

FINAL_BY_WATCH: Final = "the watch is over and the partner, read once more, still says settled"
FINAL_BY_CREDITOR: Final = "the creditor's bank confirmed the credit"


class Amounts(BaseModel):
    """Sums of movements by kind, in the currency of the order.

    `net` is what has left us; below zero if more came in. `authorised` is what was ever held for
    captures, less what was released. It is no money, so it is in no other sum.
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
        """Earlier releases stored none of the later sums: they are zero."""
        if not isinstance(given, dict):
            return given
        later = ("authorised", "captured", "refunded", "disputed")
        instructed = given["instructed"]
        if isinstance(instructed, Money):
            none: Any = Money(minor=0, currency=instructed.currency)
        else:
            none = {**instructed, "minor": 0}
        return {**dict.fromkeys(later, none), **given}

    @property
    def held(self) -> Money:
        """What is held for captures now: authorised, and neither released nor captured."""
        minor = max(self.authorised.minor - self.captured.minor, 0)
        return Money(minor=minor, currency=self.authorised.currency)


class Payment(Folded):
    """What we know of a payment: a pure function of its order, instructions and reports."""

    state: PaymentState
    amounts: Amounts
    direction: Direction = Direction.OUTGOING
    reversals: tuple[Reversal, ...] = ()
    """In the order of their ids. No reversal is the payment's state."""
    transaction_status: str | None = None
    status_reason: str | None = None
    basis: str | None = None
    settled_at: AwareDatetime | None = None
    effective_execution_date: date | None = None
    funds_back: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing is owed any more."""
        return self.has_ended(ENDS)

    @property
    def notes(self) -> tuple[str, ...]:
        return (
            *super().notes,
            *(f"{each.kind} of {each.amount}: {each.state}" for each in self.reversals),
        )
