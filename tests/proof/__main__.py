"""Kill at every point of every scenario: `python -m tests.proof [--sample N] [--scenario NAME]`.

Prints a table, writes everything as JSON, and ends with 1 where something was twice, lost, stuck
or otherwise wrong, or where too little was hit to say so.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from process import run
from tests.proof.arena import arena
from tests.proof.control_kills import STORIES as CONTROL_STORIES
from tests.proof.control_kills import ControlKills
from tests.proof.kills import Kills, sample
from tests.proof.scenarios import SHAPES, STORIES

#: Of the points, so many have to be hit for the result to mean something.
_HIT_SHARE = 0.95


async def kill(given: argparse.Namespace) -> int:
    scenarios = [one for one in (*STORIES, *SHAPES) if given.scenario in one.name]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="finality-kills-") as home:
        async with arena(Path(home) / "one") as made, arena(Path(home) / "two") as other:
            kills = Kills(made, other)
            targets = await kills.find(scenarios)
            chosen = sample(targets, given.sample) if given.sample else targets
            print(f"{len(targets)} points found, a kill at {len(chosen)} of them", flush=True)
            await kills.strike(chosen)
            await kills.judge()
            control = ControlKills(made)
            if not given.scenario:
                await control.strike(await control.find(CONTROL_STORIES))
    seconds = round(time.monotonic() - began)
    print(kills.tallies.table)
    wrong, given_to_it = control.tally.summary["transfers_wrong"], control.tally.transfers
    print(f"the control: {wrong} of {given_to_it} wrong after {control.tally.kills} kills")
    print(f"{kills.tallies.processes_killed} processes killed in {seconds} s")
    result = {**kills.tallies.summary, "control": control.tally.summary, "seconds": seconds}
    given.json.write_text(json.dumps(result, indent=1))
    enough = kills.tallies.total["kills"] >= _HIT_SHARE * len(chosen)
    return 0 if kills.tallies.is_good and enough else 1


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="only so many points")
    parser.add_argument("--scenario", default="", help="only those with this in their name")
    parser.add_argument("--json", type=Path, default=Path("kills.json"))
    run(kill(parser.parse_args()))


if __name__ == "__main__":
    main()
