"""Workers killed at points found in runs without faults: nothing twice, lost or stuck.

Here at some of the points, of every kind and every scenario; `make kills` does all of them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.proof.arena import arena
from tests.proof.kills import Kills, sample
from tests.proof.scenarios import SHAPES, STORIES

SAMPLE = 144
#: Of those aimed at; the others are named and tried again by `make kills`.
HIT_SHARE = 0.9


@pytest.mark.timeout(420)
async def test_killed_at_every_kind_of_point_no_payment_is_made_twice_or_lost_or_stuck(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with arena(tmp_path / "home") as made:
        kills = Kills(made)
        targets = await kills.find([*STORIES, *SHAPES])
        chosen = sample(targets, SAMPLE)
        await kills.strike(chosen)
        await kills.judge()
        whole = await made.compared()
    with capsys.disabled():
        sys.stdout.write(f"\n{kills.table}\n{kills.processes_killed} processes killed\n")
    assert kills.is_good, kills.table
    assert whole.agrees, whole.flaws
    assert kills.total["kills"] >= HIT_SHARE * len(chosen)
    assert {one.scenario.name for one in chosen} == {one.name for one in (*STORIES, *SHAPES)}
