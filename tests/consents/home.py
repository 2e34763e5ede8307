"""A process that asks users of the model bank for access to their accounts."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sqlmodel import select
from temporalio.client import Client, WorkflowHandle

from assembly import KINDS, Assembly, MachineClock
from domain.clock import Clock
from domain.consents.consent import Consent
from domain.consents.instructions import KIND
from domain.consents.report import ConsentState
from domain.consents.request import ConsentRequest, Permission, User
from domain.ids import workflow_id
from domain.lifecycle.profile import Profile
from settings import Settings
from starter.consents import ConsentReceipt
from store import schema
from store.database import Database
from store.inbox import Inbox
from store.keyring import Keyring
from store.payments import Payments
from store.sending import SendBook
from store.tables.people import TaskRow
from tests.account_data.bank import ModelAccounts
from tests.consents.bank import ModelBank
from tests.polling import eventually
from tests.world import KEYRING
from worker import workers
from workflows.consent import ConsentWorkflow

#: What the app keeps in the user's browser session.
BROWSER: Final = "browser-0123456789abcdef"


def asked(**fields: Any) -> ConsentRequest:
    """A request to read balances and transactions for as long as the bank grants."""
    return ConsentRequest(
        **{
            "tenant": "shop",
            "partner": "bank",
            "partner_account": "main",
            "user": User(user_id="u-1", psu_id="wilhelmina", ip_address="203.0.113.7"),
            "permissions": (Permission.BALANCES, Permission.TRANSACTIONS),
            "return_url": "https://shop.example/back",
            "regime": "psd2",
            **fields,
        }
    )


@dataclass
class ConsentHome:
    """One process: its parts, its bank and, once it works, its workers."""

    assembly: Assembly
    bank: ModelBank
    data: ModelAccounts = field(default_factory=ModelAccounts)
    running: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def work(self) -> None:
        """Start the workers."""
        for worker in workers(self.assembly, await self.assembly.client()):
            await self.running.enter_async_context(worker)

    async def rest(self) -> None:
        """Let the workers finish the steps in hand and stop."""
        await self.running.aclose()

    async def record_only(self, key: str = "k", **fields: Any) -> ConsentReceipt:
        """Ask for a consent as an app would, and wait for nothing."""
        return await self.assembly.consents.request(
            asked(**fields), key, browser_session=BROWSER, patience=timedelta(0)
        )

    async def ask(self, key: str = "k", **fields: Any) -> ConsentReceipt:
        """The same, and wait until the bank has it, however busy this machine is."""
        receipt = await self.record_only(key, **fields)
        return await self.beyond_draft(receipt.consent_id, is_replay=receipt.is_replay)

    async def beyond_draft(self, consent_id: str, *, is_replay: bool = False) -> ConsentReceipt:
        """The consent as soon as the bank has answered about it."""
        await self.until(consent_id, *(each for each in ConsentState if each != "draft"))
        shown = await self.assembly.consents.show(consent_id, tenant=None)
        shown.is_replay = is_replay
        return shown

    async def come_back(self, params: dict[str, str], **fields: Any) -> ConsentReceipt:
        """The user comes back to the app, which hands over the callback."""
        how = {"tenant": "shop", "browser_session": BROWSER, **fields}
        return await self.assembly.consents.answer(params, **how)

    async def consent(self, consent_id: str) -> Consent:
        return (await self.assembly.consents.show(consent_id, tenant=None)).consent

    async def until(self, consent_id: str, *states: ConsentState) -> Consent:
        """The consent as soon as it is in one of the states."""

        async def seen() -> Consent | None:
            consent = await self.consent(consent_id)
            return consent if consent.state in states else None

        found: Consent = await eventually(seen, f"{consent_id} in {states}", 90)
        return found

    async def connected(self, key: str = "k", **fields: Any) -> str:
        """Ask, and have the user authorise it. Returns the id of the active consent."""
        receipt = await self.ask(key, **fields)
        await self.come_back(self.bank.authorise())
        await self.until(receipt.consent_id, ConsentState.ACTIVE)
        return receipt.consent_id

    async def renew(self, consent_id: str, command_id: str = "r") -> ConsentReceipt:
        receipt = await self.assembly.consents.renew(
            consent_id,
            command_id,
            tenant="shop",
            by="u-1",
            browser_session=BROWSER,
            patience=timedelta(0),
        )
        return await self.beyond_draft(receipt.consent_id, is_replay=receipt.is_replay)

    async def handle(self, consent_id: str) -> WorkflowHandle[ConsentWorkflow, str]:
        """The workflow that runs it."""
        client = await self.assembly.client()
        return client.get_workflow_handle_for(
            ConsentWorkflow.run, workflow_id("shop", consent_id, KIND)
        )

    def tasks(self) -> dict[str, bool]:
        """Kind of every task to whether it is open."""
        rows = self.assembly.database.read_now(lambda s: s.exec(select(TaskRow)).all())
        return {row.kind: row.closed_at is None for row in rows}


@asynccontextmanager
async def consent_home(
    home: Path,
    address: str,
    *,
    of: Profile | None = None,
    clock: Clock | None = None,
    client: Client | None = None,
    keyring: Keyring = KEYRING,
    database_url: str | None = None,
    dies_after_effect: bool = False,
) -> AsyncIterator[ConsentHome]:
    """A process with its store in `home` or at the URL; its workers are not started yet."""
    home.mkdir(parents=True, exist_ok=True)
    clock = clock or MachineClock()
    settings = Settings(
        home=home,
        database_url=database_url,
        temporal_address=address,
        graceful_shutdown=timedelta(seconds=5),
    )
    database = Database(settings.database)
    schema.upgrade(database)
    bank = ModelBank(home / "bank.json", clock, dies_after_effect=dies_after_effect)
    bank.profile = of or bank.profile
    data = ModelAccounts()
    assembly = Assembly(
        settings=settings,
        keyring=keyring,
        database=database,
        payments=Payments(database, keyring, KINDS),
        book=SendBook(database, keyring, KINDS),
        inbox=Inbox(database, keyring),
        clock=clock,
        make_partners=dict,
        make_consent_partners=lambda: {("bank", "main"): bank},
        make_data_partners=lambda: {("bank", "main"): data},
        logins={},
        _client=client,
    )
    made = ConsentHome(assembly, bank, data)
    try:
        yield made
    finally:
        await made.rest()
        await assembly.close()


async def _work_until_killed(home: Path, address: str) -> None:
    async with consent_home(home, address, dies_after_effect=True) as made:
        await made.work()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_work_until_killed(Path(sys.argv[1]), sys.argv[2]))
