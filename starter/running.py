"""`ensure_running`: the one way to have a payment's workflow run."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import timedelta
from typing import Final
from uuid import uuid4

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from activities.payment_store import PaymentRef
from domain.ids import TASK_QUEUE, workflow_id
from domain.view import PaymentView
from workflows.payment import PaymentWorkflow

#: What the server says while it, or every worker, is away: the payment is recorded, the relay
#: starts it later.
_AWAY = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.ABORTED,
    }
)

#: The SDK's own patience with a server that is away is longer than a caller's.
_START_TIMEOUT: Final = timedelta(seconds=5)
#: For a start alone: the payment is recorded, so nothing is lost by giving up soon.
_START_PATIENCE = timedelta(seconds=3)


class TemporalAway(ConnectionError):
    """Temporal or every worker is away; nothing is lost, the relay starts what is recorded."""


class Running:
    """Starter, relay, sweep and commands all come here; two at once meet in one run."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def ensure_running(self, tenant: str, payment_id: str) -> None:
        """Signal-with-start: a running workflow looks again, a missing one starts.

        A run that owes nothing ends at once, so this is always safe.

        Raises:
            TemporalAway: the server cannot be reached.
        """
        try:
            await self._client.start_workflow(
                PaymentWorkflow.run,
                PaymentRef(tenant=tenant, payment_id=payment_id),
                id=workflow_id(tenant, payment_id),
                task_queue=TASK_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                start_signal="look_again",
                static_summary=f"payment {payment_id}",
                rpc_timeout=_START_TIMEOUT,
            )
        except RPCError as error:
            if error.status in _AWAY:
                raise TemporalAway(str(error)) from error
            raise

    async def first_news(
        self, tenant: str, payment_id: str, *, patience: timedelta
    ) -> PaymentView | None:
        """Update-with-Start: start or join, and wait for the first step.

        None when nothing was heard in time, or the run ended before its news; the workflow may
        be running all the same.
        """
        operation = WithStartWorkflowOperation(
            PaymentWorkflow.run,
            PaymentRef(tenant=tenant, payment_id=payment_id),
            id=workflow_id(tenant, payment_id),
            task_queue=TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"payment {payment_id}",
        )
        started = asyncio.ensure_future(operation.workflow_handle())
        # A fresh update id each time: a fixed one sent to a closed run starts nothing.
        asking = self._client.execute_update_with_start_workflow(
            PaymentWorkflow.first_news,
            start_workflow_operation=operation,
            id=str(uuid4()),
            rpc_timeout=patience,
        )
        try:
            # Once the server has the update the SDK polls for its outcome without any limit.
            return await asyncio.wait_for(asking, patience.total_seconds())
        except (TimeoutError, WorkflowUpdateFailedError):
            return None
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            # The SDK says this of a call that timed out and of a task that was cancelled.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError from None
            return None
        except RPCError as error:
            if error.status in _AWAY:
                return None
            raise
        finally:
            # The operation holds the same error: unheard, it would be reported as lost.
            started.cancel()

    async def running(self) -> Collection[str]:
        """Payment ids with a running workflow, from the server's listing (which may lag)."""
        query = "WorkflowType = 'PaymentWorkflow' AND ExecutionStatus = 'Running'"
        return {
            execution.id.rpartition("/")[2]
            async for execution in self._client.list_workflows(query)
        }
