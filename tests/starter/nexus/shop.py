"""Two namespaces of one server: ours, and that of a team which orders payments by Nexus."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
from temporalio.api.nexus.v1 import EndpointSpec, EndpointTarget
from temporalio.api.operatorservice.v1 import CreateNexusEndpointRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from domain.ids import nexus_queue, payment_end_id
from finality_client.nexus import SERVICE, PayRequest
from local.temporal_server import free_port
from settings import NexusDoor
from store.keyring import Keyring, new_line
from tests.fakes import ACCOUNT, BANK, CREDITOR_IBAN, CREDITOR_NAME, DEBTOR_IBAN, profile
from tests.polling import eventually
from tests.servers import dev_server
from tests.starter.nexus.caller import (
    ENDPOINTS,
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
#: Another team's door to the same tenant.
OTHER_DOOR: Final = "sellers"
#: The queue of that team's workflows.
OTHER_QUEUE: Final = "selling"
#: The same in every order, since an order that is repeated has to be the same.
_TOMORROW: Final = (datetime.now(UTC) + timedelta(days=1)).isoformat()
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
        "times": {"submit_before": _TOMORROW},
        **fields,
    }


def next_week(shop: Shop) -> dict[str, Any]:
    """Times of an order which we hold until then."""
    now = shop.world.assembly.clock.now()
    return {
        "requested_execution_date": (now.date() + timedelta(days=7)).isoformat(),
        "submit_before": (now + timedelta(days=14)).isoformat(),
    }


@dataclass
class Shop:
    """Our processes, and the other team before them."""

    world: World
    theirs: Client
    ours: Client
    others: Client
    """The client of the team behind the other door."""
    addresses: Mapping[str, str]
    """Where each door's endpoint takes calls by HTTP."""
    keyring: Keyring
    """The one that the first team shares with us."""

    async def buy(
        self, key: str, asked: dict[str, Any], client: Client | None = None, queue: str = QUEUE
    ) -> WorkflowHandle[BuyWorkflow, Bought]:
        """Start a workflow of the other team which orders a payment."""
        return await (client or self.theirs).start_workflow(
            BuyWorkflow.run, args=[PayRequest(key=key, order=asked), ENDPOINTS[DOOR]],
            id=str(uuid4()), task_queue=queue, execution_timeout=timedelta(seconds=60),
        )  # fmt: skip

    async def sell(self, key: str, asked: dict[str, Any]) -> WorkflowHandle[BuyWorkflow, Bought]:
        """Start a workflow of the team behind the other door which orders a payment."""
        return await self.others.start_workflow(
            BuyWorkflow.run, args=[PayRequest(key=key, order=asked), ENDPOINTS[OTHER_DOOR]],
            id=str(uuid4()), task_queue=OTHER_QUEUE, execution_timeout=timedelta(seconds=60),
        )  # fmt: skip

    async def cancelled_by_http(self, token: str, operation: str = "pay") -> int:
        """The status of a cancel with this token, as anybody who reaches the endpoint may send."""
        address = f"{self.addresses[DOOR]}/{SERVICE}/{operation}/cancel"
        async with httpx.AsyncClient(timeout=20) as http:
            answer = await http.post(address, headers={"Nexus-Operation-Token": token})
        return answer.status_code

    async def look(self, key: str, cancel: str = "") -> Bought:
        """What the other team sees of a payment, perhaps after a cancel under that id."""
        return await self.theirs.execute_workflow(
            LookWorkflow.run, args=[key, cancel], id=str(uuid4()), task_queue=QUEUE,
            execution_timeout=timedelta(seconds=60),
        )  # fmt: skip

    async def continued(self, payment_id: str) -> None:
        """Wait until the run that waits for this payment has continued as a new one."""
        waits = self.ours.get_workflow_handle(payment_end_id(DOOR, "shop", payment_id))
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
    """Both teams at work, on a server of their own, and a third team behind a door of its own.

    Args:
        keyring: the text of the keyring that the first team shares with us.
    """
    http_port = free_port()
    server = await dev_server(
        folder / "temporal.log", suggests_new_run_after=SUGGESTS_AFTER, http_port=http_port
    )
    try:
        ids = await _lead_to_doors(await Client.connect(server.address))
        addresses = {
            door: f"http://127.0.0.1:{http_port}/nexus/endpoints/{its}/services"
            for door, its in ids.items()
        }
        keyrings = {DOOR: keyring, OTHER_DOOR: new_line("key")}
        async with world(folder / "home", server.address, of=profile(cancels=True)) as made:
            doors = {name: _door(folder, name, text) for name, text in keyrings.items()}
            settings = made.assembly.settings.model_copy(update={"nexus": doors})
            made.assembly.settings = settings
            await made.work()
            theirs = await connected(server.address, keyring)
            others = await connected(server.address, keyrings[OTHER_DOOR])
            await eventually(lambda: _is_known(theirs), "the other namespace", every=0.2)
            async with buyer(theirs), buyer(others, OTHER_QUEUE):
                ours = await made.assembly.client()
                shared = Keyring.read(doors[DOOR].keyring_file)
                yield Shop(made, theirs, ours, others, addresses, shared)
    finally:
        server.kill()


def _door(folder: Path, name: str, keyring: str) -> NexusDoor:
    file = folder / f"{name}.keyring"
    file.touch(mode=0o600)
    file.write_text(keyring)
    return NexusDoor(tenant="shop", keyring_file=file, accounts=(f"{BANK}/{ACCOUNT}",))


async def _lead_to_doors(client: Client) -> Mapping[str, str]:
    """Make the other teams' namespace, and endpoints which lead to our doors. Their ids by door."""
    request = RegisterNamespaceRequest(namespace=NAMESPACE)
    request.workflow_execution_retention_period.FromSeconds(86_400)
    await client.workflow_service.register_namespace(request)
    ids = {}
    for door, endpoint in ENDPOINTS.items():
        target = EndpointTarget.Worker(namespace="default", task_queue=nexus_queue(door))
        spec = EndpointSpec(name=endpoint, target=EndpointTarget(worker=target))
        asked = CreateNexusEndpointRequest(spec=spec)
        ids[door] = (await client.operator_service.create_nexus_endpoint(asked)).endpoint.id
    return ids


async def _is_known(client: Client) -> bool:
    """A new namespace is not known everywhere at once."""
    try:
        await client.count_workflows()
    except RPCError:
        return False
    return True
