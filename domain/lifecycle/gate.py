"""The gate: our own checks before the first send, repeated if hours go by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from domain.lifecycle.report import Report, Source


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


class GateStates(NamedTuple):
    """The states of an unsent resource after its checks, as its kind names them."""

    passed: str
    on_hold: str
    barred: str


@dataclass(frozen=True)
class Examined:
    """The verdicts of all checks, at one moment."""

    at: datetime
    verdicts: Sequence[tuple[str, Verdict]]

    @property
    def passed(self) -> bool:
        return all(isinstance(verdict, Passed) for _, verdict in self.verdicts)

    @property
    def look_again_at(self) -> datetime | None:
        """The earliest moment at which a check that said "not now" is made again."""
        return min(
            (verdict.look_again_at for _, verdict in self.verdicts if isinstance(verdict, OnHold)),
            default=None,
        )

    @property
    def is_barred(self) -> bool:
        return any(isinstance(verdict, Barred) for _, verdict in self.verdicts)

    def report(self, instruction_id: str, states: GateStates) -> Report:
        """The verdicts as a report: barred outweighs on hold, on hold outweighs passed."""
        barred = [v for _, v in self.verdicts if isinstance(v, Barred)]
        decided_by = Barred if barred else Passed if self.passed else OnHold
        state, words = {
            Passed: (states.passed, "checks passed"),
            OnHold: (states.on_hold, "held by our checks"),
            Barred: (states.barred, "barred by our checks"),
        }[decided_by]
        decisive = [
            f"{kind}: {verdict.why}"
            for kind, verdict in self.verdicts
            if isinstance(verdict, decided_by)
        ]
        return Report(
            instruction_id=instruction_id,
            source=Source.GATE,
            as_of=self.at,
            state=state,
            partner_status=words,
            status_reason=barred[0].status_reason if barred else None,
            reason="; ".join(decisive),
        )
