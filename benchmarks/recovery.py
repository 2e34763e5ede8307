"""How long a payment stands still after its worker was killed, with all times as in production.

Run as `python -m benchmarks.recovery`. In each round one payment is given, its worker is killed
with SIGKILL at a point of its life, and another worker is forked at that moment: what is measured
is waiting, not the start of a process. Rounds go evenly over all points that a run without faults
passes. Prints JSON: `resumed` is when another worker first took a step with the payment,
`settled` when the payment was settled, both in seconds after the kill.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from domain.payments.report import PaymentState
from process import run
from tests.proof.arena import Arena, arena
from tests.proof.forks import Worker
from tests.proof.kills import Kills, Target
from tests.proof.points import read_trace
from tests.proof.scenarios import Scenario, give, until_ended

GOAL_SECONDS: Final = 8.0
PATIENCE_SECONDS: Final = 120.0
STORY: Final = Scenario("settled", ends=frozenset({PaymentState.SETTLED}))


class Round(NamedTuple):
    """One kill; both in seconds after it."""

    point: str
    resumed: float
    settled: float


async def measure(kills: int) -> int:
    with tempfile.TemporaryDirectory(prefix="finality-recovery-") as home:
        async with arena(Path(home), quick=False) as made:
            points = await Kills(made).find([STORY], quick=False)
            chosen = [points[number * len(points) // kills] for number in range(kills)]
            rounds = [await _one(made, target) for target in chosen]
    fired = [each for each in rounds if each is not None]
    result = {
        "goal_seconds": GOAL_SECONDS,
        "kills": len(fired),
        "not_fired": len(rounds) - len(fired),
        "resumed": _spread([each.resumed for each in fired]),
        "settled": _spread([each.settled for each in fired]),
        "rounds": [each._asdict() for each in fired],
    }
    print(json.dumps(result, indent=1))
    return 0 if fired else 1


async def _one(made: Arena, target: Target) -> Round | None:
    """None where the payment did not come by that point."""
    given = await give(made, target.scenario)
    doomed = await made.forks.fork("doomed", plan={given.payment_id: target.point}, quick=False)
    try:
        await doomed.wait(PATIENCE_SECONDS)
    except TimeoutError:
        await doomed.kill()
        return None
    killed_at = time.monotonic()
    heir = await made.forks.fork("heir", quick=False)
    resumed = asyncio.create_task(_until_resumed(heir, given.payment_id))
    ended = await until_ended(made, [given], PATIENCE_SECONDS)
    resumed_at = await resumed
    await heir.kill()
    return Round(
        target.point,
        round(resumed_at - killed_at, 2),
        round(ended[given.reference] - killed_at, 2),
    )


async def _until_resumed(heir: Worker, payment_id: str) -> float:
    while not any(passed.payment_id == payment_id for passed in read_trace(heir.order.trace)):
        await asyncio.sleep(0.05)
    return time.monotonic()


def _spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "p50": round(statistics.median(ordered), 2),
        "p90": ordered[int(0.9 * (len(ordered) - 1))],
        "max": ordered[-1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recovery", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    run(measure(parser.parse_args().kills))


if __name__ == "__main__":
    main()
