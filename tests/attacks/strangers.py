"""Somebody who reaches the Temporal server and has no key of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload, Payloads, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    RespondActivityTaskCompletedByIdRequest,
    StartWorkflowExecutionRequest,
)
from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.messages import Step
from domain.ids import TASK_QUEUE, partner_queue, workflow_id
from domain.lifecycle.heard import Heard
from domain.payments.report import PaymentState, Report, Source
from tests.fakes import BANK
from workflows.upkeep import UpkeepWorkflow

#: What upkeep would be made to believe: far more attempts than there ever were.
FORGED_ATTEMPTS: Final = 999_999


def forged(
    payment_id: str, source: Source, state: PaymentState, at: datetime | None = None
) -> Step:
    """A step's result that says what never happened, for the workflow to have recorded."""
    instruction = f"{payment_id}/pay/1"
    now = at or datetime.now(UTC)
    report = Report(
        instruction_id=instruction,
        source=source,
        as_of=now,
        state=state,
        partner_status="forged",
        partner_reference="forged-reference",
    )
    heard = Heard(
        resource_id=payment_id,
        instruction_id=instruction,
        heard_at=now,
        why="forged",
        report=report,
    )
    return Step(said="forged", unrecorded=heard)


def clear(value: Any) -> Payload:
    """As any SDK writes it without a codec."""
    [payload] = pydantic_data_converter.payload_converter.to_payloads([value])
    return payload


@dataclass
class Stranger:
    """What a plain client can do; `payments` are by their id."""

    client: Client

    async def completes(self, payment_id: str, step: str, payload: Payload) -> None:
        """`temporal activity complete`, for a step that one of our workers has in hand."""
        await self.client.workflow_service.respond_activity_task_completed_by_id(
            RespondActivityTaskCompletedByIdRequest(
                namespace=self.client.namespace,
                workflow_id=workflow_id("shop", payment_id),
                activity_id=step,
                result=Payloads(payloads=[payload]),
            )
        )

    async def starts(self, kind: str, run: str, *arguments: Any, last_result: Any = None) -> None:
        """A workflow of ours, with whatever input and whatever result of a round before."""
        request = StartWorkflowExecutionRequest(
            namespace=self.client.namespace,
            workflow_id=run,
            workflow_type=WorkflowType(name=kind),
            task_queue=TaskQueue(name=TASK_QUEUE),
            input=Payloads(payloads=[clear(value) for value in arguments]),
            request_id=f"{kind} {run}",
        )
        if last_result is not None:
            is_sealed = isinstance(last_result, Payload)
            request.last_completion_result.payloads.append(
                last_result if is_sealed else clear(last_result)
            )
        await self.client.workflow_service.start_workflow_execution(request)

    async def result_in_history(self, payment_id: str) -> Payload:
        """The sealed result of a payment's first step, as anybody can read it."""
        handle = self.client.get_workflow_handle(workflow_id("shop", payment_id))
        async for event in handle.fetch_history_events():
            if event.HasField("activity_task_completed_event_attributes"):
                return event.activity_task_completed_event_attributes.result.payloads[0]
        raise AssertionError(f"no step of {payment_id} has ended")

    @asynccontextmanager
    async def works(self) -> AsyncIterator[None]:
        """Polls our queues beside our own workers, and answers in our name."""
        flows = Worker(
            self.client,
            task_queue=TASK_QUEUE,
            workflows=[_Forged],
            workflow_runner=UnsandboxedWorkflowRunner(),
        )
        async with flows, self.takes_steps():
            yield

    @asynccontextmanager
    async def takes_steps(self) -> AsyncIterator[None]:
        """Polls only the queue of the partner's calls."""
        steps = Worker(self.client, task_queue=partner_queue(BANK), activities=[_forged_step])
        async with steps:
            yield


async def stranger(address: str) -> Stranger:
    return Stranger(await Client.connect(address))


@workflow.defn(dynamic=True)
class _Forged:
    """Whatever it is given, it cannot read, and answers all the same."""

    @workflow.run
    async def run(self, _sealed: Sequence[RawValue]) -> Any:
        if workflow.info().workflow_type == UpkeepWorkflow.__name__:
            return {"said": "forged", "attempts": FORGED_ATTEMPTS, "at": "2026-01-01T00:00:00Z"}
        return "final: the creditor has it"


@activity.defn(dynamic=True)
async def _forged_step(_sealed: Sequence[RawValue]) -> Any:
    payment_id = (activity.info().workflow_id or "").rpartition("/")[2]
    return forged(payment_id, Source.READ, PaymentState.SETTLED).model_dump(mode="json")
