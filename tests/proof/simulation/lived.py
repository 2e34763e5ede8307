"""A plan run from beginning to end, in a world that leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import sqlite3
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from store import schema
from store.database import Database
from tests.proof.simulation.cards import CardWorld
from tests.proof.simulation.database import SimulatedDatabase
from tests.proof.simulation.loop import SimulatedClock, VirtualLoop
from tests.proof.simulation.network import SimulatedBank
from tests.proof.simulation.plan import Plan
from tests.proof.simulation.result import Result
from tests.proof.simulation.temporal import Temporal
from tests.proof.simulation.weather import Weather
from tests.proof.simulation.world import World

#: Some ten times what a payment takes that meets several faults, and what the world takes itself.
_STEPS: Final = 5_000


def simulate(plan: Plan) -> Result:
    """Run the plan in a world of its own.

    Raises:
        WithoutEnd: somebody does the same again and again.
    """
    with _folder() as folder, quiet(), nothing_collected():
        return _simulated(plan, folder)


def _simulated(plan: Plan, folder: Path) -> Result:
    """The same; nothing here outlives the call, so that all of the world can be collected."""
    loop = VirtualLoop(_STEPS + _STEPS * plan.payments)
    loop.set_exception_handler(lambda _loop, _context: None)  # The dead are never awaited.
    (folder / "finality.db").write_bytes(_empty())
    database = SimulatedDatabase(f"sqlite:///{folder / 'finality.db'}")
    clock = SimulatedClock(loop)
    weather = Weather(plan)
    database.weather, database.loop = weather, loop
    try:
        return loop.run_until_complete(_lived(plan, database, clock, loop, weather))
    finally:
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            if (left := task.get_coro()) is not None:
                with contextlib.suppress(BaseException):
                    left.close()  # Here, and not whenever it is collected.
        loop.close()
        database.close()


async def _lived(
    plan: Plan, database: SimulatedDatabase, clock: SimulatedClock, loop: VirtualLoop,
    weather: Weather,
) -> Result:  # fmt: skip
    temporal = Temporal(loop, clock, plan.seed)
    if plan.partner == "cards":
        return await CardWorld.of(plan, database, clock, loop, weather, temporal).run()
    world = World(plan, database, clock, loop, weather, temporal, SimulatedBank(clock))
    return await world.run()


@functools.cache
def _empty() -> bytes:
    """A database that all migrations have made, which take longer than a payment."""
    with _folder() as folder:
        file = folder / "finality.db"
        database = Database(f"sqlite:///{file}")
        schema.upgrade(database)
        database.close()
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return file.read_bytes()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """In memory where the machine has such a place: what is killed here is no machine."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without a word about what the dead left half done.

    Nor in the log: a record that somebody keeps holds an error, and with it the whole world.
    """
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
        sys.unraisablehook = hook


@contextlib.contextmanager
def nothing_collected() -> Iterator[None]:
    """Until the world is over: what the dead left half done is closed when it is collected, its
    `except` and `finally` run then, and would sleep or set timers in whatever runs at that moment.
    """
    gc.disable()
    gc.freeze()  # What was there before is not the world's, and takes long to look through.
    try:
        yield
    finally:
        gc.enable()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # Some never began.
            gc.collect()
        gc.unfreeze()
