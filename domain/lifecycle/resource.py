"""What is known of a resource of any kind: its instructions, certainty and findings."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from domain.lifecycle.book import Book
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.report import Action
from domain.money import Money


class UnknownResource(LookupError):
    """There is no resource with that id, or it belongs to another tenant."""


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
    kind: str = InstructionKind.PAY
    book: Book
    # Left out if empty: earlier releases had no amount, and hashes stay the same.
    amount: Money | None = Field(default=None, exclude_if=lambda value: not value)
    """What it claims, if it is of a kind that claims an amount."""

    @property
    def is_open(self) -> bool:
        """Whether nobody knows yet if the partner executes it."""
        return self.book.closed is None and not self.book.answered

    @property
    def is_undone(self) -> bool:
        """Whether it is proven that the partner did not execute it, and never will."""
        return self.book.closed is not None and not self.book.answered


class Folded(BaseModel):
    """The result of a fold over request, profile, instructions and reports. Kinds add fields."""

    model_config = ConfigDict(frozen=True)

    state: str
    certainty: Certainty
    findings: tuple[Finding, ...] = ()
    closed_findings: tuple[ClosedFinding, ...] = ()
    partner_reference: str | None = None
    partner_status: str | None = None
    reason: str | None = None
    state_as_of: AwareDatetime | None = None
    is_ours: bool = False
    """The state comes from our own checks or operators, whose reasons are not for the user."""
    is_decided: bool = False
    """The state comes from operators, and the partner has said nothing since."""
    is_followed: bool = False
    """Something besides the state is under way, such as a refund, so the resource is not over."""
    action: Action | None = None
    """What the user has to do now."""

    def has_ended(self, ends: AbstractSet[str]) -> bool:
        """Whether nothing is owed any more. `ends` are the states in which its kind ends."""
        is_certain = self.certainty is not Certainty.UNKNOWN
        return self.state in ends and is_certain and not self.is_followed

    @property
    def action_until(self) -> datetime | None:
        """Until when the user can act; None if nothing limits it, or nothing is to be done."""
        return self.action.expires_at if self.action is not None else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What people read besides the state: what is in question, and what was."""
        return (
            *(f"{found.kind}: {found.text}" for found in self.findings),
            *(
                f"over, by {found.closed_by}: {found.kind}: {found.text}"
                for found in self.closed_findings
            ),
        )

    @property
    def is_frozen(self) -> bool:
        """Whether nothing that could have an effect goes on until a person has looked."""
        return any(finding.freezes for finding in self.findings)
