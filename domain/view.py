"""What a workflow sees of a payment: enough to know what is due, without names and accounts."""

from __future__ import annotations

from datetime import timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.order import Rail
from domain.payment import Instruction, Payment
from domain.profile import Profile
from domain.turns import ReadTurn


class PaymentView(BaseModel):
    """A payment as it stands in the store.

    `reads` counts reads since the state last changed. `last_asked_at` is the moment of the last
    step with the partner, apart from cancels. `not_before` is set while the partner must not be
    called, as when our login is not usable. A view crosses Temporal as the result of every step.
    """

    model_config = ConfigDict(frozen=True)

    tenant: str
    payment_id: str
    partner: str
    rail: Rail
    end_to_end_hash: str
    submit_before: AwareDatetime
    profile: Profile
    instructions: tuple[Instruction, ...]
    payment: Payment
    last_asked_at: AwareDatetime | None = None
    reads: int = 0
    halted: bool = False
    cancel_asked: bool = False
    execute_by: AwareDatetime | None = None
    crowd: int = 1
    """The open payments that shared our quota; above one only in histories of earlier releases,
    which need it to replay. Reads take turns now."""
    leaves_after: timedelta | None = None
    """A run whose payment waits for longer than this ends, and upkeep starts the next one in time.
    None: it waits by a timer. Only `load` sets it, from the worker's settings."""
    read_turn: ReadTurn | None = None
    """Set while the partner's quota makes this payment's next read wait."""
    not_before: AwareDatetime | None = None
    waiting_for: str | None = None
    """Why `not_before` is set, in plain words."""
    has_news: bool = False
    """Whether this payment has unread inbox rows."""
    news_at: AwareDatetime | None = None
    """When the newest unread row arrived."""
