"""Temporal servers for tests: a fresh one each, since a task queue's name is not configurable."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.testservice.v1 import SleepRequest
from temporalio.client import Client
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from local.servers import dev_server_binary, time_skipping_server_binary
from local.temporal_server import DevServer, free_port, start_dev_server
from starter.plugin import plugin
from store.keyring import Keyring
from workflows.attributes import SEARCH_ATTRIBUTES

_KINDS = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
}


async def dev_server(
    log_file: Path,
    db_file: Path | None = None,
    port: int = 0,
    *,
    suggests_new_run_after: int | None = None,
    http_port: int | None = None,
) -> DevServer:
    """A real server with our search attributes; in memory unless it has a file.

    Args:
        suggests_new_run_after: how many events of history make it suggest to go on as new.
        http_port: where it takes calls of Nexus endpoints by HTTP.
    """
    suggestion = f"limit.historyCount.suggestContinueAsNew={suggests_new_run_after}"
    return await start_dev_server(
        db_filename=db_file,
        port=port or free_port(),
        ui_port=None,
        search_attributes=SEARCH_ATTRIBUTES,
        log_file=log_file,
        binary=dev_server_binary(),
        dynamic_config=() if suggests_new_run_after is None else (suggestion,),
        http_port=http_port,
    )


class ServerClock(ClientInterceptor, Interceptor):
    """The clock of a time-skipping server: asked before every activity, running on in between."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)
        self._at = monotonic()
        self._environment: WorkflowEnvironment | None = None

    def now(self) -> datetime:
        return self._now + timedelta(seconds=monotonic() - self._at)

    def follow(self, environment: WorkflowEnvironment) -> None:
        self._environment = environment

    async def set(self) -> datetime:
        """Ask the server."""
        assert self._environment is not None
        self._now, self._at = await self._environment.get_current_time(), monotonic()
        return self._now

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _SetsClock(next, self)


class _SetsClock(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, clock: ServerClock) -> None:
        super().__init__(next)
        self._clock = clock

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        await self._clock.set()
        return await super().execute_activity(input)


async def pass_by(client: Client, time: timedelta) -> None:
    """Let that much time pass on a time-skipping server, with everything that happens meanwhile."""
    request = SleepRequest()
    request.duration.FromTimedelta(time)
    await client.service_client.test_service.unlock_time_skipping_with_sleep(request)


@asynccontextmanager
async def time_skipping(keyring: Keyring, clock: ServerClock) -> AsyncIterator[Client]:
    """A server on which weeks pass in moments, and a client whose activities follow its clock."""
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(time_skipping_server_binary()),
        test_server_startup_timeout=timedelta(seconds=60),
    )
    try:
        service = environment.client.service_client
        await service.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=environment.client.namespace,
                search_attributes={name: _KINDS[kind] for name, kind in SEARCH_ATTRIBUTES.items()},
            )
        )
        clock.follow(environment)
        await clock.set()
        client = await Client.connect(
            service.config.target_host,
            namespace=environment.client.namespace,
            plugins=[plugin(keyring)],
            interceptors=[clock],
            # The server is gRPC's for Java, which ends a connection that pings more often than
            # every five minutes during one call. Weeks may take a busy machine that long.
            keep_alive_config=None,
        )
        yield client
    finally:
        await environment.shutdown()
