"""The kinds of instruction, one row each: what the engine needs to know before it acts on one.

What a partner does with each kind is not here but in its profile's operations. A new kind is a row
here and an operation there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.lifecycle.profile import InstructionKind


class Bound(StrEnum):
    """What all instructions of one kind together may not exceed."""

    INSTRUCTED = "instructed"
    """The whole order, and one at a time."""
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    PAYERS_BANK = "payers_bank"
    """No amount that we know: the payer's bank decides each time."""


@dataclass(frozen=True)
class Kind:
    """What is true of every instruction of one kind.

    Attributes:
        name: the kind.
        opens: it makes the partner's object, under a reference of its own. The others act on the
            object that an opening instruction made.
        takes_back: it withdraws what the opening instruction asked, while the partner still can.
        moves_money_out: out of our account or the payer's, or holds it there. It is stopped by a
            halt, by an open question about the payment, and while the partner's list was not
            compared yet. If it also opens the partner's object, our checks gate it.
        claims: it names an amount, and this is its bound. The transaction that admits it judges
            the amount. Its object at the partner is no second payment.
        reverses: it takes money back that was moved before. Its outcome is a reversal's state, and
            says nothing about the payment's state or certainty.
        raises: it raises the amount that is held for captures. One is under way at a time. It moves
            no money, so its outcome says nothing about the payment's state or certainty.
        is_harmless: a second effect of it hurts nobody, such as a second request for a consent that
            the user sees once. If nothing can tell what became of the first, it is sent again.
        lifecycle: the kind of the resources that have such instructions.
    """

    name: str
    opens: bool = False
    takes_back: bool = False
    moves_money_out: bool = False
    claims: Bound | None = None
    reverses: bool = False
    raises: bool = False
    is_harmless: bool = False
    lifecycle: str = "payment"

    @property
    def makes(self) -> bool:
        """Whether it makes something at the partner that a second send could make twice."""
        return self.opens or self.claims is not None

    @property
    def is_aside(self) -> bool:
        """Whether its outcome says nothing about the payment's state and certainty."""
        return self.reverses or self.raises

    @property
    def is_stopped_by_cancel(self) -> bool:
        """Whether nothing of it is sent once a cancel was asked for."""
        return self.makes and not self.reverses


KINDS: Final[dict[str, Kind]] = {
    row.name: row
    for row in (
        Kind(InstructionKind.PAY, opens=True, moves_money_out=True),
        Kind(InstructionKind.CANCEL, takes_back=True),
        Kind(InstructionKind.CONFIRM, moves_money_out=True, claims=Bound.INSTRUCTED),
        Kind(
            InstructionKind.INCREMENT, moves_money_out=True, claims=Bound.PAYERS_BANK, raises=True
        ),
        Kind(InstructionKind.CAPTURE, moves_money_out=True, claims=Bound.AUTHORISED),
        Kind(InstructionKind.REFUND, moves_money_out=True, claims=Bound.CAPTURED, reverses=True),
    )
}


def learn(*rows: Kind) -> None:
    """Add the kinds of another lifecycle. Their names are unique over all lifecycles."""
    KINDS.update((row.name, row) for row in rows)


def opening() -> list[str]:
    """For queries: the kinds that make the partner's object."""
    return [name for name, row in KINDS.items() if row.opens]


def making() -> list[str]:
    """For queries: the kinds of which a database that was set back must not forget a send."""
    return [name for name, row in KINDS.items() if row.makes]


def kind_of(name: str) -> Kind:
    """The row of a kind, by its stored name.

    Raises:
        KeyError: there is no such kind.
    """
    return KINDS[name]
