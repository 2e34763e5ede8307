"""How much a collection holds: the ordered amount, raised by increments one after another.

The order never changes. So the amount that the partner shows is compared with the order and with
whatever increments may have added by then. Comparing it with the newest proven amount was refused:
a read that is older than an increment, or that overtakes it, rightly shows less.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import accumulate
from typing import Final

from domain.lifecycle.kinds import kind_of
from domain.lifecycle.resource import Instruction
from domain.money import Money

_NOT_SENT: Final = datetime.max.replace(tzinfo=UTC)


def increments_of(instructions: Iterable[Instruction]) -> list[Instruction]:
    """The increments that are not proven undone, in the order in which they were sent."""
    raising = [i for i in instructions if kind_of(i.kind).raises and not i.is_undone]
    return sorted(raising, key=_sent_at)


def amounts_held(ordered: Money, instructions: Iterable[Instruction]) -> frozenset[Money]:
    """All amounts that the partner may have held at some time, with nothing wrong.

    An increment in doubt may have been executed, so the amount with it is among them.
    """
    added = [i.amount.minor for i in increments_of(instructions) if i.amount is not None]
    amounts = accumulate(added, initial=ordered.minor)
    return frozenset(Money(minor=minor, currency=ordered.currency) for minor in amounts)


def proven_hold(ordered: Money, instructions: Iterable[Instruction]) -> Money:
    """The ordered amount with the increments that the partner is known to have executed."""
    return _raised(ordered, (i for i in increments_of(instructions) if i.book.answered))


def possible_hold(ordered: Money, instructions: Iterable[Instruction]) -> Money:
    """The same with every increment that may have been executed, or still may be."""
    return _raised(ordered, increments_of(instructions))


def _raised(ordered: Money, increments: Iterable[Instruction]) -> Money:
    added = sum(i.amount.minor for i in increments if i.amount is not None)
    return Money(minor=ordered.minor + added, currency=ordered.currency)


def _sent_at(increment: Instruction) -> tuple[datetime, str]:
    first = min((each.opened_at for each in increment.book.attempts), default=_NOT_SENT)
    return (first, increment.instruction_id)
