"""A partner that does not answer: since when, and whom we ask about it.

Silence means no connection, no complete answer in time, or an error of the partner's own (5xx). A
refused login, a 429 and everything else are answers, which other modules interpret. The ladder
runs round the clock and not in office hours, since payments wait at night too. No scheme says how
long a partner may be silent, so the times are our own choice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from domain.lifecycle.answers import Exchange, NotReady, Unanswered, Unprepared
from domain.lifecycle.escalation import DueRung, Ladder, Rung

_SERVER_ERROR: Final = 500
_MINUTE: Final = timedelta(minutes=1)

LADDER: Final = Ladder(
    rungs=(
        Rung(
            1 * _MINUTE,
            "payments-operations",
            "The partner does not answer. Run `finality doctor`, which asks it once more, and ask "
            "the partner's support whether it is down.",
        ),
        Rung(
            60 * _MINUTE,
            "payments-operations",
            "The partner has not answered for an hour. Inform those who wait for this payment.",
        ),
        Rung(
            240 * _MINUTE,
            "head-of-payments",
            "The partner has not answered for four hours. Decide what to pay in another way.",
        ),
    ),
    answer_within=240 * _MINUTE,
)


def is_answer(exchange: Exchange | None) -> bool | None:
    """Whether the partner answered; None if no request was made."""
    if exchange is None:
        return None
    return exchange.status is not None and exchange.status < _SERVER_ERROR


def has_answered(not_now: NotReady | Unprepared | Unanswered) -> bool | None:
    """The same for a step that ended before it could ask about the resource."""
    match not_now:
        case NotReady(answered=answered):
            return answered
        case Unanswered(answered=bool() as answered):
            return answered
        case Unanswered(exchange=exchange) | Unprepared(exchange=exchange):
            return is_answer(exchange)


def silent_since(before: datetime | None, answered: bool | None, now: datetime) -> datetime | None:
    """Since when the partner has been silent, after one more step."""
    if answered is None:
        return before
    return None if answered else before or now


def rungs(since: datetime) -> tuple[DueRung, ...]:
    """Whom to ask, and when, about a silence that began at `since`."""
    ends = [*(rung.after for rung in LADDER.rungs[1:])]
    ends.append(LADDER.rungs[-1].after + LADDER.answer_within)
    return tuple(
        DueRung(f"silent_{number}", since + rung.after, since + end, rung.owner, rung.question)
        for number, (rung, end) in enumerate(zip(LADDER.rungs, ends, strict=True), start=1)
    )
