"""A server with two namespaces: ours, and that of a team which orders payments by Nexus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.nexus.v1 import EndpointSpec, EndpointTarget
from temporalio.api.operatorservice.v1 import CreateNexusEndpointRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client, WorkflowHandle

from domain.ids import nexus_queue
from finality_client.nexus import PayRequest
from local.temporal_server import DevServer
from settings import NexusDoor
from store.keyring import new_line
from tests.fakes import ACCOUNT, BANK, CREDITOR_IBAN, CREDITOR_NAME, DEBTOR_IBAN, profile
from tests.polling import eventually
from tests.servers import dev_server
from tests.starter.nexus.caller import (
    ENDPOINT,
    NAMESPACE,
    QUEUE,
    Bought,
    BuyWorkflow,
    LookWorkflow,
    buyer,
    connected,
)
from tests.world import World, world

DOOR = "buyers"


def order(end_to_end_id: str, minor: int = 1250, **fields: Any) -> dict[str, Any]:
    """The order of a credit transfer, as the HTTP API takes it."""
    return {
        "instructed_amount": {"minor": minor, "currency": "EUR"},
        "partner": BANK,
        "partner_account": ACCOUNT,
        "debtor": {"name": "Shop"},
        "debtor_account": {"iban": DEBTOR_IBAN},
        "creditor": {"name": CREDITOR_NAME},
        "creditor_account": {"iban": CREDITOR_IBAN},
        "end_to_end_id": end_to_end_id,
        **fields,
    }


@dataclass
class Shop:
    """Our processes, and the other team before them."""

    world: World
    theirs: Client
    ours: Client

    async def buy(
        self, key: str, asked: dict[str, Any], client: Client | None = None, queue: str = QUEUE
    ) -> WorkflowHandle[BuyWorkflow, Bought]:
        """Start a workflow of the other team which orders a payment."""
        return await (client or self.theirs).start_workflow(
            BuyWorkflow.run, PayRequest(key=key, order=asked), id=str(uuid4()),
            task_queue=queue, execution_timeout=timedelta(seconds=60),
        )  # fmt: skip

    async def look(self, key: str, cancel: str = "") -> Bought:
        """What the other team sees of a payment, perhaps after a cancel under that id."""
        return await self.theirs.execute_workflow(
            LookWorkflow.run, args=[key, cancel], id=str(uuid4()), task_queue=QUEUE,
            execution_timeout=timedelta(seconds=60),
        )  # fmt: skip

    async def recorded(self, key: str) -> str:
        """The id of the payment under a key, as soon as there is one."""

        async def seen() -> str | None:
            found = (await self.look(key)).payment
            return found["id"] if found else None

        found: str = await eventually(seen, f"a payment under {key}", every=0.2)
        return found


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    """With the other team's namespace, and an endpoint which leads to our door."""
    started = await dev_server(
        tmp_path_factory.mktemp("nexus") / "temporal.log", suggests_new_run_after=20
    )
    try:
        client = await Client.connect(started.address)
        request = RegisterNamespaceRequest(namespace=NAMESPACE)
        request.workflow_execution_retention_period.FromSeconds(86_400)
        await client.workflow_service.register_namespace(request)
        target = EndpointTarget.Worker(namespace="default", task_queue=nexus_queue(DOOR))
        spec = EndpointSpec(name=ENDPOINT, target=EndpointTarget(worker=target))
        await client.operator_service.create_nexus_endpoint(CreateNexusEndpointRequest(spec=spec))
        yield started
    finally:
        started.kill()


@pytest.fixture(scope="module")
async def shop(
    server: DevServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Shop]:
    home: Path = tmp_path_factory.mktemp("shop")
    keyring = home / "buyers.keyring"
    keyring.touch(mode=0o600)
    keyring.write_text(new_line("key"))
    async with world(home, server.address, of=profile(cancels=True)) as made:
        door = NexusDoor(tenant="shop", keyring_file=keyring, accounts=(f"{BANK}/{ACCOUNT}",))
        made.assembly.settings = made.assembly.settings.model_copy(update={"nexus": {DOOR: door}})
        await made.work()
        theirs = await connected(server.address, keyring.read_text())

        async def registered() -> bool:
            try:
                await theirs.count_workflows()
            except Exception:  # The namespace is made, and not known everywhere yet.
                return False
            return True

        await eventually(registered, "the other namespace", every=0.2)
        async with buyer(theirs):
            yield Shop(made, theirs, await made.assembly.client())
