"""Checks of a Temporal server that answers, and of the workers that poll it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    ScheduleDescription,
)
from temporalio.service import RPCError

from assembly import Assembly
from domain.ids import TASK_QUEUE, UPKEEP, partner_queue
from settings import Settings
from starter.connecting import missing_search_attributes
from starter.last_round import known_round
from store.keyring import KeyringError
from terminal.doctor.findings import Examined
from workflows.attributes import SEARCH_ATTRIBUTES


async def server(settings: Settings, client: Client) -> AsyncIterator[Examined]:
    """The server's address and namespace."""
    yield Examined("Temporal", f"{client.service_client.config.target_host}, {client.namespace}")


async def search_attributes(settings: Settings, client: Client) -> AsyncIterator[Examined]:
    """Whether the namespace has the search attributes that payments set."""
    if command := await missing_search_attributes(client):
        yield Examined("search attributes", "some are missing", command)
    else:
        yield Examined("search attributes", f"{len(SEARCH_ATTRIBUTES)} registered")


#: Upkeep counts as stopped after this many missed rounds, but not before `_LATE_AT_LEAST`.
_ROUNDS: Final = 5
_LATE_AT_LEAST: Final = timedelta(minutes=3)


async def upkeep(settings: Settings, client: Client) -> AsyncIterator[Examined]:
    """When the last round of upkeep ended.

    Without upkeep no payment starts by itself, and a database that was set back goes unnoticed.
    """
    rounds = client.list_workflows(
        f"TemporalScheduledById = '{UPKEEP}' AND ExecutionStatus = 'Completed'", limit=1
    )
    ended = [found.close_time async for found in rounds if found.close_time is not None]
    schedule = await _schedule(client)
    since = ended[0] if ended else schedule.info.created_at if schedule else None
    limit = max(_ROUNDS * settings.upkeep_every, _LATE_AT_LEAST)
    is_late = since is None or datetime.now(UTC) - since > limit
    yield Examined(
        "upkeep",
        f"the last round ended {ended[0]:%Y-%m-%d %H:%M:%S} UTC" if ended else "no round has ended",
        _why_late(schedule) if is_late else "",
    )


async def last_round(assembly: Assembly, client: Client) -> AsyncIterator[Examined]:
    """Whether Temporal's last round is ours, without which a set-back database goes unnoticed."""
    try:
        known = await known_round(client, assembly.database, assembly.keyring)
    except KeyringError as error:
        yield Examined("last round", "cannot be opened", str(error))
        return
    if known.refused:
        yield Examined(
            "last round",
            known.refused,
            "see 'Rounds of upkeep that are not ours' in docs/operations.md",
        )
    elif known.mark:
        yield Examined("last round", f"number {known.mark.number}, ours")


async def _schedule(client: Client) -> ScheduleDescription | None:
    try:
        return await client.get_schedule_handle(UPKEEP).describe()
    except RPCError:
        return None


def _why_late(schedule: ScheduleDescription | None) -> str:
    if schedule is None:
        return "there is no schedule for it; start or restart `finality worker`, which makes it"
    if schedule.schedule.state.paused:
        return (
            "its schedule is paused; run: temporal schedule toggle --unpause --schedule-id "
            f"{UPKEEP}"
        )
    if running := schedule.info.running_actions:
        names = ", ".join(
            action.workflow_id
            for action in running
            if isinstance(action, ScheduleActionExecutionStartWorkflow)
        )
        return f"a round does not end ({names}); look at it in Temporal, and at the workers' logs"
    return "check that a worker runs and can reach Temporal: `finality worker`"


async def pollers(settings: Settings, client: Client) -> AsyncIterator[Examined]:
    """Whether workers poll every queue that a payment needs."""
    named = [name for name in settings.registrations if settings.partner_accounts(name)]
    for queue in (TASK_QUEUE, *sorted(map(partner_queue, named))):
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
