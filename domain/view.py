"""What a workflow sees of a payment: enough to know what is owed, no names and no accounts."""

from __future__ import annotations

from datetime import timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.order import Rail
from domain.payment import Instruction, Payment
from domain.profile import Profile
from domain.turns import ReadTurn


class PaymentView(BaseModel):
    """A payment as it stands in the store.

    `reads` counts reads since the state last changed; `last_asked_at` is when the partner was
    last asked or told anything of it, apart from cancels. `not_before` is set while our login
    with the partner is not usable. It crosses Temporal as the result of every step.
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
    """Only above one in views that earlier releases recorded: the open payments that shared our
    quota. Their histories replay by it; reads now take turns."""
    leaves_after: timedelta | None = None
    """A run whose payment waits for longer than this ends, and upkeep starts the next one in time;
    None: it waits by a timer. Only `load` says so, by the worker's settings."""
    read_turn: ReadTurn | None = None
    """While the partner's quota keeps this payment's next read waiting."""
    not_before: AwareDatetime | None = None
    waiting_for: str | None = None
    """Why `not_before` is set, in plain words."""
    has_news: bool = False
    """Unread inbox rows of this payment."""
    news_at: AwareDatetime | None = None
    """When the newest of them arrived."""
