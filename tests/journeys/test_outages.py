"""Servers, workers and runs that end when nobody expects it."""

from __future__ import annotations

import asyncio

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest

from domain.ids import workflow_id
from domain.report import PaymentState
from tests.proof.case import SEND, Case
from tests.proof.world import World

PAYMENTS = 6


async def test_a_temporal_server_that_is_killed_and_restarted_loses_no_payment(
    running: World, case: Case
) -> None:
    await case.fault("suspend", SEND, reference="1", resume_after_seconds=1)
    before = await case.pay()
    await case.until_state(before.payment_id, PaymentState.AWAITING_PARTNER)
    running.temporal.kill()
    during = await case.pay()
    assert not during.is_started
    await running.restart_temporal()
    await case.all_settled(seconds=60)
    after = await case.pay()
    assert after.is_started
    await case.all_settled()
    await case.agreed(requested=3, booked=3, in_doubt=0)


async def test_a_worker_that_is_killed_in_the_middle_leaves_nothing_twice(
    running: World, case: Case
) -> None:
    await case.fault("delay", SEND, reference="1", seconds=1, when="after")
    await case.fault("reply_lost_after", SEND, reference="2")
    await asyncio.gather(*(case.pay(case.order()) for _ in range(PAYMENTS)))
    while not await case.bookings():
        await asyncio.sleep(0.02)
    running.kill_workers()
    running.start_worker()
    await case.all_settled(seconds=60)
    await case.agreed(requested=PAYMENTS, booked=PAYMENTS, in_doubt=0)


async def test_a_run_that_somebody_terminated_is_started_again_by_the_sweep(
    running: World, case: Case
) -> None:
    await case.fault("suspend", SEND, resume_after_seconds=3)
    receipt = await case.pay()
    await case.until_state(receipt.payment_id, PaymentState.AWAITING_PARTNER)
    client = await running.assembly.client()
    handle = client.get_workflow_handle(workflow_id("default", receipt.payment_id))
    await handle.terminate("as somebody would in the Temporal UI")
    assert not await running.runs(receipt.payment_id)
    await case.all_settled(seconds=60)
    assert await running.runs(receipt.payment_id)
    await case.agreed(requested=1, booked=1)


async def test_a_run_that_was_reset_to_its_beginning_sends_nothing_again(
    running: World, case: Case
) -> None:
    await case.fault("suspend", SEND, resume_after_seconds=3)
    receipt = await case.pay()
    await case.until_state(receipt.payment_id, PaymentState.AWAITING_PARTNER)
    client = await running.assembly.client()
    handle = client.get_workflow_handle(workflow_id("default", receipt.payment_id))
    history = await handle.fetch_history()
    first = next(event.event_id for event in history.events
                 if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)  # fmt: skip
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id),
            reason="as somebody would in the Temporal UI",
            workflow_task_finish_event_id=first,
            request_id=case.prefix,
        )
    )
    assert (await handle.describe()).run_id != history.run_id
    await case.all_settled(seconds=60)
    record = await running.assembly.orchestrator.get(receipt.payment_id)
    assert len(record.view.instructions[0].book.attempts) == 1
    await case.agreed(requested=1, booked=1)
