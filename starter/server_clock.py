"""What Temporal's clock says, for processes that run no activity just now.

The server tells its time nowhere, but it notes when each poller of a task queue was last seen. So
a queue of our own, on which nothing is ever put, is polled for a moment and then described.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    PollActivityTaskQueueRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError

#: The server refuses shorter polls; we do not wait for their end.
_POLL_TIMEOUT: Final = timedelta(seconds=5)
_LOOK_SECONDS: Final = 0.05
_LOOKS: Final = 60


async def server_time(client: Client) -> datetime | None:
    """The moment by Temporal's clock, a fraction of a second old; None where it does not say."""
    queue = f"finality-clock-{uuid4().hex}"
    polling = asyncio.create_task(_poll(client, queue))
    try:
        for _ in range(_LOOKS):
            await asyncio.sleep(_LOOK_SECONDS)
            if seen := await _seen(client, queue):
                return seen
        return None
    finally:
        polling.cancel()


async def _poll(client: Client, queue: str) -> None:
    request = PollActivityTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=queue), identity="finality-clock"
    )
    try:
        await client.workflow_service.poll_activity_task_queue(request, timeout=_POLL_TIMEOUT)
    except RPCError:
        return  # Its time is over, or the server is away: then nobody is seen.


async def _seen(client: Client, queue: str) -> datetime | None:
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
    )
    moments = [poller.last_access_time.ToDatetime(UTC) for poller in answer.pollers]
    return max(moments, default=None)
