"""What became of the payments that were recorded on one day, in totals that tie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

from domain.lifecycle.resource import Certainty
from domain.payments.report import PaymentState
from domain.payments.states import STATES, Where


class Outcome(StrEnum):
    """What became of a payment. Each payment is in exactly one."""

    EXECUTED = "executed"
    """The money has left the debtor's account and, as far as we know, not come back."""
    RETURNED = "returned"
    NOT_EXECUTED = "not_executed"
    """Proven: no money was moved."""
    OPEN = "open"
    """Not decided yet, or in doubt."""


_OUTCOMES: Final[Mapping[Where, Outcome]] = {
    Where.WITH_US: Outcome.OPEN,
    Where.LEFT: Outcome.EXECUTED,
    Where.NEVER_LEFT: Outcome.NOT_EXECUTED,
    Where.CAME_BACK: Outcome.RETURNED,
}


def outcome_of(state: PaymentState, certainty: Certainty) -> Outcome:
    """What became of a payment. One in doubt is open, whatever its state."""
    if certainty is Certainty.UNKNOWN:
        return Outcome.OPEN
    return _OUTCOMES[STATES[state].money]


class Group(NamedTuple):
    """What the payments of one line of a report have in common."""

    day: date
    """In UTC, the day they were recorded."""
    partner: str
    partner_account: str
    rail: str
    currency: str


class Standing(NamedTuple):
    """Payments of a group that stand alike."""

    group: Group
    state: PaymentState
    certainty: Certainty
    payments: int
    amount_minor: int
    """The sum of what was ordered, in minor units of the group's currency."""


@dataclass
class Amount:
    """A number of payments, and the sum of what was ordered in minor units."""

    count: int = 0
    minor: int = 0

    def add(self, standing: Standing) -> None:
        self.count += standing.payments
        self.minor += standing.amount_minor


@dataclass(frozen=True)
class Totals:
    """One line of a report. The four outcomes add up to what was recorded."""

    group: Group
    recorded: Amount
    outcomes: Mapping[Outcome, Amount]
    in_doubt: Amount
    """A part of those that are open."""


def totals(standings: Iterable[Standing]) -> list[Totals]:
    """One line for each group, in order."""
    lines: dict[Group, Totals] = {}
    for standing in standings:
        line = lines.setdefault(standing.group, _empty(standing.group))
        line.recorded.add(standing)
        line.outcomes[outcome_of(standing.state, standing.certainty)].add(standing)
        if standing.certainty is Certainty.UNKNOWN:
            line.in_doubt.add(standing)
    return [lines[group] for group in sorted(lines)]


def _empty(group: Group) -> Totals:
    return Totals(group, Amount(), {each: Amount() for each in Outcome}, Amount())
