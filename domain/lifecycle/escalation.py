"""Who is asked when a resource waits too long: a ladder of rungs, each later than the last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Rung:
    """One person to ask, `after` so much time in a state."""

    after: timedelta
    owner: str
    question: str


@dataclass(frozen=True)
class Ladder:
    """Rungs in order of time.

    `answer_within` is the time for an answer to the last rung. Every other rung has to be
    answered before the next one is reached.

    Raises:
        ValueError: there is no rung, or they do not follow each other in time.
    """

    rungs: tuple[Rung, ...]
    answer_within: timedelta

    def __post_init__(self) -> None:
        moments = [rung.after for rung in self.rungs]
        if not moments or moments != sorted(set(moments)) or moments[0] < timedelta(0):
            raise ValueError(
                "a ladder has one rung or more, none before the state is entered, each later "
                "than the one before; sort them"
            )


@dataclass(frozen=True)
class DueRung:
    """A rung with its moments; `kind` identifies it among the tasks of one resource."""

    kind: str
    at: datetime
    """When it is reached and its task opens."""
    answer_by: datetime
    owner: str
    question: str


def reached(rungs: Iterable[DueRung], now: datetime) -> tuple[DueRung, ...]:
    """The rungs that are reached. They stay so until the state is left."""
    return tuple(rung for rung in rungs if rung.at <= now)


def next_at(rungs: Iterable[DueRung], now: datetime) -> datetime | None:
    """When the next rung is reached; None after the last one."""
    return min((rung.at for rung in rungs if rung.at > now), default=None)
