"""Finding the planted bugs: in simulated worlds, or by the tests of `make test`."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.proof.planted.bug import Bug
from tests.proof.planted.plugin import VARIABLE
from tests.proof.planted.registry import BUGS
from tests.proof.simulation.lived import simulate
from tests.proof.simulation.loop import WithoutEnd
from tests.proof.simulation.plan import Plan, drawn, of_cards

#: Worlds that are tried before a bug counts as not found, and the payments in each.
WORLDS: Final = 40
PAYMENTS: Final = 12
#: In a world of cards, where much happens after each.
CARDS: Final = 6
#: Of bugs that show only where several rare things meet.
PLANS: Final = Path(__file__).parent / "plans"
_ROOT: Final = Path(__file__).parents[3]
_TEST_SECONDS: Final = 600
#: Of the processor, so that a machine that is busy finds nothing. Most worlds take two or three;
#: where the same is done again and again each round is dearer.
_WORLD_SECONDS: Final = 40


@dataclass(frozen=True)
class Caught:
    """What became of one bug."""

    name: str
    says: str
    by: str
    """ "simulation", the test that failed, or "" where nothing found it."""
    worlds: int
    """Simulated, the one that showed it included."""
    what: str
    """The first flaw, in the checker's words."""

    @property
    def is_caught(self) -> bool:
        return bool(self.by)


def hunted(bugs: Iterable[Bug], processes: int, worlds: int = WORLDS) -> Iterator[Caught]:
    """Each bug in a process of its own, some at a time, that shares nothing with this one."""
    tasks = [(bug.name, worlds) for bug in bugs]
    with multiprocessing.get_context("spawn").Pool(processes, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(_hunt, tasks, chunksize=1)


def _hunt(task: tuple[str, int]) -> Caught:
    logging.disable(logging.CRITICAL)
    sys.unraisablehook = lambda _: None  # What the dead of a world left half done.
    name, worlds = task
    bug = BUGS[name]
    if bug.tests:
        return _by_tests(bug)
    bug.plant()
    own = PLANS / f"{name}.json"
    if own.exists():
        what = _flaw(Plan.read(own))
        by = "simulation, a plan made for it" if what else ""
        return Caught(name, bug.says, by, 1, what)
    for seed in range(1, worlds + 1):
        plan = drawn(seed, PAYMENTS, harsh=True) if bug.partner == "bank" else of_cards(seed, CARDS)
        if what := _flaw(plan):
            return Caught(name, bug.says, "simulation", seed, what)
    return Caught(name, bug.says, "", worlds, "")


class _TooLong(KeyboardInterrupt):
    """Of a kind that no event loop swallows."""


def _give_up(*_: object) -> None:
    raise _TooLong(f"the world goes on for {_WORLD_SECONDS} s of the processor's")


def _flaw(plan: Plan) -> str:
    """The first one of its world; "" where there is none."""
    signal.signal(signal.SIGPROF, _give_up)
    signal.setitimer(signal.ITIMER_PROF, _WORLD_SECONDS)
    try:
        result = simulate(plan)
    except (WithoutEnd, _TooLong) as never:
        return f"without end: {never}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    if result.is_good:
        return ""
    stuck = [f"stuck: {one}" for one in result.stuck]
    return next(iter([*result.comparison.flaws, *stuck, *result.broke.splitlines()[-1:]]))


def _by_tests(bug: Bug) -> Caught:
    """A test that fails, which is not the same as one that cannot be run."""
    command = [sys.executable, "-m", "pytest", "-p", "tests.proof.planted.plugin", "-q", "-x",
               "--no-header", "-p", "no:cacheprovider", *bug.tests]  # fmt: skip
    try:
        ran = subprocess.run(
            command, cwd=_ROOT, env={**os.environ, VARIABLE: bug.name}, capture_output=True,
            text=True, timeout=_TEST_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Caught(bug.name, bug.says, "", 0, f"its tests did not end in {_TEST_SECONDS} s")
    failed = [line for line in ran.stdout.splitlines() if line.startswith("FAILED ")]
    if ran.returncode != 1 or not failed:
        return Caught(bug.name, bug.says, "", 0, ran.stdout[-200:])
    test, _, why = failed[0].removeprefix("FAILED ").partition(" - ")
    return Caught(bug.name, bug.says, test, 0, why[:200])
