"""Which state may follow which: ranks, the proven ends, and the few named ways back."""

from __future__ import annotations

from typing import Final

from domain.report import PaymentState as S

#: Later ranks win, skips included: a partner need not tell every step.
RANK: Final[dict[S, int]] = {
    S.CREATED: 0,
    S.SUBMITTING: 1,
    S.AWAITING_US: 2,
    S.AWAITING_USER: 2,
    S.AWAITING_PARTNER: 2,
    S.ACCEPTED: 3,
    S.AUTHORISED: 4,
    S.PROCESSING: 5,
    S.SETTLED: 6,
    S.UNCONFIRMED: 7,
    S.FINAL: 8,
    S.RETURNED: 9,
    S.REJECTED: 10,
    S.CANCELLED: 10,
    S.EXPIRED: 10,
}

#: Ends that say: no instruction of this payment moved any money.
PROVEN_NOTHING_MOVED: Final = frozenset({S.REJECTED, S.CANCELLED, S.EXPIRED})

#: Nothing is owed in these; evidence that comes later may still reopen them.
ENDS: Final = PROVEN_NOTHING_MOVED | {S.FINAL, S.UNCONFIRMED, S.RETURNED}

#: While it stands in one of these, taking it back can still succeed.
CANCELLABLE: Final = frozenset(
    {
        S.CREATED,
        S.SUBMITTING,
        S.AWAITING_US,
        S.AWAITING_USER,
        S.AWAITING_PARTNER,
        S.ACCEPTED,
        S.AUTHORISED,
    }
)

_WAITS = (S.AWAITING_US, S.AWAITING_USER, S.AWAITING_PARTNER)

#: The only ways back, and why a partner takes them.
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
}


def may_follow(before: S, after: S) -> bool:
    """Whether `after` may be heard in state `before`; the same state always may.

    Where it may not, the two contradict each other and a person decides.
    """
    if before is after:
        return True
    if before in PROVEN_NOTHING_MOVED or before is S.RETURNED:
        return False
    if after in PROVEN_NOTHING_MOVED:
        return RANK[before] < RANK[S.SETTLED] or before is S.UNCONFIRMED
    return RANK[after] > RANK[before] or (before, after) in STEPS_BACK
