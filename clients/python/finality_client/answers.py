"""What the server answers. Unknown fields are kept and unknown words stay texts: neither raises."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from finality_client.words import ENDS, Certainty


class Answer(BaseModel):
    """What every answer has."""

    model_config = ConfigDict(extra="allow", frozen=True)

    _replayed: bool = PrivateAttr(default=False)

    @property
    def replayed(self) -> bool:
        """Whether the key was known: the object is an earlier one, as it now stands."""
        return self._replayed


class Money(Answer):
    """An amount in minor units: 1250 EUR is 12.50 euro."""

    minor: int
    currency: str


class Display(Answer):
    """Texts and rights, for payers and operators alike."""

    headline: str
    detail: str = ""
    final: bool = False
    may_retry: bool = False
    may_cancel: bool = False
    next_action: str | None = None
    funds: str = "keep_holding"
    """A word of `Funds`."""


class Amounts(Answer):
    """Sums of the money that moved, by kind."""

    instructed: Money
    settled: Money | None = None
    returned: Money | None = None
    fees: Money | None = None
    net: Money | None = None
    authorised: Money | None = None
    captured: Money | None = None
    refunded: Money | None = None
    disputed: Money | None = None


class Action(Answer):
    """What the payer has to do. Only `payments.action` gives its address."""

    kind: str
    expires_at: datetime | None = None


class Link(Action):
    """Where the payer acts. Give it to the payer and nobody else."""

    url: str | None = Field(default=None, repr=False)


class Finding(Answer):
    """Something about the payment that is in question."""

    kind: str
    text: str = ""
    is_open: bool = False


class Payment(Answer):
    """A credit transfer or a collection as it now stands."""

    id: str
    object: str
    key: str
    created_at: datetime
    updated_at: datetime
    sequence: int
    """The number of events about it so far."""
    state: str
    """A word of `PaymentState`, or one that a later server added."""
    certainty: str
    """A word of `Certainty`."""
    display: Display
    instructed_amount: Money
    amounts: Amounts
    partner: str
    partner_account: str
    rail: str
    end_to_end_id: str = ""
    debtor: str = ""
    debtor_account: str = ""
    """Masked."""
    creditor: str = ""
    creditor_account: str = ""
    """Masked."""
    partner_reference: str | None = None
    partner_status: str | None = None
    transaction_status: str | None = None
    status_reason: str | None = None
    reason: str | None = None
    requested_execution_date: date | None = None
    effective_execution_date: date | None = None
    settled_at: datetime | None = None
    action: Action | None = None
    findings: list[Finding] = Field(default_factory=list)
    waits_for: str | None = None
    sealed: str | None = None

    @property
    def is_over(self) -> bool:
        """Nothing more is owed, and nothing is in doubt. Later evidence may still reopen it."""
        in_doubt = self.certainty == Certainty.UNKNOWN
        return not in_doubt and (self.display.final or self.state in ENDS)


class Episode(Answer):
    """A capture or a confirmation, or a refund, return or dispute."""

    id: str | None = None
    """Null if nobody of ours asked for it."""
    object: str
    kind: str
    key: str | None = None
    state: str
    amount: Money
    taken: Money | None = None
    is_open: bool = False
    in_doubt: bool = False
    since: datetime | None = None
    deadline: datetime | None = None
    reason: str | None = None
    reference: str | None = None


class Claim(Answer):
    """A capture, refund or confirmation, and the collection as it now stands."""

    claim: Episode
    collection: Payment


class Command(Answer):
    """A cancel, its outcome so far, and the payment as it now stands."""

    id: str
    kind: str
    outcome: str
    asked_at: datetime
    payment: Payment


class File(Answer):
    """An accepted file."""

    id: str
    """Its message id."""
    file_key: str
    initiating_party: str = ""
    taken_at: datetime
    version: str = ""
    count: int
    control_sum: Decimal


class Line(Answer):
    """A line of a file, and its payment if it has one."""

    position: int
    end_to_end_id: str = ""
    amount_minor: int
    currency: str
    payment_id: str | None = None
    state: str | None = None
    certainty: str | None = None
    status: str
    reasons: list[str] = Field(default_factory=list)


class FileNow(File):
    """An accepted file with every line as it now stands."""

    status: str
    lines: list[Line]


class Task(Answer):
    """An open question to people about one of the payments."""

    id: str
    payment_id: str | None = None
    kind: str
    question: str = ""
    owner: str = ""
    due_at: datetime
    opened_at: datetime
    amount: Money | None = None
    signed_by: list[str] = Field(default_factory=list)


class Halt(Answer):
    """A halt in force."""

    number: int
    partner: str | None = None
    tenant: str | None = None
    rail: str | None = None
    by: str = ""
    why: str = ""
    halted_at: datetime


class Related(Answer):
    """What an event is about. Read it for its present state."""

    type: str
    id: str


class Event(Answer):
    """One change. It never changes itself."""

    id: str
    type: str
    created_at: datetime
    sequence: int
    """Counts the events of `related` from 1, without gaps."""
    position: int
    """Counts the events of the tenant from 1, without gaps."""
    related: Related
    change: dict[str, Any] = Field(default_factory=dict)


Item = TypeVar("Item", bound=Answer)


class Page(Answer, Generic[Item]):
    """A page of a list."""

    data: list[Item]
    next_cursor: str | None = None
    """For `after`; None at the end. A page of events always has one: keep it, and go on there."""
