"""Our own checks, made one after the other; the defaults pass and say so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from domain.lifecycle.gate import Examined, Passed, Verdict
from domain.payments.gate import Check, CheckKind
from domain.payments.order import Order

if TYPE_CHECKING:
    from domain.clock import Clock


class NotConfigured:
    """Stands in for a check that is not configured. It passes, and the timeline says so."""

    def __init__(self, kind: CheckKind) -> None:
        self._kind = kind

    @property
    def kind(self) -> CheckKind:
        return self._kind

    async def verdict(self, payment_id: str, order: Order) -> Verdict:
        return Passed("none configured")


class Checks:
    """The checks of all four kinds; a kind without a check is `NotConfigured`."""

    def __init__(self, clock: Clock, given: Sequence[Check] = ()) -> None:
        kinds = {check.kind for check in given}
        missing = [NotConfigured(kind) for kind in CheckKind if kind not in kinds]
        self._checks: list[Check] = [*given, *missing]
        self._clock = clock

    async def examine(self, payment_id: str, order: Order) -> Examined:
        """Make every check, even after one that holds, so that people see all that is open."""
        verdicts = [(check.kind, await check.verdict(payment_id, order)) for check in self._checks]
        return Examined(self._clock.now(), verdicts)
