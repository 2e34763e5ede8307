"""What many simulated worlds came to, added up: counted from the books, never from the product."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

from tests.proof.simulation.plan import PAIRS, Plan
from tests.proof.simulation.result import Result

_UNKNOWN: Final = "(unknown)"
#: A second name of what is counted under "order".
_BESIDES: Final = "order with"


@dataclass
class Tally:
    """All worlds of one layer and one run."""

    worlds: int = 0
    payments: int = 0
    """Acknowledged to clients, by their journals."""
    ends: Counter[str] = field(default_factory=Counter)
    """Of payments about which nothing is in doubt."""
    in_doubt: Counter[str] = field(default_factory=Counter)
    """Beside them: each has an open question to a person, or it would count as stuck."""
    fired: Counter[tuple[str, str]] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)
    """Fired, and met a payment that was over."""
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Of kinds that one payment met, both before it was over."""
    unfired: int = 0
    duplicates: int = 0
    lost: int = 0
    stuck: int = 0
    flaws: list[str] = field(default_factory=list)
    bad: list[Plan] = field(default_factory=list)
    virtual_seconds: float = 0.0

    def add(self, result: Result) -> None:
        """One world more."""
        self.worlds += 1
        self.payments += result.comparison.acknowledged
        for state, count in result.states.items():
            where = self.in_doubt if state.endswith(_UNKNOWN) else self.ends
            where[state] += count
        self.fired += result.fired
        self.masked += result.masked
        for kinds in result.met:
            self.pairs.update(combinations(sorted(kinds), 2))
        self.unfired += result.unfired
        self.duplicates += result.comparison.twice
        self.lost += result.comparison.lost
        self.stuck += len(result.stuck)
        self.virtual_seconds += result.seconds
        if not result.is_good:
            self.bad.append(result.plan)
            found = [*result.comparison.flaws, *result.stuck, *result.broke.splitlines()[-1:]]
            self.flaws += [f"seed {result.plan.seed}: {flaw}" for flaw in found]

    @property
    def faults(self) -> Counter[str]:
        """By kind alone, each once."""
        kinds = Counter[str]()
        for (kind, where), count in self.fired.items():
            kinds[str(kind)] += 0 if where.startswith(_BESIDES) else count
        return kinds

    @property
    def summary(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "worlds": self.worlds,
            "payments": self.payments,
            "ends": dict(sorted(self.ends.items())),
            "in_doubt_with_a_question": dict(sorted(self.in_doubt.items())),
            "faults_fired": sum(self.faults.values()),
            "faults_fired_by_kind_and_moment": {
                f"{kind} at {where}": count for (kind, where), count in sorted(self.fired.items())
            },
            "faults_fired_but_masked": dict(sorted(self.masked.items())),
            "faults_not_fired": self.unfired,
            "pairs_declared": len(PAIRS),
            "pairs_met": sum(pair in self.pairs for pair in PAIRS),
            "pairs_not_met": [" and ".join(pair) for pair in PAIRS if pair not in self.pairs],
            "duplicates": self.duplicates,
            "lost": self.lost,
            "stuck": self.stuck,
            "flaws": self.flaws,
            "virtual_hours": round(self.virtual_seconds / 3600, 1),
        }
