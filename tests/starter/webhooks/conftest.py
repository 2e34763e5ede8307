"""A tenant with events and endpoints, and the process that delivers to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_network

import pytest
import pytest_asyncio
from sqlmodel import select

from starter.webhooks.delivering import Deliverer
from starter.webhooks.endpoints import WebhookEndpoints
from store.events import Event, Events
from store.tables.people import TaskRow
from store.webhooks.deliveries import Deliveries
from store.webhooks.endpoints import Endpoints, WithSecret
from store.webhooks.turns import EndpointTurns
from tests.starter.webhooks.receiver import Receiver, receiving
from tests.store.books import Store
from tests.store.conftest import clock, migrated, processes, store, where
from transport.posting import Posting

__all__ = ["clock", "migrated", "processes", "store", "where"]

TENANT = "shop"
HERE = (ip_network("127.0.0.0/8"),)


async def _resolve(host: str, port: int) -> list[str]:
    return [host]


@dataclass
class Webhooks:
    """Endpoints above a store, and a deliverer that a test drives."""

    store: Store
    deliverer: Deliverer = field(init=False)
    turns: EndpointTurns = field(init=False)
    endpoints: WebhookEndpoints = field(init=False)
    _keys: int = 0

    def __post_init__(self) -> None:
        endpoints = Endpoints(self.store.database, self.store.keyring)
        self.turns = EndpointTurns(self.store.database, endpoints)
        self.deliverer = deliverer(self.turns, self.store)
        self.endpoints = WebhookEndpoints(
            endpoints,
            Deliveries(self.store.database, endpoints),
            kinds=["payment"],
            allowed=HERE,
            clock=self.store.clock,
        )

    def key(self) -> str:
        self._keys += 1
        return f"key-{self._keys}"

    async def endpoint(self, receiver: Receiver, *types: str, tenant: str = TENANT) -> WithSecret:
        return await self.endpoints.make(
            tenant, self.key(), url=receiver.url, description="", types=types
        )

    async def event(self, name: str) -> str:
        """A payment, and so an event. Returns the event's id."""
        await self.store.accept(name, payment_id=f"pay_{name}")
        return f"evt_pay_{name}_1"

    async def deliver(self) -> None:
        """Deliver until nothing more is due at this moment."""
        for _ in range(100):
            if not await self.deliverer.look():
                return
            await self.deliverer.settled()
        raise AssertionError("there is always something due")

    async def deliver_through(self, until: datetime, step: timedelta) -> None:
        """Deliver at each step of the clock."""
        while self.store.clock.now() < until:
            await self.deliver()
            self.store.clock.step(step)
        await self.deliver()

    async def events(self, kind: str = "webhook_endpoint") -> list[Event]:
        found, _ = await Events(self.store.database).after(TENANT, limit=1000)
        return [each for each in found if each.kind == kind]

    def tasks(self) -> list[TaskRow]:
        return self.store.rows(
            lambda session: [
                row for row in session.exec(select(TaskRow)) if row.kind == "webhook_failing"
            ]
        )


def deliverer(turns: EndpointTurns, store: Store, *, seconds: float = 30) -> Deliverer:
    posting = Posting(allowed=HERE, resolve=_resolve, clock=store.clock, answer_seconds=seconds)
    return Deliverer(turns=turns, posting=posting, clock=store.clock)


@pytest.fixture
def webhooks(store: Store) -> Webhooks:
    return Webhooks(store)


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest_asyncio.fixture
async def other() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made
