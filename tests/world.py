"""All parts of one process around a fake partner, with its workers, on some Temporal server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlmodel import select
from temporalio.client import Client, WorkflowHandle

from activities.messages import ResourceRef
from assembly import Assembly, MachineClock
from domain.clock import Clock
from domain.ids import workflow_id
from domain.lifecycle.profile import Profile
from domain.payments.gate import Check
from domain.payments.order import Order
from domain.payments.payment import Payment
from domain.payments.report import PaymentState
from partners.interface import PaymentPartner
from regimes.ladder import escalate
from settings import Settings
from starter.client import Receipt
from store import schema
from store.database import Database
from store.inbox import Inbox
from store.keyring import Keyring
from store.payment_kind import payments_alone
from store.payments import Payments
from store.sending import SendBook
from store.tables.lifecycles import AttemptRow
from store.tables.people import TaskRow
from tests.fakes import ACCOUNT, BANK, FakePartner, order, profile
from tests.polling import eventually
from worker import workers
from workflows.payment import PaymentWorkflow

KEYRING = Keyring({"test-1": b"w" * 32}, "test-1")
#: The disk of a busy machine can stand still for seconds, and a send that is late is another test.
_WRITE_WITHIN = timedelta(seconds=10)


@dataclass
class World:
    """One process of ours; `work` and `rest` start and stop its workers."""

    assembly: Assembly
    partner: FakePartner
    workers: AsyncExitStack = field(default_factory=AsyncExitStack)
    ordered: Order = field(init=False)

    def __post_init__(self) -> None:
        self.ordered = order(self.assembly.clock.now())

    async def work(self) -> None:
        """Start the workers."""
        client = await self.assembly.client()
        for worker in workers(self.assembly, client):
            await self.workers.enter_async_context(worker)

    async def rest(self) -> None:
        """Let the workers finish the steps in hand and stop."""
        await self.workers.aclose()

    async def pay(
        self, key: str = "k", *, of: Order | None = None, patience: timedelta | None = None
    ) -> Receipt:
        """Give an order as an app would; by default without waiting for news."""
        return await self.assembly.orchestrator.pay(of or self.ordered, key, patience=patience)

    async def record_only(self, key: str = "k", *, of: Order | None = None) -> str:
        """Record an order as if Temporal had been away at that moment; gives its id."""
        now = self.assembly.clock.now()
        made = await self.assembly.payments.accept(
            of or self.ordered,
            key=key,
            fingerprint=key,
            payment_id=f"pay_{key}",
            profile=self.partner.profile,
            now=now,
        )
        return made.view.payment_id

    async def payment(self, payment_id: str) -> Payment:
        return (await self.assembly.payments.view(payment_id)).payment

    async def until(self, payment_id: str, *states: PaymentState, seconds: float = 60) -> Payment:
        """The payment as soon as it is in one of the states."""

        async def seen() -> Payment | None:
            payment = await self.payment(payment_id)
            return payment if payment.state in states else None

        found: Payment = await eventually(seen, f"{payment_id} in {states}", seconds)
        return found

    async def handle(
        self, payment_id: str, tenant: str = "shop"
    ) -> WorkflowHandle[PaymentWorkflow, str]:
        """The workflow that runs it."""
        client = await self.assembly.client()
        return client.get_workflow_handle_for(PaymentWorkflow.run, workflow_id(tenant, payment_id))

    async def ensure_running(self, payment_id: str) -> None:
        await (await self.assembly.running()).ensure_running("shop", payment_id)

    def tasks(self) -> dict[str, bool]:
        """Kind of every task to whether it is open."""
        rows = self.assembly.database.read_now(lambda s: s.exec(select(TaskRow)).all())
        return {row.kind: row.closed_at is None for row in rows}

    def attempts(self) -> int:
        return len(self.assembly.database.read_now(lambda s: s.exec(select(AttemptRow)).all()))


@asynccontextmanager
async def world(
    home: Path,
    address: str,
    *,
    of: Profile | None = None,
    clock: Clock | None = None,
    client: Client | None = None,
    keyring: Keyring = KEYRING,
    partner: FakePartner | None = None,
    beside: Mapping[tuple[str, str], PaymentPartner] | None = None,
    checks: Sequence[Check] = (),
    database_url: str | None = None,
    leave_temporal_after: timedelta | None = None,
) -> AsyncIterator[World]:
    """A process with its store in `home` or at the URL; its workers are not started yet.

    Args:
        beside: other partners than the fake one, by name and account.
    """
    home.mkdir(parents=True, exist_ok=True)
    clock = clock or MachineClock()
    partner = partner or FakePartner(of or profile(), clock)
    partner.profile = _unhurried(partner.profile)
    settings = Settings(
        home=home,
        database_url=database_url,
        temporal_address=address,
        graceful_shutdown=timedelta(seconds=5),
        leave_temporal_after=leave_temporal_after,
    )
    database = Database(settings.database)
    schema.upgrade(database)
    assembly = Assembly(
        settings=settings,
        keyring=keyring,
        database=database,
        payments=Payments(database, keyring, payments_alone(escalate)),
        book=SendBook(database, keyring, payments_alone(escalate)),
        inbox=Inbox(database, keyring),
        clock=clock,
        make_partners=lambda: {(BANK, ACCOUNT): partner, **(beside or {})},
        logins={},
        checks=checks,
        _client=client,
    )
    made = World(assembly, partner)
    try:
        yield made
    finally:
        if partner.gate is not None:
            partner.gate.set()  # Else a worker would wait for the step in hand.
        await made.rest()
        await assembly.close()


def _unhurried(profile: Profile) -> Profile:
    """The profile with more time for each send, as real processes need it."""
    operations = {
        kind: operation.model_copy(
            update={"write_within": max(operation.write_within, _WRITE_WITHIN)}
        )
        for kind, operation in profile.operations.items()
    }
    return profile.model_copy(update={"operations": operations})


def ref(payment_id: str) -> ResourceRef:
    return ResourceRef(tenant="shop", resource_id=payment_id)
