"""Two namespaces of one server: ours, and that of a team which orders payments by Nexus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from temporalio.api.nexus.v1 import EndpointSpec, EndpointTarget
from temporalio.api.operatorservice.v1 import CreateNexusEndpointRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from domain.ids import nexus_queue
from finality_client.nexus import PayRequest
from settings import NexusDoor
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

DOOR: Final = "buyers"
#: Events of a history after which the server suggests to continue as new.
SUGGESTS_AFTER: Final = 20


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


def next_week(shop: Shop) -> dict[str, Any]:
    """Times of an order which we hold until then."""
    day = shop.world.assembly.clock.now().date() + timedelta(days=7)
    return {"requested_execution_date": day.isoformat()}


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

    async def continued(self, payment_id: str) -> None:
        """Wait until the run that waits for this payment has continued as a new one."""
        waits = self.ours.get_workflow_handle(f"payment-end/shop/{payment_id}")
        first = await eventually(lambda: _run_id(waits), "the run that waits")

        async def is_new() -> bool:
            return await _run_id(waits) != first

        await eventually(is_new, "a new run", every=0.2)

    async def recorded(self, key: str) -> str:
        """The id of the payment under a key, as soon as there is one."""

        async def seen() -> str | None:
            found = (await self.look(key)).payment
            return found["id"] if found else None

        found: str = await eventually(seen, f"a payment under {key}", every=0.2)
        return found


async def _run_id(handle: WorkflowHandle[Any, Any]) -> str | None:
    """The latest run's; None: there is no run yet."""
    try:
        return (await handle.describe()).run_id
    except RPCError:
        return None


@asynccontextmanager
async def shop_in(folder: Path, keyring: str) -> AsyncIterator[Shop]:
    """Both teams at work, on a server of their own.

    Args:
        keyring: the text of the keyring that they share.
    """
    server = await dev_server(folder / "temporal.log", suggests_new_run_after=SUGGESTS_AFTER)
    try:
        await _lead_to_door(await Client.connect(server.address))
        file = folder / "buyers.keyring"
        file.touch(mode=0o600)
        file.write_text(keyring)
        async with world(folder / "home", server.address, of=profile(cancels=True)) as made:
            door = NexusDoor(tenant="shop", keyring_file=file, accounts=(f"{BANK}/{ACCOUNT}",))
            settings = made.assembly.settings.model_copy(update={"nexus": {DOOR: door}})
            made.assembly.settings = settings
            await made.work()
            theirs = await connected(server.address, keyring)
            await eventually(lambda: _is_known(theirs), "the other namespace", every=0.2)
            async with buyer(theirs):
                yield Shop(made, theirs, await made.assembly.client())
    finally:
        server.kill()


async def _lead_to_door(client: Client) -> None:
    """Make the other team's namespace, and an endpoint which leads to our door."""
    request = RegisterNamespaceRequest(namespace=NAMESPACE)
    request.workflow_execution_retention_period.FromSeconds(86_400)
    await client.workflow_service.register_namespace(request)
    target = EndpointTarget.Worker(namespace="default", task_queue=nexus_queue(DOOR))
    spec = EndpointSpec(name=ENDPOINT, target=EndpointTarget(worker=target))
    await client.operator_service.create_nexus_endpoint(CreateNexusEndpointRequest(spec=spec))


async def _is_known(client: Client) -> bool:
    """A new namespace is not known everywhere at once."""
    try:
        await client.count_workflows()
    except RPCError:
        return False
    return True
