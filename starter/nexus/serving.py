"""Workers for the doors of other teams, each with a task queue and a converter of its own."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.workflow import NondeterminismError

from activities.payment_ends import PaymentEnds
from domain.ids import nexus_queue
from starter.api.guard import Limits
from starter.api.parts import Parts
from starter.nexus.border import border_plugin
from starter.nexus.door import Door
from starter.nexus.handler import PaymentsHandler, show
from workflows.payment_end import PaymentEndWorkflow


def door_worker(
    client: Client,
    door: Door,
    parts: Parts,
    *,
    max_cached_workflows: int,
    graceful_shutdown: timedelta,
    limits: Limits | None = None,
) -> Worker:
    """The worker of one door. It opens nothing of ours, since it has the door's keyring alone."""
    limits = limits or Limits()
    orchestrator, tenant = parts.orchestrator, door.tenant

    async def cancel(payment_id: str, command_id: str) -> None:
        await orchestrator.cancel(payment_id, command_id, tenant=tenant, by=door.by)

    ends = PaymentEnds(
        read=partial(orchestrator.get, tenant=tenant), cancel=cancel, show=show, clock=parts.clock
    )
    return Worker(
        Client(
            client.service_client,
            namespace=client.namespace,
            plugins=[border_plugin(door.keyring)],
        ),
        task_queue=nexus_queue(door.name),
        workflows=[PaymentEndWorkflow],
        activities=[ends.look, ends.cancel],
        nexus_service_handlers=[PaymentsHandler(parts, door, limits)],
        max_concurrent_nexus_tasks=limits.under_way,
        max_cached_workflows=max_cached_workflows,
        workflow_failure_exception_types=[NondeterminismError],
        graceful_shutdown_timeout=graceful_shutdown,
    )
