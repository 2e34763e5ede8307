"""A report: one piece of evidence about an instruction of any kind, as it is stored."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from domain.lifecycle.grants import Grant
from domain.lifecycle.reversals import SeenReversal
from domain.money import Money


class Source(IntEnum):
    """Where a report comes from. Of two reports at one moment the higher source is folded last."""

    REPLY = 0
    READ = 1
    STATEMENT = 2
    GATE = 3
    """From before the first send: our own checks, or an approval that it waits for. It says nothing
    about what the partner did."""
    DECISION = 4
    """What operators found out and signed."""


class MovementKind(StrEnum):
    """What a partner or a statement booked. An authorisation holds money, and moves none."""

    DEBIT = "debit"
    """Left our account for the creditor."""
    FEE = "fee"
    RETURN = "return"
    """Came back to our account."""
    AUTHORISATION = "authorisation"
    """Held on the payer's side, for captures. No money."""
    RELEASE = "release"
    """A held amount was set free: no capture can take it any more. No money moves."""
    CAPTURE = "capture"
    """Taken from the payer, for us."""
    REFUND = "refund"
    """Given back to the payer."""
    REFUND_FAILED = "refund_failed"
    """A refund that did not reach the payer, and came back to us."""
    DISPUTE = "dispute"
    """Taken from us because the payer, or the payer's bank, objected."""
    REINSTATEMENT = "reinstatement"
    """Given back to us after a dispute."""


class Movement(BaseModel):
    """One booking. It counts once, by the id that its booker gave it, in however many reports."""

    model_config = ConfigDict(frozen=True)

    movement_id: str
    kind: MovementKind
    amount: Money
    booked_at: AwareDatetime | None = None
    # Left out if empty: earlier releases had no reference, and reports keep their ids.
    reference: str | None = Field(default=None, exclude_if=lambda value: not value)
    """The partner's id of the capture, refund or dispute that it books; None for other bookings."""


class ActionKind(StrEnum):
    """What the user has to do."""

    REDIRECT = "redirect"
    """Open a page of the partner or the bank, and confirm there."""
    CONFIRM = "confirm"
    """Confirm in an app of their own; there is no page."""
    CODE = "code"
    """Tell us a code."""


class Action(BaseModel):
    """What the user has to do before the resource goes on, and until when."""

    model_config = ConfigDict(frozen=True)

    kind: ActionKind
    url: str | None = Field(default=None, repr=False)
    """Anybody who has it can act for the user, so it is stored sealed and apart from the report."""
    expires_at: AwareDatetime | None = None


class Observed(BaseModel):
    """What the partner shows of an order, to be compared with ours."""

    model_config = ConfigDict(frozen=True)

    amount: Money | None = None
    creditor_account_ends: str | None = None
    """The last four characters: enough to notice a swapped creditor, too few to leak one."""
    beneficiary_is_ours: bool | None = None
    """Whether it names the beneficiary that we sent; None if the reply does not say."""
    requested_execution_date: date | None = None


#: `partner_status` of a report that we write ourselves: the partner can no longer be asked.
NO_LONGER_ASKED: Final = "can no longer be asked"


class Report(BaseModel):
    """One piece of evidence about an instruction.

    `as_of` places it in time. For an answer of the partner it is the moment when our request was
    sent, since the answer is at least as new. `state` is one of the kind's own states, or None if
    the adapter does not know the partner's status. A kind uses the fields that it needs.
    """

    model_config = ConfigDict(frozen=True)

    instruction_id: str
    source: Source
    as_of: AwareDatetime
    try_number: int = 1
    attempt: int | None = None
    state: str | None
    partner_status: str
    transaction_status: str | None = None
    status_reason: str | None = None
    reason: str | None = None
    partner_reference: str | None = None
    observed: Observed = Observed()
    movements: tuple[Movement, ...] = ()
    lists_all_movements: bool = False
    """Whether `movements` is the complete list of the object's bookings. If an earlier booking is
    missing from a later complete list, the partner has undone it."""
    drift: tuple[str, ...] = ()
    effective_execution_date: date | None = None
    settles: tuple[str, ...] = ()
    """For a decision: the texts of the findings that it answers."""
    action: Action | None = None
    reversals: tuple[SeenReversal, ...] = ()
    # Left out if empty: most reports have none, and the first release knew none.
    grant: Grant | None = Field(default=None, exclude_if=lambda value: value is None)
    """For a consent: what the partner shows as granted."""
    decided_on: str | None = None
    """For a decision: the resource's state by all earlier reports, as the operators knew it."""

    def __eq__(self, other: object) -> bool:
        """Equal by content, so a state as text equals the same state as a kind's enum member."""
        return isinstance(other, Report) and vars(self) == vars(other)

    @property
    def report_id(self) -> str:
        """A hash of the content, so that a report recorded twice is one report."""
        # The first release did not have these fields. Left out while empty, its ids stay the same.
        later = ("settles", "decided_on", "lists_all_movements", "action", "reversals")
        left_out: dict[str, Any] = {name: True for name in later if not getattr(self, name)}
        words = self.model_dump_json(exclude={"action": {"url"}, **left_out})
        return hashlib.sha256(words.encode()).hexdigest()[:32]

    @property
    def weight(self) -> tuple[int, datetime, Source]:
        """Its place in the fold, whenever it arrived. The fold itself orders equal weights."""
        return (self.try_number, self.as_of, self.source)
