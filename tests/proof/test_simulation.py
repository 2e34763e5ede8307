"""The simulation: one seed is one run, what it depends on is as it was, and it finds bugs."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from activities.messages import ResourceRef
from domain.lifecycle.profile import IdempotencyKind, LookupKind
from domain.lifecycle.sending import Book, Move, NextMove, next_move
from tests.proof.simulation.__main__ import shrunk
from tests.proof.simulation.activations import Instance, WorkflowTaskFailed, begin, fired
from tests.proof.simulation.lived import simulate
from tests.proof.simulation.loop import Process, SimulatedClock, VirtualLoop
from tests.proof.simulation.plan import (
    PAIRS,
    RESTORES,
    Fault,
    Kind,
    Plan,
    drawn,
    paired,
    restored,
)
from workflows.payment import PaymentWorkflow

#: Of worlds in which a bug was found; each is named by what happened there.
PLANS: Final = Path(__file__).parent / "plans"
#: A bank that executes whatever comes, and shows all of it at once.
FORGETFUL = (IdempotencyKind.NONE.value, LookupKind.STRONG.value)


def _world(*faults: Fault, shape: tuple[str, str] = FORGETFUL, payments: int = 1) -> Plan:
    return Plan(seed=1, payments=payments, shapes=(shape,) * payments, faults=faults)


@pytest.mark.parametrize("seed", range(1, 7))
def test_whatever_befalls_a_world_nothing_is_twice_or_lost_or_stuck(seed: int) -> None:
    result = simulate(drawn(seed, 12))
    assert result.is_good, (result.comparison.flaws, result.stuck, result.broke)
    assert result.comparison.acknowledged == 12
    assert result.fired


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_a_world_that_is_restored_from_an_older_copy_pays_nothing_twice(seed: int) -> None:
    """Every order is given again: to a store that was set back, or to Temporal's copy as well."""
    result = simulate(restored(seed, 6))
    assert result.is_good, (result.comparison.flaws, result.stuck, result.broke)
    assert sum(result.fired[kind, "world"] for kind in RESTORES) == 1
    assert result.comparison.acknowledged == 6


def test_one_seed_is_one_run() -> None:
    plan = drawn(8, 6)
    one, other = simulate(plan), simulate(plan)
    assert one.trace == other.trace
    assert one.fired == other.fired
    assert simulate(drawn(9, 6)).trace != one.trace


def test_when_memory_is_collected_changes_nothing() -> None:
    plan = drawn(70, 50)  # What the dead had left half done once set a timer in a living workflow.
    before = gc.get_threshold()
    usual = simulate(plan)
    gc.set_threshold(60, 5, 5)
    try:
        eager = simulate(plan)
    finally:
        gc.set_threshold(*before)
    assert eager.is_good, eager.broke
    assert eager.trace == usual.trace


def test_any_two_faults_that_one_payment_can_meet_are_a_world() -> None:
    for pair in (("cancel", "stall"), ("drip", "swallow_reply"), ("kill", "stand_still")):
        plan = paired(1, pair)
        assert {(fault.payment, fault.kind) for fault in plan.faults} == {
            (payment, kind) for payment in range(plan.payments) for kind in pair
        }
        result = simulate(plan)
        assert result.is_good, (result.comparison.flaws, result.stuck, result.broke)
        assert frozenset(pair) in result.met
    assert len(PAIRS) == 276


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    plan = drawn(3, 9)
    plan.write(tmp_path / "plan.json")
    assert Plan.read(tmp_path / "plan.json") == plan


@pytest.mark.parametrize("plan", sorted(PLANS.glob("*.json")), ids=lambda file: file.stem)
def test_a_plan_that_once_went_wrong_goes_well(plan: Path) -> None:
    result = simulate(Plan.read(plan))
    assert result.is_good, (result.comparison.flaws, result.stuck, result.broke)
    assert result.unfired == 0, "what once went wrong is not met any more"


@pytest.mark.parametrize("kind", [Kind.SWALLOW_REPLY, Kind.RESET_AFTER, Kind.ERROR_AFTER])
def test_a_reply_lost_after_the_effect_is_one_payment(kind: Kind) -> None:
    result = simulate(_world(Fault(kind, 0, "order")))
    assert result.is_good
    assert result.fired[kind, "order"] == 1
    assert result.states == {"final (sent)": 1}
    assert result.comparison.booked == 1


@pytest.mark.parametrize("point", ["exchange effected", "activity done", "write committed"])
def test_a_worker_killed_there_is_replaced_and_its_payment_goes_on(point: str) -> None:
    result = simulate(_world(Fault(Kind.KILL, 0, point, nth=2)))
    assert result.is_good, (result.stuck, result.broke)
    [killed] = [where for kind, where in result.fired if kind is Kind.KILL]
    assert killed.endswith(point)
    assert result.comparison.booked == 1


def test_a_send_book_that_is_ignored_is_found_and_the_plan_made_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The bug that all of this is against: what is in doubt is sent again."""

    def careless(operation: object, book: Book, now: object, *, halted: bool = False) -> NextMove:
        move = next_move(operation, book, now, halted=halted)  # type: ignore[arg-type]
        return move._replace(move=Move.SEND) if move.move is Move.LOOK_UP else move

    monkeypatch.setattr("store.sending.next_move", careless)
    monkeypatch.setattr("domain.lifecycle.due.next_move", careless)
    faults = (
        Fault(Kind.DRIP, 0, "exchange"),
        Fault(Kind.SWALLOW_REPLY, 0, "order"),
        Fault(Kind.NEWS, 0, at=30.0),
    )
    plan = _world(*faults)
    assert simulate(plan).comparison.twice >= 1
    assert shrunk(plan).faults == (faults[1],)


def test_who_is_killed_does_nothing_any_more() -> None:
    loop, did = VirtualLoop(), []

    async def work() -> None:
        try:
            await asyncio.sleep(5)
            did.append("woke")
        finally:
            did.append("cleaned up")

    async def world() -> None:
        process = Process("doomed")
        process.run(work())
        await asyncio.sleep(1)
        process.kill()
        await asyncio.sleep(60)

    loop.set_exception_handler(lambda _loop, _context: None)
    loop.run_until_complete(world())
    loop.close()
    loop.close()
    assert did == []
    assert loop.time() == pytest.approx(61)


def test_the_private_parts_of_the_sdk_are_as_the_simulation_knows_them() -> None:
    loop = VirtualLoop()
    clock = SimulatedClock(loop)

    async def world() -> None:
        now = clock.now()
        run = Instance(PaymentWorkflow, workflow_id="w", run_id="r", seed=1, began=now)
        ref = ResourceRef(tenant="t", resource_id="p")
        [command] = run.activate(
            [begin(PaymentWorkflow, "w", ref, 1, now)], now, history_length=3, is_replay=False
        )
        assert command.schedule_local_activity.activity_type == "load"
        other = Instance(PaymentWorkflow, workflow_id="w", run_id="r2", seed=1, began=now)
        with pytest.raises(WorkflowTaskFailed):
            other.activate([fired(seq=1)], now, history_length=3, is_replay=False)

    loop.run_until_complete(world())
    loop.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_clock_days_ahead_and_one_behind_beside_right_ones_harm_nothing(seed: int) -> None:
    drawn_plan = drawn(seed, 6)
    clocks = (
        Fault(Kind.CLOCK_DAYS_AHEAD, amount=15 * 86_400.0),
        Fault(Kind.CLOCK_BEHIND, amount=-3_600.0),
    )
    others = tuple(f for f in drawn_plan.faults if f.kind not in {fault.kind for fault in clocks})
    result = simulate(replace(drawn_plan, faults=(*others, *clocks)))
    assert result.is_good, (result.comparison.flaws, result.stuck, result.broke)
    assert result.fired[Kind.CLOCK_DAYS_AHEAD, "process"]
    assert result.fired[Kind.CLOCK_BEHIND, "process"]
