"""Processes stopped, servers restarted or restored, runs meddled with: the books still agree."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import (
    PauseActivityRequest,
    ResetWorkflowExecutionRequest,
    UnpauseActivityRequest,
)
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError

from domain.ids import workflow_id
from domain.lifecycle.profile import IdempotencyKind, InstructionKind, LookupKind
from domain.money import Money
from domain.payments.report import PaymentState
from tests.polling import eventually
from tests.proof.accounts import bank_account
from tests.proof.arena import Arena, arena
from tests.proof.bank_partner import BANK
from tests.proof.collecting import LESS, CollectionScenario
from tests.proof.forks import Worker
from tests.proof.points import read_trace
from tests.proof.scenarios import HELD, STORIES, Run, Scenario, give, story, until_ended

pytestmark = pytest.mark.timeout(240)

#: Executes whatever it hears, as often as it hears it: nothing but our own book protects us.
UNPROTECTED = bank_account(IdempotencyKind.NONE, LookupKind.STRONG)
PLAIN = Scenario("plain", partner=BANK, account=UNPROTECTED)
SLOW = Scenario("slow", partner=BANK, account=UNPROTECTED, faults=("slow",))
LOST = Scenario("lost", partner=BANK, account=UNPROTECTED, faults=("lost_after",))
COLLECTED = CollectionScenario("collected", refunded=LESS, reversals=("done",))
HOLD = Scenario("held for a while", partner=BANK, account=UNPROTECTED, hold_seconds=4)


@pytest_asyncio.fixture(scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Arena]:
    """One arena for all; at its end all its books must agree."""
    async with arena(tmp_path_factory.mktemp("interruptions")) as one:
        yield one
        books = await one.books()
        comparison = books.compared()
        assert comparison.agrees, comparison.flaws
        assert not (flaws := books.collected().flaws), flaws


@pytest_asyncio.fixture(autouse=True)
async def _no_worker_is_left(made: Arena) -> AsyncIterator[None]:
    """Each test starts its own."""
    yield
    await made.forks.kill()


async def _all_end(made: Arena, *runs: Run, seconds: float = 60) -> None:
    ended = await until_ended(made, runs, seconds)
    for run in runs:
        assert run.reference in ended, await story(made, run)


async def _bookings(made: Arena, run: Run) -> int:
    book = (await made.books()).book
    return sum(payment["reference"] == run.reference for payment in book["payments"])


async def _until_booked(made: Arena, run: Run) -> None:
    async def booked() -> bool:
        return await _bookings(made, run) > 0

    await eventually(booked, "the order at the bank", 40)


async def _until_state(made: Arena, run: Run, *states: PaymentState) -> None:
    async def there() -> bool:
        return (await made.standing([run.payment_id]))[run.payment_id].state in states

    await eventually(there, f"{run.reference} in {states}", 40)


async def _attempts(made: Arena, run: Run) -> int:
    record = await made.assembly.orchestrator.get(run.payment_id, tenant=None)
    return len(record.view.instructions[0].book.attempts)


async def _handle(made: Arena, run: Run) -> WorkflowHandle[Any, Any]:
    client = await made.assembly.client()
    return client.get_workflow_handle(workflow_id("default", run.payment_id))


_STOPPED_AT = (
    "store SendBook.begin committed #1",
    "partner POST /none/strong/orders unsent #1",
    "partner POST /none/strong/orders bytes left #1",
    "partner POST /none/strong/orders answered #1",
    "activity instruct done #1",
)


async def test_a_worker_that_stood_still_beyond_every_deadline_neither_sends_nor_spoils(
    made: Arena,
) -> None:
    runs = [await give(made, PLAIN) for _ in _STOPPED_AT]
    plan = {run.payment_id: point for run, point in zip(runs, _STOPPED_AT, strict=True)}
    zombie = await made.forks.fork("zombie", plan=plan, signal=signal.SIGSTOP)

    async def stopped() -> bool:
        return zombie.struck == plan

    await eventually(stopped, "every payment stopped at its point", 40)
    await made.forks.fork("heir")
    await _all_end(made, *runs)
    before = await made.standing(list(plan))
    zombie.send(signal.SIGCONT)
    assert await _stops(zombie) == 0
    went_on = {p.payment_id for p in read_trace(zombie.order.trace)
               if p.point == "activity instruct done #1"}  # fmt: skip
    assert went_on == set(plan)
    assert await made.standing(list(plan)) == before
    assert [await _bookings(made, run) for run in runs] == [1] * len(runs)


async def _stops(worker: Worker) -> int:
    """Told to stop, it finishes the steps in hand; its exit code."""
    worker.send(signal.SIGTERM)
    return await worker.wait(30)


async def test_a_worker_told_to_stop_finishes_the_call_in_flight(made: Arena) -> None:
    run = await give(made, SLOW)
    worker = await made.forks.fork("stopping")
    await _until_booked(made, run)
    assert await _stops(worker) == 0
    record = await made.assembly.orchestrator.get(run.payment_id, tenant=None)
    assert record.payment.state is PaymentState.ACCEPTED
    await made.forks.fork("heir")
    await _all_end(made, run)
    assert (await _attempts(made, run), await _bookings(made, run)) == (1, 1)


async def test_two_workers_at_once_share_the_payments_and_send_each_once(made: Arena) -> None:
    runs = [await give(made, one) for one in (PLAIN, SLOW, LOST, HOLD, *STORIES[:6])]
    workers = [await made.forks.fork("one of two") for _ in range(2)]
    await _all_end(made, *runs)
    assert all(read_trace(worker.order.trace) for worker in workers)


async def test_a_client_killed_before_the_start_has_its_payment_started_by_the_relay(
    made: Arena, tmp_path: Path
) -> None:
    run = Run(STORIES[0], "between-row-and-start")
    order = STORIES[0].order(run.reference, next(made.numbers))
    marker = tmp_path / "marker"
    client = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.proof.killable_client", run.reference, str(marker)),
        env=made.environment,
        stdin=subprocess.PIPE,
    )
    await client.communicate(order.model_dump_json().encode())
    assert client.returncode == -signal.SIGKILL
    run.payment_id = marker.read_text()
    await made.forks.fork("with upkeep", upkeep=True)
    await _all_end(made, run)


async def test_a_refund_of_a_client_killed_before_the_run_heard_of_it_is_sent_by_the_relay_once(
    made: Arena, tmp_path: Path
) -> None:
    run = await give(made, COLLECTED)
    await made.forks.fork("with upkeep", upkeep=True)
    await _until_state(made, run, PaymentState.FINAL)
    assert (await (await _handle(made, run)).result()).startswith("final"), "nobody looks at it"
    amount, marker = Money(minor=LESS, currency="EUR"), tmp_path / "marker"
    client = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.proof.killable_claims"),
        *(run.payment_id, run.reference, str(amount.minor), str(marker)),
        env=made.environment,
    )
    assert await client.wait() == -signal.SIGKILL
    await _all_end(made, run, seconds=110)
    asked = made.assembly.orchestrator.refund
    again = await asked(run.payment_id, run.reference, amount, tenant=None, by="shop")
    assert (again.is_replay, again.instruction.instruction_id) == (True, marker.read_text())
    made.claims_journal.admitted(run.reference, InstructionKind.REFUND, amount)
    assert [each["amount"] for each in (await made.processor.book())["refunds"]] == [LESS]


async def test_a_terminated_run_is_started_again_by_the_sweep(made: Arena) -> None:
    run = await give(made, HOLD)
    await made.forks.fork("with upkeep", upkeep=True)
    await _until_state(made, run, *HELD)
    await (await _handle(made, run)).terminate("as somebody would in the Temporal UI")
    # Upkeep finds it once its next step is a minute late.
    await _all_end(made, run, seconds=110)
    assert (await _attempts(made, run), await _bookings(made, run)) == (1, 1)


async def test_a_run_reset_to_any_of_its_tasks_sends_nothing_again(made: Arena) -> None:
    run = await give(made, HOLD)
    await made.forks.fork("resetting")
    await _until_state(made, run, *HELD)
    client, handle = await made.assembly.client(), await _handle(made, run)
    tasks: list[int] = []

    async def some_tasks_are_done() -> bool:
        events = (await handle.fetch_history()).events
        done = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        tasks[:] = [event.event_id for event in events if event.event_type == done]
        return len(tasks) >= 3

    await eventually(some_tasks_are_done, "a history to reset in", 40)
    run_id = (await handle.describe()).run_id
    for task in tasks:
        await client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=run_id),
                reason="as somebody would in the Temporal UI",
                workflow_task_finish_event_id=task,
                request_id=f"{run.reference} {task}",
            )
        )
    await _all_end(made, run)
    assert (await _attempts(made, run), await _bookings(made, run)) == (1, 1)


async def test_a_step_paused_while_it_sends_and_let_go_later_is_made_once(made: Arena) -> None:
    run = await give(made, SLOW)
    await made.forks.fork("pausing")
    await _until_booked(made, run)
    client, handle = await made.assembly.client(), await _handle(made, run)
    execution = WorkflowExecution(workflow_id=handle.id)
    [pending] = (await handle.describe()).raw_description.pending_activities
    await client.workflow_service.pause_activity(
        PauseActivityRequest(
            namespace=client.namespace, execution=execution, id=pending.activity_id
        )
    )
    await _until_state(made, run, *HELD, PaymentState.SETTLED, PaymentState.FINAL)
    # By now its step is over, as it must not be cut short: there is nothing left to let go.
    with pytest.raises(RPCError, match="already completed"):
        await client.workflow_service.unpause_activity(
            UnpauseActivityRequest(
                namespace=client.namespace, execution=execution, id=pending.activity_id
            )
        )
    await _all_end(made, run)
    assert (await _attempts(made, run), await _bookings(made, run)) == (1, 1)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """As if the database were gone: nobody else may write, or begin to."""
    with sqlite3.connect(file, isolation_level=None) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")
    db.close()


async def test_a_reply_heard_while_the_database_is_away_is_recorded_when_it_is_back(
    made: Arena,
) -> None:
    runs = [await give(made, one) for one in (SLOW, HOLD, LOST)]
    await made.forks.fork("without a database", busy_seconds=1)
    await _until_booked(made, runs[0])
    with _locked(made.home / "finality.db"):
        # Longer than anybody waits for it: writers give up, and try again.
        await asyncio.sleep(4)
    await _all_end(made, *runs)
    assert (await _attempts(made, runs[0]), await _bookings(made, runs[0])) == (1, 1)


async def test_temporal_killed_and_restarted_only_delays(made: Arena) -> None:
    runs = [await give(made, one) for one in (SLOW, HOLD, LOST)]
    await made.forks.fork("through a restart")
    await _until_booked(made, runs[0])
    made.temporal.kill()
    await made.restart_temporal()
    await _all_end(made, *runs)


async def test_temporal_restored_from_an_older_copy_repeats_nothing(made: Arena) -> None:
    runs = [await give(made, one) for one in (PLAIN, HOLD, LOST)]
    copy = made.home / "temporal.older"
    _copy(made.home / "temporal.db", copy)
    worker = await made.forks.fork("before the loss")
    await _all_end(made, *runs)
    made.temporal.kill()
    await worker.kill()
    attempts = [await _attempts(made, run) for run in runs]
    for old in made.home.glob("temporal.db*"):
        old.unlink()
    copy.rename(made.home / "temporal.db")
    await made.restart_temporal()
    handles = [await _handle(made, run) for run in runs]
    for handle in handles:
        assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
    await made.forks.fork("after the loss")
    for handle in handles:
        assert (await handle.result()).startswith("final")
    assert [await _attempts(made, run) for run in runs] == attempts
    assert [await _bookings(made, run) for run in runs] == [1, 1, 1]


def _copy(file: Path, to: Path) -> None:
    with sqlite3.connect(file) as source, sqlite3.connect(to) as target:
        source.backup(target)
