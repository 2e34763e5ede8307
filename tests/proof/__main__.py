"""Kill at every point of every scenario, on the databases that are wanted: see `--help`.

Prints a table, writes everything as JSON, and ends with 1 where something was twice, lost, stuck
or otherwise wrong, or where too little was hit to say so.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Final

from process import run
from tests.postgresql import PostgreSQL
from tests.proof.arena import arena
from tests.proof.collecting import COLLECTIONS
from tests.proof.control_kills import STORIES as CONTROL_STORIES
from tests.proof.control_kills import ControlKills
from tests.proof.kills import Kills, sample
from tests.proof.scenarios import SHAPES, STORIES

#: Of the points, so many have to be hit for the result to mean something.
_HIT_SHARE = 0.95
SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"


async def kill(given: argparse.Namespace) -> int:
    every = (*STORIES, *SHAPES, *COLLECTIONS)
    scenarios = [one for one in every if given.scenario in f"{one.partner} {one.name}"]
    began = time.monotonic()
    async with AsyncExitStack() as parts:
        made = [
            await parts.enter_async_context(arena(Path(home), database_url=url))
            for home, url in _places(parts, given.database)
        ]
        kills = Kills(*made)
        targets = await kills.find(scenarios)
        chosen = sample(targets, given.sample) if given.sample else targets
        print(f"{len(targets)} points found, a kill at {len(chosen)} of them", flush=True)
        await kills.strike(chosen)
        await kills.judge()
        control = ControlKills(made[0])
        if not given.scenario:
            await control.strike(await control.find(CONTROL_STORIES))
    seconds = round(time.monotonic() - began)
    print(kills.tallies.table)
    wrong, given_to_it = control.tally.summary["transfers_wrong"], control.tally.transfers
    print(f"the control: {wrong} of {given_to_it} wrong after {control.tally.kills} kills")
    print(f"{kills.tallies.processes_killed} processes killed in {seconds} s")
    result = {
        "databases": given.database,
        **kills.tallies.summary,
        "control": control.tally.summary,
        "struck": sorted(kills.tallies.struck),
        "is_good": kills.tallies.is_good
        and kills.tallies.total["kills"] >= _HIT_SHARE * len(chosen),
        "seconds": seconds,
    }
    given.json.write_text(json.dumps(result, indent=1))
    return 0 if result["is_good"] else 1


def _places(parts: AsyncExitStack, databases: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """A folder and a database for each of two lanes: with two databases, each has one of them."""
    server = parts.enter_context(closing(PostgreSQL())) if POSTGRESQL in databases else None
    home = parts.enter_context(tempfile.TemporaryDirectory(prefix="finality-kills-"))
    for lane in range(2):
        is_embedded = databases[lane % len(databases)] == SQLITE
        url = None if is_embedded or server is None else server.database()
        yield f"{home}/{lane}", url


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="only so many points")
    parser.add_argument(
        "--scenario", default="", help="only those with this in the partner or the name"
    )
    parser.add_argument(
        "--database",
        action="append",
        choices=(SQLITE, POSTGRESQL),
        help="default: both, and each point is met on one of them",
    )
    parser.add_argument("--json", type=Path, default=Path("kills.json"))
    given = parser.parse_args()
    given.database = given.database or [SQLITE, POSTGRESQL]
    run(kill(given))


if __name__ == "__main__":
    main()
