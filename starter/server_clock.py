"""Reads Temporal's clock, for processes that run no activity at the moment.

The server has no call for its time, but it notes when each poller of a task queue was last seen. So
we poll an empty queue of our own for a moment, and then describe it.
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

#: The server refuses shorter polls. We do not wait for the poll to end.
_POLL_TIMEOUT: Final = timedelta(seconds=5)
_LOOK_SECONDS: Final = 0.05
_LOOKS: Final = 60


async def server_time(client: Client) -> datetime | None:
    """The moment by Temporal's clock, a fraction of a second old; None if no poll was seen.

    Raises:
        RPCError: the queue cannot be described.
    """
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
        return  # The poll timed out, or the server is away. Then `server_time` sees no poller.


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
