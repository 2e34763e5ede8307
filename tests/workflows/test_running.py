"""Running payments on a real server: asked often, terminated, reset, killed: one effect each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus

from domain.lifecycle.resource import Certainty
from domain.payments.report import PaymentState
from local.temporal_server import DevServer, free_port
from tests.clock import SteppedClock
from tests.fakes import ACCOUNT, BANK, order
from tests.performing import performing
from tests.polling import eventually
from tests.servers import dev_server
from tests.words import OnSend, Word
from tests.world import World, world
from worker import upkeep
from workflows.upkeep import UpkeepWorkflow

PATIENCE = timedelta(seconds=20)
SETTLED = PaymentState.SETTLED


@pytest.fixture
async def at_work(server: DevServer, tmp_path: Path) -> AsyncIterator[World]:
    """A process with its workers running."""
    async with world(tmp_path / "home", server.address) as made:
        await made.work()
        yield made


async def _sweep(made: World) -> None:
    client = await made.assembly.client()
    await client.execute_workflow(UpkeepWorkflow.run, id="upkeep-of-a-test", task_queue="finality")


async def _sent(made: World) -> bool:
    return bool(made.partner.effects)


async def test_the_answer_of_pay_is_the_payment_after_its_first_step(at_work: World) -> None:
    receipt = await at_work.pay(patience=PATIENCE)
    assert receipt.is_started
    assert not receipt.is_replay
    assert receipt.payment.state in (PaymentState.ACCEPTED, SETTLED)
    assert receipt.payment.certainty is Certainty.SENT
    again = await at_work.pay(patience=PATIENCE)
    assert (again.payment_id, again.is_replay) == (receipt.payment_id, True)
    assert len(at_work.partner.effects) == 1


async def test_fifty_callers_at_once_meet_in_one_run(at_work: World) -> None:
    receipts = await asyncio.gather(*(at_work.pay(patience=PATIENCE) for _ in range(50)))
    assert len({receipt.payment_id for receipt in receipts}) == 1
    assert sum(not receipt.is_replay for receipt in receipts) == 1
    await at_work.until(receipts[0].payment_id, SETTLED)
    assert at_work.attempts() == 1
    assert len(at_work.partner.effects) == 1
    started = [receipt for receipt in receipts if receipt.is_started]
    assert len(started) == 50, "all share the one question that the server is asked"

    client = await at_work.assembly.client()

    async def runs() -> list[str]:
        found = client.list_workflows("WorkflowType = 'PaymentWorkflow'")
        return [execution.run_id async for execution in found]

    assert len(await eventually(runs, "the run in the listing")) == 1


async def test_news_are_read_at_once_though_the_watch_lasts_weeks(at_work: World) -> None:
    payment_id = (await at_work.pay()).payment_id
    await at_work.until(payment_id, SETTLED)
    reads = at_work.partner.count("read")
    at_work.partner.says(Word("failed", PaymentState.RETURNED, returned_minor=12_345))
    await at_work.assembly.inbox.put(
        partner=BANK,
        partner_account=ACCOUNT,
        event_key="e1",
        partner_reference=at_work.partner.effects[0].reference,
        body=b"{}",
        now=at_work.assembly.clock.now(),
    )
    await at_work.ensure_running(payment_id)
    await at_work.until(payment_id, PaymentState.RETURNED)
    assert at_work.partner.count("read") == reads + 1
    assert await (await at_work.handle(payment_id)).result() == "returned: Returned"


async def test_evidence_after_the_end_is_read_by_a_new_run(at_work: World) -> None:
    at_work.partner.on_send.append(OnSend.REFUSED)
    payment_id = (await at_work.pay(patience=PATIENCE)).payment_id
    handle = await at_work.handle(payment_id)
    assert (await handle.result()).startswith("rejected: ")
    await at_work.ensure_running(payment_id)
    assert (await handle.result()).startswith("rejected: ")
    assert at_work.attempts() == 1


async def test_a_run_terminated_in_the_ui_is_started_again_once_its_step_is_late(
    at_work: World,
) -> None:
    at_work.partner.gate = asyncio.Event()
    payment_id = (await at_work.pay()).payment_id
    await eventually(lambda: _sent(at_work), "the send")
    handle = await at_work.handle(payment_id)
    await handle.terminate("pressed in the UI")

    async def ended() -> bool:
        status = (await handle.describe()).status
        return status not in (None, WorkflowExecutionStatus.RUNNING)

    await eventually(ended, "the end of the run")
    at_work.partner.gate.set()
    await at_work.until(payment_id, PaymentState.ACCEPTED, SETTLED)
    await _sweep(at_work)
    assert not at_work.partner.count("read"), "nothing is late yet"
    later = SteppedClock(at_work.assembly.clock.now() + timedelta(minutes=2))
    rounds = upkeep(at_work.assembly, await at_work.assembly.client(), later)
    assert await performing(at_work.assembly.clock).run(rounds.sweep) == 1
    await at_work.until(payment_id, SETTLED)
    assert at_work.attempts() == 1
    assert len(at_work.partner.effects) == 1


async def test_pay_asks_another_run_when_its_own_is_terminated(at_work: World) -> None:
    at_work.partner.gate = asyncio.Event()
    paying = asyncio.create_task(at_work.pay(patience=PATIENCE))
    await eventually(lambda: _sent(at_work), "the send")
    payment_id = (await at_work.assembly.orchestrator.find()).records[0].payment_id
    await (await at_work.handle(payment_id)).terminate("pressed in the UI")
    receipt = await paying
    assert receipt.payment_id == payment_id
    assert receipt.is_started
    assert at_work.attempts() == 1
    at_work.partner.gate.set()


async def test_a_run_reset_to_its_beginning_sends_nothing_again(at_work: World) -> None:
    payment_id = (await at_work.pay()).payment_id
    await at_work.until(payment_id, SETTLED)
    handle = await at_work.handle(payment_id)
    history = await handle.fetch_history()
    first_task = next(
        event.event_id
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    )
    client = await at_work.assembly.client()
    run = (await handle.describe()).run_id
    reset = await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=run),
            reason="a test",
            workflow_task_finish_event_id=first_task,
            request_id="reset-1",
        )
    )

    async def waits_again() -> bool:
        events = (await client.get_workflow_handle(handle.id).fetch_history()).events
        return any(e.event_type == EventType.EVENT_TYPE_TIMER_STARTED for e in events)

    await eventually(waits_again, "the new run's wait for the watch")
    assert (await client.get_workflow_handle(handle.id).describe()).run_id == reset.run_id != run
    assert at_work.attempts() == 1
    assert at_work.partner.count("submit") == 1


async def test_a_step_that_breaks_off_after_the_effect_is_looked_up(at_work: World) -> None:
    at_work.partner.on_send.append(OnSend.BUG_AFTER)
    payment_id = (await at_work.pay()).payment_id
    await at_work.until(payment_id, SETTLED)
    assert len(at_work.partner.effects) == 1
    assert at_work.partner.count("find") >= 1


async def test_a_server_killed_in_the_middle_of_a_send_goes_on_from_its_file(
    tmp_path: Path,
) -> None:
    port, file = free_port(), tmp_path / "temporal.db"
    server = await dev_server(tmp_path / "log", file, port)
    try:
        async with world(tmp_path / "home", server.address) as made:
            await made.work()
            made.partner.gate = asyncio.Event()
            payment_id = (await made.pay()).payment_id
            await eventually(lambda: _sent(made), "the send")
            server.kill()
            made.partner.gate.set()
            await made.until(payment_id, PaymentState.ACCEPTED)
            server = await dev_server(tmp_path / "log", file, port)
            await made.until(payment_id, SETTLED, seconds=60)
            assert made.attempts() == 1
            assert len(made.partner.effects) == 1
    finally:
        server.kill()


async def test_while_temporal_is_away_orders_are_recorded_and_the_relay_starts_them(
    tmp_path: Path,
) -> None:
    port = free_port()
    async with world(tmp_path / "home", f"127.0.0.1:{port}") as made:
        receipt = await made.pay(patience=PATIENCE)
        assert not receipt.is_started
        assert receipt.payment.state is PaymentState.CREATED
        server = await dev_server(tmp_path / "log", port=port)
        try:
            await made.work()
            later = SteppedClock(made.assembly.clock.now() + timedelta(minutes=1))
            rounds = upkeep(made.assembly, await made.assembly.client(), later)
            assert await performing(made.assembly.clock).run(rounds.relay) == 1
            await made.until(receipt.payment_id, SETTLED)
            await made.rest()
        finally:
            server.kill()


async def test_a_server_that_went_away_later_does_not_stop_orders_either(tmp_path: Path) -> None:
    server = await dev_server(tmp_path / "log")
    async with world(tmp_path / "home", server.address) as made:
        await made.assembly.client()
        server.kill()
        for minor, patience in enumerate((timedelta(seconds=1), None), start=1):
            another = order(made.assembly.clock.now(), minor=minor)
            receipt = await made.pay(f"k{minor}", of=another, patience=patience)
            assert not receipt.is_started


async def test_while_all_workers_are_away_pay_answers_after_its_patience(
    server: DevServer, tmp_path: Path
) -> None:
    async with world(tmp_path / "home", server.address) as made:
        receipt = await made.pay(patience=timedelta(milliseconds=300))
        assert not receipt.is_started
        assert receipt.payment.state is PaymentState.CREATED
        await made.work()
        await made.until(receipt.payment_id, SETTLED)


async def test_while_the_partner_is_slow_pay_answers_after_its_patience(at_work: World) -> None:
    at_work.partner.gate = asyncio.Event()
    async with asyncio.timeout(10):
        receipt = await at_work.pay(patience=timedelta(seconds=1))
    assert receipt.payment.certainty in (Certainty.NOT_SENT, Certainty.UNKNOWN)
    at_work.partner.gate.set()
    await at_work.until(receipt.payment_id, SETTLED)


async def test_a_caller_who_gives_up_is_really_cancelled(server: DevServer, tmp_path: Path) -> None:
    async with world(tmp_path / "home", server.address) as made:
        paying = asyncio.create_task(made.pay(patience=PATIENCE))

        async def asked() -> bool:
            client = await made.assembly.client()
            return bool([found async for found in client.list_workflows("")])

        await eventually(asked, "the start")
        paying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await paying


class LateClock:
    """A worker's clock that is behind the server's."""

    def now(self) -> datetime:
        return datetime.now(UTC) - timedelta(seconds=3)


async def test_a_worker_whose_clock_is_behind_does_not_spin(
    server: DevServer, tmp_path: Path
) -> None:
    async with world(tmp_path / "home", server.address, clock=LateClock()) as made:
        await made.work()
        made.partner.on_send.append(OnSend.BUG_AFTER)
        payment_id = (await made.pay()).payment_id
        await made.until(payment_id, SETTLED)
        events = (await (await made.handle(payment_id)).fetch_history()).events
        scheduled = [e for e in events if e.HasField("activity_task_scheduled_event_attributes")]
        assert len(scheduled) < 12
