"""The two sides of every comparison: the product and its bare twin, each with its own worker."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final, Protocol
from uuid import uuid4

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks.acts import Acts, Partner
from benchmarks.load import Payer
from benchmarks.shape import Shape
from benchmarks.stand import Stand, order
from benchmarks.twin import QUEUE, TwinPayment, score
from domain.ids import workflow_id
from partners.currencycloud.registration import API_KEY, LOGIN_ID

_PATIENCE: Final = timedelta(seconds=60)
#: Whole payments before anything is measured: imports, connections, caches.
_WARM_UP: Final = 10


class NotStarted(RuntimeError):
    """A worker gave no first news in time; the log in the home says more."""


class Side(Payer, Protocol):
    """Who pays, with a worker of its own."""

    name: str

    def start_worker(self, **environment: str) -> subprocess.Popen[bytes]:
        """One more of its workers."""
        ...


class Product:
    """Finality, as its users run it."""

    name = "finality"

    def __init__(self, stand: Stand) -> None:
        self._stand = stand

    def start_worker(self, **environment: str) -> subprocess.Popen[bytes]:
        return self._stand.start("cli", "worker", name="worker", **environment)

    async def pay(self, reference: str) -> str:
        orchestrator = self._stand.assembly.orchestrator
        receipt = await orchestrator.pay(order(reference), reference, patience=_PATIENCE)
        if not receipt.is_started:
            raise NotStarted(f"{reference} is recorded, but nothing was heard of it")
        return workflow_id("bench", receipt.payment_id)

    async def until_over(self, workflow: str) -> None:
        await self._stand.client.get_workflow_handle(workflow).result()


class Twin:
    """The same history without our logic."""

    name = "twin"

    def __init__(self, stand: Stand, shape: Shape, client: Client) -> None:
        self._stand = stand
        self._shape = shape
        self._client = client
        self._file = stand.home / "twin.db"
        self._score_file = stand.home / "shape.json"
        shape.save(self._score_file)
        self._partner = (stand.simulator.base_url, LOGIN_ID, API_KEY)
        self._acts = Acts(self._file, Partner(*self._partner))

    @classmethod
    async def of(cls, stand: Stand, shape: Shape) -> Twin:
        client = await Client.connect(
            stand.temporal.address, data_converter=pydantic_data_converter
        )
        return cls(stand, shape, client)

    def start_worker(self, **environment: str) -> subprocess.Popen[bytes]:
        return self._stand.start(
            "benchmarks.twin_worker",
            self._stand.temporal.address,
            str(self._score_file),
            str(self._file),
            *self._partner,
            name="twin",
            **environment,
        )

    async def pay(self, reference: str) -> str:
        await self._acts.do(self._shape.before, reference)
        workflow = f"twin/{reference}"
        operation = WithStartWorkflowOperation(
            TwinPayment.run,
            score(self._shape, reference),
            id=workflow,
            task_queue=QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        await self._client.execute_update_with_start_workflow(
            TwinPayment.first_news, start_workflow_operation=operation, id=str(uuid4())
        )
        await self._acts.do(self._shape.after, reference)
        return workflow

    async def until_over(self, workflow: str) -> None:
        await self._client.get_workflow_handle(workflow).result()


@asynccontextmanager
async def working(
    stand: Stand, side: Side, workers: int = 1, environment: Mapping[str, str] | None = None
) -> AsyncIterator[list[subprocess.Popen[bytes]]]:
    """Warm workers of that side, and no other."""
    made = [side.start_worker(**(environment or {})) for _ in range(workers)]
    try:
        warm = uuid4().hex[:8]
        paid = await asyncio.gather(
            *(side.pay(f"warm-{warm}-{number}") for number in range(_WARM_UP * workers))
        )
        await asyncio.gather(*(side.until_over(workflow) for workflow in paid))
        yield made
    finally:
        for child in made:
            await stand.stop(child)
