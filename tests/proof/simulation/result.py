"""What a simulated world came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlmodel import Session, col, select

from domain.payments.report import PaymentState
from domain.payments.states import ENDS
from store.tables.lifecycles import LifecycleRow
from store.tables.people import TaskRow
from tests.proof.checker import Comparison
from tests.proof.simulation.plan import Plan


@dataclass
class Result:
    """What a world came to, by the books and not by what the product says."""

    plan: Plan
    comparison: Comparison
    states: Counter[str]
    stuck: list[str]
    fired: Counter[tuple[str, str]]
    masked: Counter[str]
    """Faults that fired, and met a payment that was over."""
    met: list[frozenset[str]]
    """For each payment that met any, the kinds of fault that it met while it was not over."""
    unfired: int
    seconds: float
    """Simulated."""
    broke: str = ""
    trace: str = ""
    """The same for the same plan."""

    @property
    def is_good(self) -> bool:
        return not (self.comparison.flaws or self.stuck or self.broke)


def stuck_payments(session: Session) -> list[str]:
    """Payments that are not at an end, and about which nobody is asked.

    That a process's clock is wrong asks people to mend the clock, and the payment goes on after.
    """
    open_tasks = select(TaskRow.resource_id).where(
        col(TaskRow.closed_at).is_(None), TaskRow.kind != "not_ready"
    )
    asked = set(session.exec(open_tasks))
    return [
        f"{row.resource_id} {row.state} ({row.certainty})"
        for row in session.exec(select(LifecycleRow))
        if row.resource_id not in asked
        and (PaymentState(row.state) not in ENDS or row.certainty == "unknown")
    ]
