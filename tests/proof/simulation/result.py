"""What a simulated world came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

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
