"""`make proof`: simulated payments, kills of real workers, planted bugs, and a report of them.

Ends with 1 where something was twice, lost, stuck or otherwise wrong, or where a planted bug was
not found.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.proof.planted.hunt import CARDS, Caught, hunted
from tests.proof.planted.registry import BUGS
from tests.proof.report import JSON_FILE, TEXT_FILE, is_good, report, write
from tests.proof.simulation.control import simulate_control
from tests.proof.simulation.lived import simulate
from tests.proof.simulation.plan import PAIRS, Plan, drawn, of_cards, paired, restored
from tests.proof.simulation.tally import Tally

_ROOT: Final = Path(__file__).parents[2]
_WORLD: Final = 50
_HARSH_WORLD: Final = 12
#: For so many payments a world besides that is restored from an older copy.
_RESTORED_EVERY: Final = 250
#: For so many payments a world besides of captures, refunds and disputes.
_CARDS_EVERY: Final = 200
#: With it each pair is met by some payment: who refuses an order rarely has a run to terminate.
_PAIRS_SEED: Final = 2


@dataclass(frozen=True)
class Mode:
    """How much of each.

    Attributes:
        payments: in simulated worlds; a tenth of them in harsh ones.
        with_pairs: besides them, any two faults on purpose, at each kind of bank.
        kills: of real workers; 0 is at every point there is.
        with_tests: also the planted bugs that only tests can show.
    """

    payments: int
    with_pairs: bool
    kills: int
    with_tests: bool


MODES: Final = {
    "short": Mode(payments=2_000, with_pairs=False, kills=110, with_tests=False),
    "long": Mode(payments=20_000, with_pairs=True, kills=0, with_tests=True),
}


def worlds(payments: int, *, with_pairs: bool) -> tuple[list[Plan], list[str]]:
    """Plans with so many payments in all, and their seeds; restores, cards and pairs besides."""
    harsh = payments // 10 // _HARSH_WORLD
    usual = (payments - harsh * _HARSH_WORLD + _WORLD - 1) // _WORLD
    plans = [drawn(seed, _WORLD) for seed in range(1, usual + 1)]
    plans += [drawn(seed, _HARSH_WORLD, harsh=True) for seed in range(1, harsh + 1)]
    seeds = [f"1 to {usual}, {_WORLD} payments each", f"1 to {harsh} harsh, {_HARSH_WORLD} each"]
    restores = max(payments // _RESTORED_EVERY, 2)
    plans += [restored(seed, _HARSH_WORLD) for seed in range(1, restores + 1)]
    seeds.append(f"1 to {restores} restored from older copies, {_HARSH_WORLD} each")
    cards = max(payments // _CARDS_EVERY, 2)
    plans += [of_cards(seed, CARDS) for seed in range(1, cards + 1)]
    seeds.append(f"1 to {cards} of a card processor, {CARDS} each")
    if with_pairs:
        pairs = [paired(_PAIRS_SEED, pair) for pair in PAIRS]
        plans += pairs
        seeds.append(
            f"{_PAIRS_SEED} for each of {len(pairs)} pairs of faults, {pairs[0].payments} each"
        )
    return plans, seeds


def simulated(plans: Sequence[Plan], processes: int) -> Tally:
    """All of them, some at a time."""
    tally = Tally()
    with multiprocessing.get_context("fork").Pool(processes, initializer=_be_quiet) as pool:
        for result in pool.imap_unordered(simulate, plans):
            tally.add(result)
            if not result.is_good:
                _say(tally.flaws[-1])
            if tally.worlds % 20 == 0:
                _say(f"  {tally.payments} payments in {tally.worlds} worlds")
    return tally


def control(plans: Sequence[Plan], processes: int) -> dict[str, int]:
    """The usual way to move money, in the same worlds."""
    with multiprocessing.get_context("fork").Pool(processes, initializer=_be_quiet) as pool:
        results = pool.map(simulate_control, plans)
    return {
        "transfers": sum(one.transfers for one in results),
        "transfers_wrong": sum(one.transfers_wrong for one in results),
    }


def killed(count: int, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """What kills of real processes came to, and the points at which one was killed."""
    file = folder / "kills.json"
    command = [sys.executable, "-m", "tests.proof", "--json", str(file)]
    subprocess.run([*command, *(["--sample", str(count)] if count else [])], cwd=_ROOT, check=False)
    found: dict[str, Any] = json.loads(file.read_text())
    return found, list(found["struck"])


def caught(*, with_tests: bool, processes: int) -> Iterator[Caught]:
    """What became of each planted bug."""
    bugs = [bug for bug in BUGS.values() if with_tests or not bug.tests]
    for one in hunted(bugs, processes):
        _say(f"  {one.name}: {one.by or 'NOT FOUND'}")
        yield one


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.prove", description=__doc__)
    parser.add_argument("--mode", choices=MODES, default="short")
    parser.add_argument("--payments", type=int, help="simulated, instead of the mode's")
    parser.add_argument("--kills", type=int, help="of real workers, instead of the mode's")
    parser.add_argument("--out", type=Path, default=_ROOT / "tests" / "proof" / "out")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    mode, began = MODES[given.mode], datetime.now(UTC)
    plans, seeds = worlds(given.payments or mode.payments, with_pairs=mode.with_pairs)
    _say("simulated payments")
    started = time.monotonic()
    tally = simulated(plans, given.processes)
    minutes = (time.monotonic() - started) / 60
    _say(f"  {tally.payments / minutes:.0f} payments a minute on {given.processes} cores")
    _say("the control in the same worlds")
    beside = control([plan for plan in plans if plan.partner == "bank"], given.processes)
    _say("planted bugs")
    bugs = list(caught(with_tests=mode.with_tests, processes=given.processes))
    _say("kills of real workers")
    with tempfile.TemporaryDirectory() as folder:
        count = mode.kills if given.kills is None else given.kills
        real, struck = killed(count, Path(folder))
    found = report(
        mode=given.mode,
        command=f"make proof{'-long' if given.mode == 'long' else ''}",
        simulated=tally,
        control=beside,
        seeds=seeds,
        real=real,
        struck=struck,
        caught=bugs,
        began=began,
    )
    found["simulated_payments_per_minute"] = round(tally.payments / minutes)
    write(found, given.out)
    for plan in tally.bad:
        plan.write(given.out / f"plan-{plan.seed}.json")
    summary = {name: found[name] for name in ("payments", "faults_fired", "kills", "duplicates",
               "lost", "stuck", "cells_hit", "cells_declared", "planted_caught",
               "planted_total")}  # fmt: skip
    print(json.dumps(summary, indent=1))
    print(f"{given.out / TEXT_FILE}, {given.out / JSON_FILE}")
    return 0 if is_good(found) and real["is_good"] else 1


def _say(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


def _be_quiet() -> None:
    logging.disable(logging.CRITICAL)


if __name__ == "__main__":
    sys.exit(main())
