"""What an adapter of payments speaks: the answers of every lifecycle, and a payment's subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.lifecycle.answers import Absent as Absent
from domain.lifecycle.answers import Accepted as Accepted
from domain.lifecycle.answers import Answered as Answered
from domain.lifecycle.answers import CannotTell as CannotTell
from domain.lifecycle.answers import Deadline as Deadline
from domain.lifecycle.answers import Duplicate as Duplicate
from domain.lifecycle.answers import Exchange as Exchange
from domain.lifecycle.answers import Found as Found
from domain.lifecycle.answers import Gone as Gone
from domain.lifecycle.answers import InDoubt as InDoubt
from domain.lifecycle.answers import Listed as Listed
from domain.lifecycle.answers import LookedFor as LookedFor
from domain.lifecycle.answers import NotReady as NotReady
from domain.lifecycle.answers import NotSent as NotSent
from domain.lifecycle.answers import Preparation as Preparation
from domain.lifecycle.answers import Prepared as Prepared
from domain.lifecycle.answers import PreparedKey as PreparedKey
from domain.lifecycle.answers import PreparedObject as PreparedObject
from domain.lifecycle.answers import Read as Read
from domain.lifecycle.answers import Refused as Refused
from domain.lifecycle.answers import Shown as Shown
from domain.lifecycle.answers import Submitted as Submitted
from domain.lifecycle.answers import TurnedAway as TurnedAway
from domain.lifecycle.answers import Unanswered as Unanswered
from domain.lifecycle.answers import Unprepared as Unprepared
from domain.lifecycle.answers import Webhook as Webhook
from domain.lifecycle.answers import WebhookRefused as WebhookRefused
from domain.lifecycle.answers import WireRequest as WireRequest
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
    """For a CAPTURE or REFUND, what it claims."""
    environment: str = ""
    """The place of the partner's account when the order was accepted."""

    @property
    def account(self) -> tuple[str, str]:
        """The partner, and our account there."""
        return self.order.partner, self.order.partner_account
