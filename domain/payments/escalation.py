"""Who is asked when a payment waits too long: a ladder of rungs, each later than the one before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from domain.lifecycle.escalation import DueRung
from domain.payments.order import Rail
from domain.payments.report import PaymentState

#: The rungs of a state on a rail, entered at a moment; none if nobody has to be asked.
Escalate = Callable[[PaymentState, Rail, datetime], tuple[DueRung, ...]]


def nobody(state: PaymentState, rail: Rail, since: datetime) -> tuple[DueRung, ...]:
    """The `Escalate` that asks nobody."""
    return ()
