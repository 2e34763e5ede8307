"""What kills came to: counted per scenario, from the books and not from what the product says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

#: Columns of the table; `points` were found, `kills` fired at them.
COUNTS: Final = (
    "points", "kills", "not_fired", "recovered", "parked", "stuck", "twice", "lost"
)  # fmt: skip


@dataclass
class Tally:
    """What was found of one scenario; every count is of payments, one kill each."""

    prefix: str
    collects: bool = False
    """Whether its payments are collections, and not credit transfers."""
    points: int = 0
    kills: int = 0
    not_fired: list[str] = field(default_factory=list)
    recovered: int = 0
    parked: int = 0
    stuck: list[str] = field(default_factory=list)
    twice: int = 0
    lost: int = 0
    flaws: list[str] = field(default_factory=list)
    recovery_seconds: list[float] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not (self.stuck or self.twice or self.lost or self.flaws)

    @property
    def counts(self) -> dict[str, int]:
        values = (getattr(self, name) for name in COUNTS)
        return {name: value if isinstance(value, int) else len(value)
                for name, value in zip(COUNTS, values, strict=True)}  # fmt: skip


@dataclass
class Tallies:
    """One session of kills."""

    scenarios: dict[str, Tally] = field(default_factory=dict)
    processes_killed: int = 0
    struck: set[str] = field(default_factory=set)
    """Kinds of points at which one was killed."""
    flaws: list[str] = field(default_factory=list)
    """Of everything together, where no scenario's name tells whose they are."""

    @property
    def total(self) -> Counter[str]:
        """All scenarios together."""
        return _sum(self.scenarios.values())

    @property
    def is_good(self) -> bool:
        return not self.flaws and all(tally.is_good for tally in self.scenarios.values())

    @property
    def summary(self) -> dict[str, Any]:
        """As JSON."""
        scenarios = {name: asdict(tally) | tally.counts for name, tally in self.scenarios.items()}
        total = dict(self.total) | {"processes_killed": self.processes_killed}
        collections = _sum(tally for tally in self.scenarios.values() if tally.collects)
        return {"total": total, "collections": dict(collections), "scenarios": scenarios}

    @property
    def table(self) -> str:
        """For people: a line a scenario, and what went wrong."""
        lines = [f"{'':<34}" + "".join(f"{name:>10}" for name in COUNTS)]
        rows = {**{name: tally.counts for name, tally in self.scenarios.items()}, "all": self.total}
        lines += [f"{name:<34}" + "".join(f"{counts[one]:>10}" for one in COUNTS)
                  for name, counts in rows.items()]  # fmt: skip
        for name, tally in self.scenarios.items():
            lines += [f"not fired: {name}: {point}" for point in tally.not_fired]
            lines += [f"STUCK: {text}" for text in tally.stuck]
            lines += [f"FLAW: {text}" for text in tally.flaws]
        lines += [f"FLAW: {text}" for text in self.flaws]
        return "\n".join(lines)


def _sum(tallies: Iterable[Tally]) -> Counter[str]:
    total = Counter[str]()
    for tally in tallies:
        total.update(tally.counts)
    return total
