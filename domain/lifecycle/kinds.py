"""The kinds of instruction, one row each: what the engine needs to know before it acts on one.

What a partner does with each kind is not here but in its profile's operations. A new kind (a
capture, a refund) is a row here and an operation there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from domain.lifecycle.profile import InstructionKind


@dataclass(frozen=True)
class Kind:
    """What is true of every instruction of one kind.

    Attributes:
        name: the kind.
        opens: it makes the partner's object, under a reference of its own. The others act on the
            object that an opening instruction made.
        takes_back: it withdraws what the opening instruction asked, while the partner still can.
        moves_money_out: our checks gate it. It is stopped by a halt, by an open question about the
            payment, and while the partner's list was not compared yet.
    """

    name: str
    opens: bool = False
    takes_back: bool = False
    moves_money_out: bool = False


KINDS: Final[dict[str, Kind]] = {
    row.name: row
    for row in (
        Kind(InstructionKind.PAY, opens=True, moves_money_out=True),
        Kind(InstructionKind.CANCEL, takes_back=True),
    )
}


def learn(*rows: Kind) -> None:
    """Add the kinds of another lifecycle. Their names are unique over all lifecycles."""
    KINDS.update((row.name, row) for row in rows)


def opening() -> list[str]:
    """For queries: the kinds that make the partner's object."""
    return [name for name, row in KINDS.items() if row.opens]


def kind_of(name: str) -> Kind:
    """The row of a kind, by its stored name.

    Raises:
        KeyError: there is no such kind.
    """
    return KINDS[name]
