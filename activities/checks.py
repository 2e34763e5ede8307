"""Our own checks, asked one after the other; the defaults pass and say so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from domain.gate import Check, CheckKind, Examined, Passed, Verdict
from domain.order import Order

if TYPE_CHECKING:
    from domain.clock import Clock


class NotConfigured:
    """Stands where no check is configured: it passes, and the timeline says that nobody looked."""

    def __init__(self, kind: CheckKind) -> None:
        self._kind = kind

    @property
    def kind(self) -> CheckKind:
        return self._kind

    async def verdict(self, payment_id: str, order: Order) -> Verdict:
        return Passed("none configured")


class Checks:
    """All four kinds; those that nobody gave stand as not configured."""

    def __init__(self, clock: Clock, given: Sequence[Check] = ()) -> None:
        kinds = {check.kind for check in given}
        missing = [NotConfigured(kind) for kind in CheckKind if kind not in kinds]
        self._checks: list[Check] = [*given, *missing]
        self._clock = clock

    async def examine(self, payment_id: str, order: Order) -> Examined:
        """Ask every check, even after one that holds: people want to see all that is open."""
        verdicts = [(check.kind, await check.verdict(payment_id, order)) for check in self._checks]
        return Examined(self._clock.now(), verdicts)
