"""Thousands of simulated payments: `finality proof [--seeds N] [--seed N] [--plan FILE]`.

Each seed makes one simulated world. If a world goes wrong, its plan is reduced, fault by fault,
until every fault that is left is needed. The reduced plan is written to a file, and `--plan` runs
it again.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tests.proof.simulation.lived import simulate
from tests.proof.simulation.plan import Plan, drawn
from tests.proof.simulation.result import Result

_PAYMENTS: Final = 50
_SEEDS: Final = 100


def simulated(plans: Iterable[Plan], processes: int) -> Iterator[Result]:
    """Each in a world of its own, some at a time."""
    with multiprocessing.get_context("fork").Pool(processes, initializer=_be_quiet) as pool:
        yield from pool.imap_unordered(simulate, plans)


def shrunk(plan: Plan) -> Plan:
    """A plan that still goes wrong, and would not with any fault less."""
    size = max(len(plan.faults) // 2, 1)
    while size:
        for begin in range(0, len(plan.faults), size):
            smaller = plan.without(plan.faults[begin : begin + size])
            if smaller.faults != plan.faults and not simulate(smaller).is_good:
                plan = smaller
                break
        else:
            size //= 2
    return plan


def told(result: Result) -> str:
    """What went wrong in a world."""
    plan = result.plan
    lines = [f"seed {plan.seed}, {plan.payments} payments, {len(plan.faults)} faults:"]
    lines += [f"  {flaw}" for flaw in result.comparison.flaws]
    lines += [f"  stuck: {one}" for one in result.stuck]
    lines += [f"  {line}" for line in result.broke.splitlines()]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="finality proof", description=__doc__)
    parser.add_argument("--seeds", type=int, default=_SEEDS, help="run this many worlds")
    parser.add_argument("--first", type=int, default=1, help="the seed of the first world")
    parser.add_argument("--payments", type=int, default=_PAYMENTS, help="payments in each world")
    parser.add_argument("--seed", type=int, help="run only the world of this seed")
    parser.add_argument("--harsh", action="store_true", help="several faults for each payment")
    parser.add_argument("--plan", type=Path, help="run only the plan in this file")
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        help="run worlds in this many processes",
    )
    given = parser.parse_args()
    if given.plan:
        plans = [Plan.read(given.plan)]
    elif given.seed is not None:
        plans = [drawn(given.seed, given.payments, harsh=given.harsh)]
    else:
        plans = [
            drawn(seed, given.payments, harsh=given.harsh)
            for seed in range(given.first, given.first + given.seeds)
        ]
    began = time.monotonic()
    states, fired, payments, unfired, bad = Counter[str](), Counter[tuple[str, str]](), 0, 0, []
    for result in simulated(plans, min(given.processes, len(plans))):
        payments += result.comparison.acknowledged
        states += result.states
        fired += result.fired
        unfired += result.unfired
        if not result.is_good:
            bad.append(result)
            print(told(result), flush=True)
    seconds = time.monotonic() - began
    print(f"{payments} payments acknowledged in {len(plans)} worlds, {seconds:.0f} s: "
          f"{payments / seconds * 60:.0f} a minute")  # fmt: skip
    for state, count in sorted(states.items()):
        print(f"  {count:7} {state}")
    print(f"{sum(fired.values())} faults fired, {unfired} met nothing")
    for (kind, point), count in sorted(fired.items()):
        print(f"  {count:7} {kind} at {point}")
    _be_quiet()
    for result in bad[:1]:
        smallest = shrunk(result.plan)
        file = Path(f"plan-{smallest.seed}.json")
        smallest.write(file)
        print(f"smallest plan in {file}:", *smallest.faults, sep="\n  ")
    return 1 if bad else 0


def _be_quiet() -> None:
    logging.disable(logging.CRITICAL)


if __name__ == "__main__":
    sys.exit(main())
