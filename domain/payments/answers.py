"""What an adapter of payments is told. Its answers are those of every lifecycle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.lifecycle.callback import Callback
from domain.lifecycle.profile import InstructionKind
from domain.money import Money
from domain.payments.order import Order


@dataclass(frozen=True)
class Subject:
    """The subject of a call: the instruction, its order, the keys of all its generations."""

    instruction_id: str
    order: Order
    keys: tuple[str, ...]
    """One per generation, the current last."""
    prepared: Mapping[str, str] = field(default_factory=dict)
    partner_reference: str | None = None
    kind: InstructionKind = InstructionKind.PAY
    """For all but a PAY, `partner_reference` is the object that the PAY made."""
    amount: Money | None = None
    """For an INCREMENT, CAPTURE or REFUND, what it claims."""
    callback: Callback | None = None
    """Of a PAY whose payer approves it first: how the payer comes back, or came back."""
    answer: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the payer brought back, by the names in the callback; empty before that."""
    environment: str = ""
    """The place of the partner's account when the order was accepted."""

    @property
    def account(self) -> tuple[str, str]:
        """The partner, and our account there."""
        return self.order.partner, self.order.partner_account
