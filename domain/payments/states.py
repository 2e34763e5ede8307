"""The states of a payment, one row each, and which state may follow which.

Everything that depends on a state alone is a column here: rank, end, who has to act, where the
money is, the texts and the colour for people, the ISO 20022 status. No other module lists states.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from domain.lifecycle.whose import Whose as Whose
from domain.payments.order import Direction
from domain.payments.report import PaymentState as S


class Where(StrEnum):
    """Where the order's money is, as far as the state alone tells."""

    WITH_US = "with_us"
    """The order may still be executed, or not. An authorised collection is here too: money that
    is held on the payer's side has not moved."""
    LEFT = "left"
    """It has left our account or, in a collection, the payer's."""
    NEVER_LEFT = "never_left"
    """Proven: no instruction of this payment moved any money."""
    CAME_BACK = "came_back"


@dataclass(frozen=True)
class State:
    """What is true of every payment in one state.

    Attributes:
        name: the state.
        rank: a higher rank replaces a lower one. Ranks may be skipped, since a partner need not
            report every step.
        headline: in a few words, for payers and for operators alike. So it speaks to neither.
        detail: the same in a sentence.
        iso: transaction status in a pain.002 (ISO 20022 ExternalPaymentTransactionStatus1Code)
            while nothing is in doubt. RETURNED has no code of its own. It is RJCT, because the
            creditor did not keep the money, and a program that reads ACSC would take it as paid.
        ends: nothing is owed any more. Later evidence may still reopen the payment.
        cancellable: a cancel can still succeed.
        is_unsent: we may still have to send. Our own checks and halts apply in these states only.
        outlasts_a_lag: if the partner reports it again, a contradicting answer in between was
            out of date.
        only: the direction of the payments that have this state; None for both.
        is_watched: the partner says that it is done. For a while, returns and disputes are normal.
        confirms: a CONFIRM may be admitted.
        increments: an INCREMENT may be admitted. Once a part was captured, partners raise no hold.
        captures: a CAPTURE may be admitted.
        refunds: a REFUND may be admitted.
        money: where the money is.
        requires: who has to act next, unless something is in question.
        next_action: the next step, and who takes it.
        colour: on a terminal.
    """

    name: S
    rank: int
    headline: str
    detail: str
    iso: str
    ends: bool = False
    cancellable: bool = False
    is_unsent: bool = False
    outlasts_a_lag: bool = False
    only: Direction | None = None
    is_watched: bool = False
    confirms: bool = False
    increments: bool = False
    captures: bool = False
    refunds: bool = False
    money: Where = Where.WITH_US
    requires: Whose = Whose.PARTNER
    next_action: str | None = None
    colour: str = ""

    @property
    def rests(self) -> bool:
        """Whether neither our engine nor the partner has anything to do for now."""
        return self.requires is not Whose.PARTNER

    @property
    def failed(self) -> bool:
        """Whether the payment ended and the creditor does not have the money."""
        return self.ends and self.money is not Where.LEFT


_left = partial(State, money=Where.LEFT, requires=Whose.NOBODY)
_never_left = partial(State, ends=True, money=Where.NEVER_LEFT, requires=Whose.NOBODY, colour="red")

STATES: Final[dict[S, State]] = {
    row.name: row
    for row in (
        State(
            S.CREATED, 0, "Received", "The payment is recorded; nothing has been sent yet.", "ACTC",
            cancellable=True, is_unsent=True,
        ),
        State(
            S.SUBMITTING, 1, "Being sent", "The payment is on its way to our provider.", "PDNG",
            cancellable=True, is_unsent=True,
        ),
        State(
            S.AWAITING_US, 2, "On hold with us", "The payment waits for a decision on our side.",
            "PDNG", cancellable=True, is_unsent=True, requires=Whose.US,
            next_action="we decide", colour="yellow",
        ),
        State(
            S.AWAITING_USER, 2, "Waiting for the payer",
            "The payment waits until the payer confirms it.",
            "PDNG", cancellable=True, confirms=True, requires=Whose.USER,
            next_action="the payer confirms", colour="yellow",
        ),
        State(
            S.AWAITING_PARTNER, 2, "Being reviewed",
            "Our provider reviews the payment; this can take days.", "PDNG",
            cancellable=True, colour="yellow",
        ),
        State(
            S.ACCEPTED, 3, "Accepted",
            "Our provider has taken the payment on; it can still be refused.", "ACCP",
            cancellable=True,
        ),
        State(
            S.AUTHORISED, 4, "Reserved", "The amount is reserved and not taken yet.", "ACCP",
            cancellable=True, increments=True, captures=True,
        ),
        State(
            S.PARTLY_CAPTURED, 5, "Partly taken",
            "Part of the reserved amount was taken; more of it may be.", "ACSP",
            only=Direction.INCOMING, money=Where.LEFT, captures=True, refunds=True,
        ),
        State(
            S.PROCESSING, 5, "Processing", "The payment has been released to the banks.", "ACSP",
            outlasts_a_lag=True,
        ),
        _left(
            S.CAPTURED, 6, "Taken by our provider", "It can still be disputed for some time.",
            "ACSC", only=Direction.INCOMING, is_watched=True, refunds=True, outlasts_a_lag=True,
            colour="green",
        ),
        _left(
            S.SETTLED, 6, "Sent by our provider", "Returns are still possible for some days.",
            "ACSC", only=Direction.OUTGOING, is_watched=True, outlasts_a_lag=True, colour="green",
        ),
        _left(
            S.UNCONFIRMED, 7, "Not confirmed",
            "Our provider can no longer be asked; its last word stands.", "PDNG",
            ends=True, refunds=True,
        ),
        _left(
            S.FINAL, 8, "Completed", "The payment is complete.", "ACSC",
            ends=True, refunds=True, outlasts_a_lag=True, colour="bold green",
        ),
        State(
            S.RETURNED, 9, "Returned", "The creditor did not keep the money.", "RJCT",
            ends=True, only=Direction.OUTGOING, money=Where.CAME_BACK, requires=Whose.NOBODY,
            colour="magenta",
        ),
        _never_left(
            S.REJECTED, 10, "Not executed", "The payment was refused; no money was moved.", "RJCT",
        ),
        _never_left(
            S.CANCELLED, 10, "Cancelled", "The payment was cancelled; no money was moved.", "CANC",
        ),
        _never_left(
            S.EXPIRED, 10, "Expired", "The payment ran out of time; no money was moved.",
            "RJCT",
        ),
    )
}  # fmt: skip

#: Sets of states, for queries.
ENDS: Final = frozenset(name for name, row in STATES.items() if row.ends)
CANCELLABLE: Final = frozenset(name for name, row in STATES.items() if row.cancellable)
UNSENT: Final = frozenset(name for name, row in STATES.items() if row.is_unsent)
PROVEN_NOTHING_MOVED: Final = frozenset(
    name for name, row in STATES.items() if row.money is Where.NEVER_LEFT
)

#: The state in which the partner says that it is done, by direction.
DONE: Final = {row.only: name for name, row in STATES.items() if row.is_watched}

_WAITS = (S.AWAITING_US, S.AWAITING_USER, S.AWAITING_PARTNER)

#: The only steps that do not go to a higher rank, and why a partner makes them.
STEPS_BACK: Final[dict[tuple[S, S], str]] = {
    **{
        (before, after): "before release an order moves freely between its queues"
        for before in (*_WAITS, S.ACCEPTED, S.AUTHORISED)
        for after in (*_WAITS, S.ACCEPTED)
        if before is not after
    },
    (S.PROCESSING, S.ACCEPTED): "released money was called back into the queue",
    (S.PROCESSING, S.AWAITING_PARTNER): "released money was called back for review",
    (S.PROCESSING, S.AWAITING_USER): "a debit declined after it was accepted",
    (S.UNCONFIRMED, S.SETTLED): "a statement showed what could no longer be asked",
    (S.UNCONFIRMED, S.CAPTURED): "a statement showed what could no longer be asked",
}


def may_follow(before: S, after: S) -> bool:
    """Whether a report of `after` is possible in state `before`. The same state always is.

    If it is not possible, the two contradict each other and a person decides.
    """
    if before is after:
        return True
    if STATES[before].failed:
        return False
    if after in PROVEN_NOTHING_MOVED:
        return STATES[before].money is not Where.LEFT or before is S.UNCONFIRMED
    return STATES[after].rank > STATES[before].rank or (before, after) in STEPS_BACK
