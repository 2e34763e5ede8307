"""The gate: our own checks before the first send, repeated if hours go by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from domain.payments.order import Order
from domain.payments.report import PaymentState, Report, Source


class CheckKind(StrEnum):
    """What is checked."""

    APPROVAL = "approval"
    """Whether the people who have to approve have approved."""
    LIMIT = "limit"
    """Whether the amount is within the payer's limit."""
    SCREENING = "screening"
    """Whether any party is on a sanctions list."""
    PAYEE = "payee"
    """Whether the name and the account of the creditor belong together."""


@dataclass(frozen=True)
class Passed:
    """The check allows the send."""

    why: str


@dataclass(frozen=True)
class OnHold:
    """Not now: a person of ours has to act first. The check is made again at `look_again_at`."""

    why: str
    look_again_at: datetime


@dataclass(frozen=True)
class Barred:
    """Never: this order must not be sent. `status_reason` is an ISO 20022 external code."""

    why: str
    status_reason: str = "NARR"


Verdict = Passed | OnHold | Barred


class Check(Protocol):
    """One check. If it fails, it raises: then nothing is sent, and the step is made again."""

    @property
    def kind(self) -> CheckKind:
        """Which of the four kinds it is."""

    async def verdict(self, payment_id: str, order: Order) -> Verdict:
        """Whether the order may be sent now."""


@dataclass(frozen=True)
class Examined:
    """The verdicts of all checks, at one moment."""

    at: datetime
    verdicts: Sequence[tuple[CheckKind, Verdict]]

    @property
    def passed(self) -> bool:
        return all(isinstance(verdict, Passed) for _, verdict in self.verdicts)

    @property
    def look_again_at(self) -> datetime | None:
        """The earliest moment at which a check that holds the payment is to be made again."""
        return min(
            (verdict.look_again_at for _, verdict in self.verdicts if isinstance(verdict, OnHold)),
            default=None,
        )

    def report(self, instruction_id: str) -> Report:
        """The verdicts as a report: barred outweighs on hold, on hold outweighs passed."""
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
    """The result of all checks: the unsent payment's state, and the verdicts that decide it."""

    state: PaymentState
    words: str
    decided_by: type[Passed | OnHold | Barred]


_PASSED: Final = _Outcome(PaymentState.CREATED, "checks passed", Passed)
_ON_HOLD: Final = _Outcome(PaymentState.AWAITING_US, "held by our checks", OnHold)
_BARRED: Final = _Outcome(PaymentState.REJECTED, "barred by our checks", Barred)
