"""What a run asks our store when it waits for the end of a payment, for a caller by Nexus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from temporalio import activity

from domain.clock import Clock
from domain.lifecycle.next_step import Message, Owed
from domain.payments.due import due

if TYPE_CHECKING:
    from store.records import PaymentRecord

#: A payment that changed a moment ago changes soon again, and one that waits for days does not. The
#: pause is this part of the time since its last change.
_PART: Final = 8
_PAUSE_MIN: Final = timedelta(seconds=1)
#: So late at most the caller is told the end.
PAUSE_MAX: Final = timedelta(minutes=15)


class EndWanted(Message):
    """The payment that a run waits for."""

    payment_id: str


class EndCancel(Message):
    """The caller's wish that the payment is cancelled."""

    payment_id: str
    command_id: str


class Seen(Message):
    """How the payment stands."""

    is_over: bool
    """Nothing is owed: the operation ends with `payment` as its result."""
    pause_seconds: float
    payment: Mapping[str, Any]
    """The payment's object, as the HTTP API has it."""


class PaymentEnds:
    """Reads and cancels the payments of one tenant.

    Args:
        read: the tenant's payment with this id.
        cancel: records the cancel command under the id, and notifies the payment's run.
        show: the object of a payment, with account numbers masked.
    """

    def __init__(
        self,
        *,
        read: Callable[[str], Awaitable[PaymentRecord]],
        cancel: Callable[[str, str], Awaitable[object]],
        show: Callable[[PaymentRecord], Mapping[str, Any]],
        clock: Clock,
    ) -> None:
        self._read = read
        self._cancel = cancel
        self._show = show
        self._clock = clock

    @activity.defn(name="look_for_end")
    async def look(self, wanted: EndWanted) -> Seen:
        """How the payment stands now, and when to look again."""
        record, now = await self._read(wanted.payment_id), self._clock.now()
        return Seen(
            is_over=due(record.view, now).owed is Owed.OVER,
            pause_seconds=pause(record.updated_at, now).total_seconds(),
            payment=self._show(record),
        )

    @activity.defn(name="cancel_for_caller")
    async def cancel(self, wanted: EndCancel) -> Seen:
        """Record the cancel command once. What comes of it, later looks show."""
        await self._cancel(wanted.payment_id, wanted.command_id)
        return await self.look(EndWanted(payment_id=wanted.payment_id))


def pause(changed_at: datetime, now: datetime) -> timedelta:
    """How long to wait before the next look at a payment that last changed at that moment."""
    return min(max((now - changed_at) / _PART, _PAUSE_MIN), PAUSE_MAX)
