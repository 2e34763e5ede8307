"""A report: one thing we were told about an instruction, as it is stored."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from enum import IntEnum, StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.money import Money


class PaymentState(StrEnum):
    """The product's states; design, chapter 4, says what each means for the money."""

    CREATED = "created"
    SUBMITTING = "submitting"
    AWAITING_US = "awaiting_us"
    AWAITING_USER = "awaiting_user"
    AWAITING_PARTNER = "awaiting_partner"
    ACCEPTED = "accepted"
    AUTHORISED = "authorised"
    PROCESSING = "processing"
    SETTLED = "settled"
    UNCONFIRMED = "unconfirmed"
    FINAL = "final"
    RETURNED = "returned"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Source(IntEnum):
    """Where a report comes from; at one moment the later in this list is heard last."""

    REPLY = 0
    READ = 1
    STATEMENT = 2
    GATE = 3
    """Our own checks before the first send. They speak of nothing the partner did."""
    DECISION = 4
    """What people found out and signed for."""


class MovementKind(StrEnum):
    """Money that moved, as a partner or a statement booked it."""

    DEBIT = "debit"
    """Left our account for the creditor."""
    FEE = "fee"
    RETURN = "return"
    """Came back to our account."""


class Movement(BaseModel):
    """One booking. It counts once, by the booker's own id, however often it is reported."""

    model_config = ConfigDict(frozen=True)

    movement_id: str
    kind: MovementKind
    amount: Money
    booked_at: AwareDatetime | None = None


class Observed(BaseModel):
    """What the partner holds, to be compared with the order."""

    model_config = ConfigDict(frozen=True)

    amount: Money | None = None
    creditor_account_ends: str | None = None
    """The last four characters: enough to see a swapped creditor, too few to leak one."""
    beneficiary_is_ours: bool | None = None
    """Whether it names the prepared creditor we sent; None where the reply does not say."""
    requested_execution_date: date | None = None


class Report(BaseModel):
    """One thing we were told.

    `as_of` is the partner's clock as its profile chooses it: for a read, when our question was
    sent, since the answer is at least as new. `state` is None where the adapter does not know
    the word.
    """

    model_config = ConfigDict(frozen=True)

    instruction_id: str
    source: Source
    as_of: AwareDatetime
    try_number: int = 1
    attempt: int | None = None
    state: PaymentState | None
    partner_status: str
    transaction_status: str | None = None
    status_reason: str | None = None
    reason: str | None = None
    partner_reference: str | None = None
    observed: Observed = Observed()
    movements: tuple[Movement, ...] = ()
    lists_all_movements: bool = False
    """Whether `movements` are all bookings there are of the object it names. A booking that was
    reported earlier and is missing in a later complete list was undone by the partner."""
    drift: tuple[str, ...] = ()
    effective_execution_date: date | None = None
    settles: tuple[str, ...] = ()
    """Of a decision: the texts of the findings it answers."""
    decided_on: PaymentState | None = None
    """Of a decision: where the payment stood by all words before it, as those who decided knew."""

    @property
    def report_id(self) -> str:
        """The same for the same words: recorded twice it is one report."""
        # Fields that the first release did not have: where they say nothing, its ids stay.
        later = ("settles", "decided_on", "lists_all_movements")
        left_out = {name for name in later if not getattr(self, name)}
        words = self.model_dump_json(exclude=left_out)
        return hashlib.sha256(words.encode()).hexdigest()[:32]

    @property
    def weight(self) -> tuple[int, datetime, Source]:
        """Its place in the fold, whenever it arrived; the fold itself orders what is level."""
        return (self.try_number, self.as_of, self.source)
