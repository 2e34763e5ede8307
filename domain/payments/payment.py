"""What we know of a payment, with the fold's findings about it."""

from __future__ import annotations

from datetime import date
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

# What a payment shares with every lifecycle is named here too: this is where its code looks.
from domain.lifecycle.resource import Certainty as Certainty
from domain.lifecycle.resource import ClosedFinding as ClosedFinding
from domain.lifecycle.resource import Finding as Finding
from domain.lifecycle.resource import FindingKind as FindingKind
from domain.lifecycle.resource import Folded, UnknownResource
from domain.lifecycle.resource import Instruction as Instruction
from domain.money import Money
from domain.payments.report import PaymentState

#: There is no payment with that id, or it belongs to another tenant.
UnknownPayment = UnknownResource

FINAL_BY_WATCH: Final = "the watch is over and the partner, read once more, still says settled"
FINAL_BY_CREDITOR: Final = "the creditor's bank confirmed the credit"


class Amounts(BaseModel):
    """Sums of movements by kind, in the currency of the order. `net` is what has left us."""

    model_config = ConfigDict(frozen=True)

    instructed: Money
    settled: Money
    returned: Money
    fees: Money
    net: Money


class Payment(Folded):
    """What we know of a payment: a pure function of its order, instructions and reports."""

    state: PaymentState
    amounts: Amounts
    transaction_status: str | None = None
    status_reason: str | None = None
    basis: str | None = None
    settled_at: AwareDatetime | None = None
    effective_execution_date: date | None = None
    funds_back: bool = False
