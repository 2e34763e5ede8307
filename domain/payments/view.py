"""A payment as it stands in the store: all that decides what is due, without names and accounts."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.lifecycle.profile import Profile
from domain.lifecycle.turns import ReadTurn
from domain.payments.order import Rail
from domain.payments.payment import Instruction, Payment


class PaymentView(BaseModel):
    """A payment as it stands in the store.

    `reads` counts reads since the state last changed. `last_asked_at` is the moment of the last
    step with the partner, apart from cancels. `not_before` is set while the partner must not be
    called, as when our login is not usable.
    """

    model_config = ConfigDict(frozen=True)

    tenant: str
    payment_id: str
    partner: str
    rail: Rail
    submit_before: AwareDatetime
    profile: Profile
    instructions: tuple[Instruction, ...]
    payment: Payment
    last_asked_at: AwareDatetime | None = None
    reads: int = 0
    halted: bool = False
    cancel_asked: bool = False
    execute_by: AwareDatetime | None = None
    read_turn: ReadTurn | None = None
    """Set while the partner's quota makes this payment's next read wait."""
    not_before: AwareDatetime | None = None
    waiting_for: str | None = None
    """Why `not_before` is set, in plain words."""
    has_news: bool = False
    """Whether this payment has unread inbox rows."""
    news_at: AwareDatetime | None = None
    """When the newest unread row arrived."""
