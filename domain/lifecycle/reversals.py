"""Reversals take moved money back, whether or not we asked for it. Each has its own state.

A reversal never becomes the payment's state. RETURNED is for a credit transfer that came back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.money import Money


class ReversalKind(StrEnum):
    """Who takes the money back, and on what ground."""

    REFUND = "refund"
    """We asked for it, or somebody did at the partner in our name."""
    RETURN = "return"
    """A bank gave a direct debit back."""
    DISPUTE = "dispute"
    """The payer objects, and evidence can still decide it."""
    CHARGEBACK = "chargeback"
    """The payer's bank has taken it back."""
    CLAWBACK = "clawback"
    """The partner has taken it back for reasons of its own."""


class ReversalState(StrEnum):
    """Where a reversal stands."""

    REQUESTED = "requested"
    PENDING = "pending"
    NEEDS_EVIDENCE = "needs_evidence"
    DONE = "done"
    """The payer has the money."""
    FAILED = "failed"
    """It did not take place, or the money came back to us."""
    WON = "won"
    LOST = "lost"
    REINSTATED = "reinstated"
    """What it took was given back to us."""


@dataclass(frozen=True)
class Stage:
    """What is true of every reversal in one state.

    Attributes:
        rank: a later word of a higher rank replaces the state.
        is_open: its outcome is not known yet, so it is read again.
        undoes: in the end it took nothing, so its amount can be claimed again.
    """

    rank: int
    is_open: bool = False
    undoes: bool = False


STAGES: Final[dict[ReversalState, Stage]] = {
    ReversalState.REQUESTED: Stage(0, is_open=True),
    ReversalState.PENDING: Stage(1, is_open=True),
    ReversalState.NEEDS_EVIDENCE: Stage(1, is_open=True),
    ReversalState.DONE: Stage(2),
    ReversalState.WON: Stage(2, undoes=True),
    ReversalState.LOST: Stage(2),
    ReversalState.FAILED: Stage(3, undoes=True),
    ReversalState.REINSTATED: Stage(3, undoes=True),
}


class SeenReversal(BaseModel):
    """A reversal as the partner shows it in one report."""

    model_config = ConfigDict(frozen=True)

    reference: str
    """The partner's id of the reversal."""
    kind: ReversalKind
    state: ReversalState | None
    """None if the adapter does not know the partner's word."""
    amount: Money
    reason: str | None = None
    deadline: AwareDatetime | None = None
    """Until when evidence can be given, or the payer's bank may decide."""


class Reversal(BaseModel):
    """A reversal, by all reports about it."""

    model_config = ConfigDict(frozen=True)

    kind: ReversalKind
    state: ReversalState
    amount: Money
    taken: Money
    """What it has taken from us, less what it gave back, by the bookings."""
    reason: str | None = None
    deadline: AwareDatetime | None = None
    reference: str | None = None
    """The partner's id; None until it is known."""
    instruction_id: str | None = None
    """The REFUND that asked for it; None if none of ours did."""

    @property
    def is_open(self) -> bool:
        """Whether its outcome, or the money that follows from it, is still to come."""
        stage = STAGES[self.state]
        return stage.is_open or (stage.undoes and self.taken.minor > 0)

    @property
    def is_undone(self) -> bool:
        """Whether it is proven that it took nothing: the partner's word and its bookings agree."""
        return STAGES[self.state].undoes and self.taken.minor <= 0


class Standing(NamedTuple):
    """One reversal, by all words about it."""

    word: SeenReversal
    """The last word, with the state that stands."""
    state: ReversalState
    question: str | None = None
    """Why a person has to look: the last word is unknown, or contradicts the one before."""


def standing(seen: Iterable[SeenReversal]) -> dict[str, Standing]:
    """Each reversal by the partner's id, from all words about them in their order.

    If a word contradicts the state before, that state stands. The question is gone as soon as a
    later word fits again.
    """
    stands: dict[str, Standing] = {}
    for word in seen:
        before = stands.get(word.reference)
        state = _next(before.state, word.state) if before else word.state or ReversalState.PENDING
        question = None
        if word.state is None:
            question = f"the partner uses an unknown word about {word.kind} {word.reference}"
        elif state is not word.state:
            question = f"{word.kind} {word.reference} is {word.state} after {state}"
        stands[word.reference] = Standing(word, state, question)
    return stands


def _next(before: ReversalState, word: ReversalState | None) -> ReversalState:
    if word is None or STAGES[word].rank < STAGES[before].rank:
        return before
    is_between = STAGES[before].is_open and STAGES[word].is_open
    return word if is_between or STAGES[word].rank > STAGES[before].rank else before
