"""The proof's report: what it counts, what it does not add, and that its cells name real tests."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tests.proof.matrix import CELLS
from tests.proof.planted.hunt import PLANS, Caught, hunted
from tests.proof.planted.registry import BUGS
from tests.proof.prove import worlds
from tests.proof.report import JSON_FILE, PLOT_FILE, TEXT_FILE, is_good, report, write
from tests.proof.simulation.lived import simulate
from tests.proof.simulation.plan import Fault, Kind, Plan, drawn
from tests.proof.simulation.tally import Tally

ROOT = Path(__file__).parents[2]
KEYS = ("mode", "payments", "faults_fired", "duplicates", "lost", "stuck", "cells_declared",
        "cells_hit", "planted_total", "planted_caught", "kills", "layer_real",
        "layer_simulated")  # fmt: skip


def real(**counts: int) -> dict[str, Any]:
    zeros = dict.fromkeys(("points", "kills", "not_fired", "recovered", "parked", "stuck", "twice",
                           "lost"), 0)  # fmt: skip
    return {
        "total": {**zeros, **counts},
        "collections": {**zeros, "kills": 3},
        "control": {"transfers": 5, "transfers_wrong": 2},
    }


def made(tally: Tally, *caught: Caught, **counts: int) -> dict[str, Any]:
    return report(
        mode="short",
        command="make proof",
        simulated=tally,
        control={"transfers": 9, "transfers_wrong": 1},
        seeds=["1 to 2"],
        real=real(**counts),
        struck=["workflow fire_timer"],
        caught=caught,
        began=datetime.now(UTC),
    )


@pytest.fixture(scope="module")
def tally() -> Tally:
    both = Tally()
    faults = (
        Fault(Kind.SWALLOW_REPLY, 0, "order"),
        Fault(Kind.KILL, 1, "exchange effected"),
        Fault(Kind.KILL, 1, "exchange effected", nth=9),
        Fault(Kind.CANCEL, 1, at=140.0),
    )
    shapes = (("none", "none"), ("replay_state", "strong"))
    both.add(simulate(Plan(1, 2, shapes, faults)))
    both.add(simulate(drawn(2, 3)))
    return both


def test_what_fired_what_met_nothing_and_what_is_in_doubt_stand_apart(
    tally: Tally, tmp_path: Path
) -> None:
    found = made(tally, kills=7)
    assert set(KEYS) <= set(found)
    simulated = found["layer_simulated"]
    assert (found["payments"], found["kills"]) == (5, 7), "the layers are not added"
    assert simulated["faults_not_fired"] >= 1
    assert simulated["faults_fired_but_masked"]["cancel"] >= 1
    assert simulated["in_doubt_with_a_question"]["submitting (unknown)"] >= 1
    assert not any("unknown" in state for state in simulated["ends"])
    by_moment = simulated["faults_fired_by_kind_and_moment"]
    assert by_moment["swallow_reply at order without keys or lookup"] == 1
    assert found["faults_fired"] == sum(tally.faults.values()) == sum(
        count for name, count in by_moment.items() if "order with" not in name
    )  # fmt: skip
    write(found, tmp_path)
    assert json.loads((tmp_path / JSON_FILE).read_text())["payments"] == 5
    text = (tmp_path / TEXT_FILE).read_text()
    assert "**twice**" in text
    assert "| … of which during a collection, its captures and refunds | 3 |" in text
    etree.parse(tmp_path / PLOT_FILE)


def test_it_is_good_only_where_nothing_is_wrong_and_each_bug_was_seen(tally: Tally) -> None:
    seen = Caught("a", "says", "simulation", 1, "twice")
    unseen = Caught("b", "says", "", 40, "")
    assert is_good(made(tally, seen))
    assert not is_good(made(tally, seen, unseen))
    for wrong in ("twice", "lost", "stuck"):
        assert not is_good(made(tally, **{wrong: 1}))


def test_a_cell_is_hit_by_either_layer_or_names_what_tries_it() -> None:
    assert len({cell.name for cell in CELLS}) == len(CELLS)
    for cell in CELLS:
        assert cell.simulated or cell.real or cell.elsewhere, cell.name
        if cell.elsewhere.startswith("tests/"):
            assert (ROOT / cell.elsewhere).is_file(), cell.name
    by_timer = next(cell for cell in CELLS if cell.name == "F1 M11")
    assert by_timer.is_hit(Counter(), ["workflow fire_timer"])
    assert not by_timer.is_hit(Counter(), ["workflow resolve_activity"])
    captured = next(cell for cell in CELLS if cell.name == "F1 M8 of a capture")
    assert captured.is_hit(Counter(), ["partner POST /v1/payment_intents/*/capture answered"])
    assert not captured.is_hit(Counter(), ["partner POST /v1/payment_intents/*/confirm answered"])


def test_worlds_hold_as_many_payments_as_were_asked_for() -> None:
    plans, seeds = worlds(1_000, with_pairs=False)
    assert 1_000 <= sum(plan.payments for plan in plans) < 1_150
    assert len(seeds) == 4


def test_each_planted_bug_is_of_ours_and_its_tests_are_there() -> None:
    assert len(BUGS) >= 25
    for bug in BUGS.values():
        for path, _, name in (test.partition("::") for test in bug.tests):
            assert (ROOT / path).exists(), bug.name
            assert not name or f"def {name}(" in (ROOT / path).read_text(), bug.name


def test_a_planted_bug_is_found_and_the_product_itself_is_not_taken_for_one() -> None:
    (found,) = hunted([BUGS["a_timeout_is_a_failure"]], processes=1, worlds=5)
    assert found.by == "simulation"
    assert "disagree" in found.what
    (by_tests,) = hunted([BUGS["money_is_a_float"]], processes=1)
    assert by_tests.by.startswith("tests/domain/test_money.py::")
    for seed in range(1, found.worlds + 1):
        assert simulate(drawn(seed, 12, harsh=True)).is_good


@pytest.mark.parametrize("plan", sorted(PLANS.glob("*.json")), ids=lambda file: file.stem)
def test_a_plan_made_for_a_bug_goes_well_without_it(plan: Path) -> None:
    assert plan.stem in BUGS
    result = simulate(Plan.read(plan))
    assert result.is_good
    assert result.unfired == 0
