"""Checks of the Temporal server that answers, and of the workers that poll it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from domain.ids import TASK_QUEUE, partner_queue
from partners.registry import PARTNERS
from settings import Settings
from terminal.doctor.findings import Examined
from workflows.attributes import SEARCH_ATTRIBUTES


async def server(settings: Settings, client: Client) -> AsyncIterator[Examined]:
    """Where it is."""
    yield Examined("Temporal", f"{client.service_client.config.target_host}, {client.namespace}")


async def search_attributes(settings: Settings, client: Client) -> AsyncIterator[Examined]:
    """Whether the namespace has those that payments set."""
    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    missing = sorted(set(SEARCH_ATTRIBUTES) - set(answer.custom_attributes))
    if not missing:
        yield Examined("search attributes", f"{len(SEARCH_ATTRIBUTES)} registered")
        return
    options = " ".join(f"--name {name} --type {SEARCH_ATTRIBUTES[name]}" for name in missing)
    yield Examined(
        "search attributes",
        f"missing: {', '.join(missing)}",
        f"temporal operator search-attribute create --namespace {client.namespace} {options}",
    )


async def pollers(settings: Settings, client: Client) -> AsyncIterator[Examined]:
    """Whether workers poll every queue that a payment needs."""
    partners = (partner_queue(name) for name in PARTNERS if settings.partner_accounts(name))
    for queue in (TASK_QUEUE, *sorted(partners)):
        yield await _pollers(client, queue)


async def _pollers(client: Client, queue: str) -> Examined:
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
    )
    seen = [
        poller.last_access_time.ToDatetime(UTC)
        for poller in answer.pollers
        if (datetime.now(UTC) - poller.last_access_time.ToDatetime(UTC)).total_seconds() < 120
    ]
    if seen:
        return Examined(f"workers on {queue}", f"seen {max(seen):%H:%M:%S} UTC")
    return Examined(f"workers on {queue}", "none", "start one with `finality worker`")
