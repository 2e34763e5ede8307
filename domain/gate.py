"""The gate: checks of our own before the first send, again if hours went by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from domain.order import Order
from domain.report import PaymentState, Report, Source


class CheckKind(StrEnum):
    """What is checked."""

    APPROVAL = "approval"
    """Whether those who have to agree have agreed."""
    LIMIT = "limit"
    """Whether the amount fits what the payer may pay."""
    SCREENING = "screening"
    """Whether any party stands on a sanctions list."""
    PAYEE = "payee"
    """Whether the name and the account of the creditor belong together."""


@dataclass(frozen=True)
class Passed:
    """Nothing stands against sending."""

    why: str


@dataclass(frozen=True)
class OnHold:
    """Not now: somebody of ours has to act first. The check is asked again at `look_again_at`."""

    why: str
    look_again_at: datetime


@dataclass(frozen=True)
class Barred:
    """Never: this order must not be sent. `status_reason` is an ISO 20022 external code."""

    why: str
    status_reason: str = "NARR"


Verdict = Passed | OnHold | Barred


class Check(Protocol):
    """One check. Errors of a check are exceptions: the step is made again, nothing is sent."""

    @property
    def kind(self) -> CheckKind:
        """Which of the four it is."""

    async def verdict(self, payment_id: str, order: Order) -> Verdict:
        """Whether the order may be sent now."""


@dataclass(frozen=True)
class Examined:
    """What all checks said, in one moment."""

    at: datetime
    verdicts: Sequence[tuple[CheckKind, Verdict]]

    @property
    def passed(self) -> bool:
        return all(isinstance(verdict, Passed) for _, verdict in self.verdicts)

    @property
    def look_again_at(self) -> datetime | None:
        """When the earliest of those that hold it wants to be asked again."""
        return min(
            (verdict.look_again_at for _, verdict in self.verdicts if isinstance(verdict, OnHold)),
            default=None,
        )

    def report(self, instruction_id: str) -> Report:
        """What they said as evidence: barred outweighs held, held outweighs passed."""
        barred = [v for _, v in self.verdicts if isinstance(v, Barred)]
        outcome = _BARRED if barred else _PASSED if self.passed else _ON_HOLD
        decisive = [
            f"{kind}: {verdict.why}"
            for kind, verdict in self.verdicts
            if isinstance(verdict, outcome.decided_by)
        ]
        return Report(
            instruction_id=instruction_id,
            source=Source.GATE,
            as_of=self.at,
            state=outcome.state,
            partner_status=outcome.words,
            status_reason=barred[0].status_reason if barred else None,
            reason="; ".join(decisive),
        )


class _Outcome(NamedTuple):
    """What all checks come to: the state it puts an unsent payment in, and which verdicts did."""

    state: PaymentState
    words: str
    decided_by: type[Passed | OnHold | Barred]


_PASSED: Final = _Outcome(PaymentState.CREATED, "checks passed", Passed)
_ON_HOLD: Final = _Outcome(PaymentState.AWAITING_US, "held by our checks", OnHold)
_BARRED: Final = _Outcome(PaymentState.REJECTED, "barred by our checks", Barred)
