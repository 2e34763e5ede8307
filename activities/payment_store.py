"""The steps that only touch our own store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from domain.heard import Heard
from domain.view import PaymentView

if TYPE_CHECKING:
    from store.payments import Payments
    from store.sending import SendBook


class PaymentRef(BaseModel):
    """The ids of a payment: all that a workflow is started with."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    payment_id: str


class PaymentStore:
    """Loads, and records what could not be recorded where it was heard."""

    def __init__(self, *, payments: Payments, book: SendBook) -> None:
        self._payments = payments
        self._book = book

    @activity.defn
    async def load(self, ref: PaymentRef) -> PaymentView:
        """The payment as it stands."""
        return await self._payments.view(ref.payment_id)

    @activity.defn
    async def record(self, heard: Heard) -> PaymentView:
        """Store what a step heard while the store was away; twice is once."""
        return await self._book.record(heard)
