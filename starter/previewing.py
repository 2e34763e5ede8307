"""What one order would come to. Nothing is made at the partner, and nothing is recorded.

It asks the same checks, the same store and the same partner as `pay` does, so that the answers
agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from domain.clock import Clock
from domain.payments.intent import (
    Acknowledgement,
    Intent,
    PossibleDuplicate,
    require_acknowledged,
)
from domain.payments.order import Order
from domain.payments.view import PaymentView
from partners.interface import PaymentPartner
from regimes.refusal import Refusal
from starter.acceptance import InvalidOrder, admit
from starter.fingerprint import fields_of, fingerprint
from store.payments import Payments

#: An adapter's text begins with the field that it is about, if it is about one.
_FIELD: Final = re.compile(r"([a-z_.]+): (.*)", re.ASCII | re.DOTALL)


@dataclass(frozen=True)
class Foreseen:
    """What an order would come to."""

    order: Order
    """With all of its times, unless it is refused."""
    refusals: tuple[Refusal, ...] = ()
    """Every reason for us or the partner to refuse it."""
    known: PaymentView | None = None
    """The payment that the key stands for already."""
    duplicate: PossibleDuplicate | None = None
    """The earlier payments that it may repeat, unless all of them are acknowledged."""
    unanswered: str | None = None
    """Why the partner did not say whether it takes the order."""
    moved: str = ""
    """Why it is executed on another day than the payer asked for."""

    @property
    def execution_date(self) -> date | None:
        """The day that would be requested from the partner."""
        return self.order.times.requested_execution_date


@dataclass(frozen=True, repr=False)
class Previews:
    """Foresees what `pay` does with one order."""

    payments: Payments
    partners: Callable[[], Mapping[tuple[str, str], PaymentPartner]]
    clock: Clock

    async def of(self, order: Order, key: str, acknowledged: Acknowledgement) -> Foreseen:
        """What `pay` would do with the order now.

        Raises:
            KeyReused: the key stands for another order.
            StoreAway: the database is away.
        """
        now, partners = self.clock.now(), self.partners()
        asked = [(key, fingerprint(fields_of(order)))]
        (known,) = await self.payments.known_of(order.tenant, asked)
        if known is not None:
            return Foreseen(order, known=known.view)
        profiles = {name: partner.profile for name, partner in partners.items()}
        try:
            admitted = admit(order, key, profiles, now)
        except InvalidOrder as refused:
            return Foreseen(order, refusals=refused.refusals)
        (earlier,) = await self.payments.possible_duplicates([(key, Intent.of(order))], now)
        duplicate = None
        try:
            require_acknowledged(earlier, acknowledged)
        except PossibleDuplicate as found:
            duplicate = found
        answer = await partners[order.partner, order.partner_account].examine(admitted.order)
        refusals: tuple[Refusal, ...] = ()
        if answer is not None and (report := answer.refused) is not None:
            refusals = (_refusal(report.status_reason or "NARR", report.reason or answer.why),)
        return Foreseen(
            admitted.order,
            refusals=refusals,
            duplicate=duplicate,
            unanswered=answer.why if answer is not None and answer.refused is None else None,
            moved=admitted.moved,
        )


def _refusal(code: str, text: str) -> Refusal:
    named = _FIELD.fullmatch(text)
    return Refusal(code, named[1], named[2]) if named else Refusal(code, "order", text)
