"""The harness finds what is wrong where something is: the control beside the product."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from domain.lifecycle.profile import IdempotencyKind
from tests.proof.arena import arena
from tests.proof.control import DONE, FAILED, REFUNDED, wrongs
from tests.proof.control_kills import STORIES, ControlKills
from tests.proof.kills import Kills

#: Where a transfer is at the moment of a kill, and what the bank has done of it by then.
_TELLING = ("bytes left #2", "answered #2", "control done #2", "control begun #2")


def _book(*orders: str) -> dict[str, list[dict[str, str]]]:
    return {"payments": [{"reference": order, "status": "completed"} for order in orders]}


@pytest.mark.parametrize(
    ("told", "orders", "wrong"),
    [
        (DONE, ["withdraw t", "t"], []),
        (REFUNDED, ["withdraw t", "refund t"], []),
        (FAILED, [], []),
        (DONE, ["withdraw t", "t", "t"], ["twice: paid 2 times"]),
        (DONE, ["withdraw t"], ["lost: said to be done, and not paid"]),
        (None, ["withdraw t"], ["stuck"]),
        (FAILED, ["withdraw t"], ["lost: told to have failed, and withdrawn"]),
        (
            REFUNDED,
            ["withdraw t", "t", "refund t"],
            ["paid and refunded", "told to have failed, and paid"],
        ),
    ],
)
def test_every_way_to_be_wrong_is_named(
    told: str | None, orders: list[str], wrong: list[str]
) -> None:
    assert wrongs({"t": told}, _book(*orders)) == [f"t ({told}): {one}" for one in wrong]


@pytest.mark.timeout(300)
async def test_the_same_faults_and_kills_hurt_the_control_and_not_the_product(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with arena(tmp_path / "home") as made:
        control = ControlKills(made)
        points = await control.find(STORIES)
        undisturbed = [(story, point) for story, point in points if not story.faults]
        await control.strike([(s, p) for s, p in undisturbed if p.endswith(_TELLING)])
        ours = Kills(made)
        targets = await ours.find([story.ours for story in STORIES])
        sends = ("orders bytes left #1", "orders answered #1", "instruct done #1")
        await ours.strike([t for t in targets if not t.scenario.faults and t.point.endswith(sends)])
        await ours.judge()
    with capsys.disabled():
        sys.stdout.write(
            f"\ncontrol: {control.tally.summary['transfers_wrong']} of {control.tally.transfers} "
            f"transfers wrong after {control.tally.kills} kills; the product beside it:\n"
            f"{ours.tallies.table}\n"
        )
    by_faults = "\n".join(control.tally.wrong_by_faults)
    for expected in ("twice: paid", "paid and refunded", "told to have failed, and paid"):
        assert expected in by_faults
    assert any("twice: paid" in line for line in control.tally.wrong_by_kills)
    assert ours.tallies.is_good
    assert ours.tallies.total["kills"] >= len(IdempotencyKind)
