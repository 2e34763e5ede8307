"""The steps that only touch our own store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from domain.heard import Heard
from domain.view import PaymentView

if TYPE_CHECKING:
    from domain.clock import Clock
    from store.commands import Commands
    from store.payments import Payments
    from store.sending import SendBook


class PaymentRef(BaseModel):
    """The ids of a payment: all that a workflow is started with."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    payment_id: str


class CancelRequest(BaseModel):
    """A cancel that nobody typed into our own command: the order's deadline, or Temporal's UI."""

    model_config = ConfigDict(frozen=True)

    payment_id: str
    command_id: str
    by: str
    why: str


class PaymentStore:
    """Loads, and records what could not be recorded where it was heard."""

    def __init__(
        self, *, payments: Payments, book: SendBook, commands: Commands, clock: Clock
    ) -> None:
        self._payments = payments
        self._book = book
        self._commands = commands
        self._clock = clock

    @activity.defn
    async def load(self, ref: PaymentRef) -> PaymentView:
        """The payment as it stands."""
        return await self._payments.view(ref.payment_id)

    @activity.defn
    async def record(self, heard: Heard) -> PaymentView:
        """Store what a step heard while the store was away; twice is once."""
        return await self._book.record(heard)

    @activity.defn
    async def cancel(self, request: CancelRequest) -> PaymentView:
        """Record the cancel command; asked twice it is one command."""
        commanded = await self._commands.cancel(
            request.payment_id,
            command_id=request.command_id,
            by=request.by,
            why=request.why,
            now=self._clock.now(),
            by_its_run=True,
        )
        return commanded.view
