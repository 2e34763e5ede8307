"""Whole payments a second, and what each took of the processor."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.load import per_second
from benchmarks.sides import Side
from benchmarks.stand import Stand


@dataclass(frozen=True)
class Throughput:
    """Of one round.

    Attributes:
        per_second: payments.
        cpu_ms: milliseconds of a core that one payment took, by part.
    """

    per_second: float
    cpu_ms: dict[str, float]


async def throughput(stand: Stand, side: Side, payments: int) -> Throughput:
    """All of them as fast as they go."""
    used = stand.cpu_seconds()
    rate = await per_second(side, payments)
    cpu = {part: now - used[part] for part, now in stand.cpu_seconds().items()}
    return Throughput(rate, {part: 1000 * each / payments for part, each in cpu.items()})
