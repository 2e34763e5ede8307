"""All that is known about one payment at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.clock import Clock
from domain.lifecycle.next_step import Due, Owed
from domain.payments.display import Display, display
from domain.payments.due import due
from domain.payments.episodes import Episode
from starter.client import Orchestrator
from starter.operations import Operations
from store.file_lines import FileLines, Place
from store.halts import Halt
from store.records import PaymentRecord
from store.timeline import Entry, Exchanged, Timelines


@dataclass(frozen=True)
class Dossier:
    """One payment, as it is at the moment `now`."""

    record: PaymentRecord
    place: Place | None
    now: datetime
    halts: Sequence[Halt]
    timeline: Sequence[Entry]
    exchanges: Sequence[Exchanged] | None = None
    """None if they were not asked for."""
    episodes: Sequence[Episode] = ()
    """Its captures and reversals, each with a state of its own."""

    @property
    def display(self) -> Display:
        """Its state in words for people."""
        return display(self.record.payment)

    @property
    def owed(self) -> Due | None:
        """What the payment waits for; None if nothing is owed any more."""
        owed = due(self.record.view, self.now)
        return None if owed.owed is Owed.OVER else owed

    @property
    def next_look_at(self) -> datetime | None:
        """When its next step is due at the latest; None if nothing is owed any more."""
        owed = self.owed
        return None if owed is None else owed.until or self.now

    @property
    def held_up_by(self) -> str | None:
        """Why the last step had no effect; None if the reason for the wait says it already."""
        why = self.record.waiting_for
        if why is None or self.owed is None or why in self.owed.because:
            return None
        return why


@dataclass(frozen=True, repr=False)
class Dossiers:
    """Reads the dossiers of payments, those of every tenant."""

    orchestrator: Orchestrator
    operations: Operations
    file_lines: FileLines
    timelines: Timelines
    clock: Clock

    async def of(self, payment_id: str, *, with_exchanges: bool = False) -> Dossier:
        """The dossier of a payment.

        Raises:
            UnknownPayment: no such payment.
            KeyringError: an exchange cannot be opened.
        """
        record = await self.orchestrator.get(payment_id, tenant=None)
        key = (record.tenant, record.key)
        return Dossier(
            record=record,
            place=(await self.file_lines.places([key])).get(key),
            now=self.clock.now(),
            halts=await self.operations.halts_of(payment_id),
            timeline=await self.timelines.of(payment_id),
            episodes=await self.orchestrator.episodes(payment_id, tenant=None),
            exchanges=await self.timelines.exchanges(payment_id) if with_exchanges else None,
        )
