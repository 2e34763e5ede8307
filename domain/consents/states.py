"""The states of a consent, one row each, and which state may follow which.

Everything that depends on a state alone is a column here. No other module lists states.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

from domain.consents.report import ConsentState as S
from domain.lifecycle.whose import Whose


@dataclass(frozen=True)
class State:
    """What is true of every consent in one state.

    Attributes:
        name: the state.
        rank: of two states that are reported for one moment, the higher is folded last.
        headline: for the user, in a few words.
        detail: the same in a sentence.
        ends: nothing is owed any more.
        is_asked: the user has not authorised it yet, so a deadline ends it.
        was_granted: the user has authorised it once, and the partner still knows it.
        is_readable: data may be read, unless something else stands against it.
        requires: who has to act next.
        next_action: the next step of the user, as they read it.
        colour: on a terminal.
    """

    name: S
    rank: int
    headline: str
    detail: str
    ends: bool = False
    is_asked: bool = False
    was_granted: bool = False
    is_readable: bool = False
    requires: Whose = Whose.NOBODY
    next_action: str | None = None
    colour: str = ""


_ended = partial(State, ends=True)

STATES: Final[dict[S, State]] = {
    row.name: row
    for row in (
        State(
            S.DRAFT, 0, "Received", "The request is recorded; the bank does not have it yet.",
            requires=Whose.PARTNER,
        ),
        State(
            S.AWAITING_USER, 1, "Waiting for the user",
            "The bank waits for the user's confirmation.",
            is_asked=True, requires=Whose.USER, next_action="confirm the access at the bank",
            colour="yellow",
        ),
        State(
            S.PARTIALLY_AUTHORISED, 2, "Waiting for another signature",
            "The user has confirmed the access; another signatory has not.",
            is_asked=True, requires=Whose.USER, next_action="have the others confirm it",
            colour="yellow",
        ),
        State(
            S.ACTIVE, 3, "Connected", "The account may be read.",
            was_granted=True, is_readable=True, colour="green",
        ),
        State(
            S.NEEDS_REAUTH, 4, "Confirm again",
            "The account is not read until the user confirms again.",
            was_granted=True, requires=Whose.USER, next_action="confirm the access again",
            colour="yellow",
        ),
        State(
            S.SUSPENDED_BY_PARTNER, 5, "Suspended by the bank",
            "The bank does not let the account be read for now.",
            was_granted=True, requires=Whose.US, colour="yellow",
        ),
        _ended(S.REJECTED, 6, "Not granted", "The access was refused.", colour="red"),
        _ended(S.EXPIRED, 7, "Expired", "The access has ended because its time is over."),
        _ended(S.CONSUMED, 8, "Used", "The access was for one read, which was made."),
        _ended(S.REVOKED_BY_USER, 9, "Withdrawn by the user",
               "The user ended the access at the bank."),
        _ended(S.REVOKED_BY_US, 10, "Ended", "The access was ended, as we asked."),
        _ended(S.SUPERSEDED, 11, "Renewed", "A newer consent has taken the place of this one."),
    )
}  # fmt: skip

#: Sets of states, for queries.
ENDS: Final = frozenset(name for name, row in STATES.items() if row.ends)
REVOCABLE: Final = frozenset(STATES) - ENDS

#: The only steps that do not go to a higher rank, and why they are made.
STEPS_BACK: Final[dict[tuple[S, S], str]] = {
    (S.PARTIALLY_AUTHORISED, S.AWAITING_USER): "a signature was withdrawn",
    (S.ACTIVE, S.PARTIALLY_AUTHORISED): "the bank asks for one more signature",
    (S.NEEDS_REAUTH, S.AWAITING_USER): "the user authenticates again",
    (S.NEEDS_REAUTH, S.PARTIALLY_AUTHORISED): "the user authenticates again, and others have to",
    (S.NEEDS_REAUTH, S.ACTIVE): "the user has authenticated again",
    (S.SUSPENDED_BY_PARTNER, S.ACTIVE): "the bank lifted its suspension",
    (S.SUSPENDED_BY_PARTNER, S.NEEDS_REAUTH): "the bank lifts its suspension for a new login",
}

#: Why a consent that had ended turns out to have been superseded.
_EXPLAINS: Final = frozenset({S.EXPIRED, S.CONSUMED, S.REVOKED_BY_USER, S.REVOKED_BY_US})


def may_follow(before: S, after: S) -> bool:
    """Whether a report of `after` is possible in state `before`. The same state always is.

    If it is not possible, the two contradict each other, unless `says_nothing_new`.
    """
    if before is after:
        return True
    if STATES[before].ends:
        return after is S.SUPERSEDED and before in _EXPLAINS
    return STATES[after].rank > STATES[before].rank or (before, after) in STEPS_BACK


def says_nothing_new(before: S, after: S) -> bool:
    """Whether a consent that had ended is said to have ended in another way.

    Nothing can be read either way, and banks give their reasons one after the other: revoked, then
    expired. So the first end stays, and nothing contradicts it.
    """
    return STATES[before].ends and STATES[after].ends
