"""The API in this process, above a store of its own; Temporal is away unless a test says not."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from assembly import Assembly, MachineClock
from domain.account_data.reading import FeedName
from domain.lifecycle.profile import InstructionKind
from domain.scopes import Scope
from starter.api.application import application
from starter.api.guard import Limits
from starter.api.parts import Parts
from starter.away import TemporalAway
from starter.files.plan import DebtorAccount
from store.schema import upgrade
from tests.fakes import (
    ACCOUNT,
    BANK,
    CREDITOR_IBAN,
    CREDITOR_NAME,
    DEBTOR_IBAN,
    FakePartner,
    profile,
)
from tests.store.books import opened
from tests.world import world

SHOP, OTHER = "shop", "other"
#: The account that a key of SHOP may collect through.
TILL = "till"


@dataclass
class FakeRunning:
    """What `Running` is to the client: it starts nothing, and notes what it was asked."""

    away: bool = True
    started: list[str] = field(default_factory=list)

    async def first_news(self, tenant: str, payment_id: str, **_: Any) -> object | None:
        if self.away:
            return None
        self.started.append(payment_id)
        return object()

    async def ensure_running(
        self, tenant: str, payment_id: str, kind: str = "payment", **_: Any
    ) -> None:
        if self.away:
            raise TemporalAway("no Temporal server answers")
        self.started.append(payment_id)

    async def ensure_reading(self, feed: FeedName) -> None:
        if self.away:
            raise TemporalAway("no Temporal server answers")
        self.started.append(f"feed of {feed.consent_id}")


@dataclass
class Api:
    """Calls the API as programs of two tenants would."""

    assembly: Assembly
    running: FakeRunning
    http: httpx.AsyncClient
    texts: dict[str, str]
    """Keys, by what they may do."""
    parts: Parts

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        who: str = SHOP,
        content: bytes | None = None,
        **headers: str,
    ) -> httpx.Response:
        """One request with the key of `who`; names of headers have `_` for `-`."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            given["idempotency-key"] = key
        if who:
            given["authorization"] = f"Bearer {self.texts[who]}"
        if content is not None:
            given.setdefault("content-type", "application/json")
            return await self.http.request(method, path, content=content, headers=given)
        return await self.http.request(method, path, json=body, headers=given)

    async def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self.ask("POST", path, body, **more)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.ask("GET", path, **more)

    async def pay(self, key: str = "k", *, who: str = SHOP, **fields: Any) -> httpx.Response:
        return await self.post("/v1/payments", transfer(**fields), key=key, who=who)


def transfer(minor: int = 1250, **fields: Any) -> dict[str, Any]:
    """The body of a credit transfer."""
    return {
        "instructed_amount": {"minor": minor, "currency": "EUR"},
        "debtor": {"name": "Shop"},
        "debtor_account": {"iban": DEBTOR_IBAN},
        "creditor": {"name": CREDITOR_NAME},
        "creditor_account": {"iban": CREDITOR_IBAN},
        "end_to_end_id": f"INVOICE-{minor}",
        **fields,
    }


def debtors() -> Mapping[str, DebtorAccount]:
    """The shop's account, and one of the other tenant."""
    return {
        iban: DebtorAccount(
            iban=iban, tenant=tenant, partner=BANK, partner_account=ACCOUNT, currency="EUR",
            simulated=True,
        )
        for iban, tenant in ((DEBTOR_IBAN, SHOP), (CREDITOR_IBAN, OTHER))
    }  # fmt: skip


def collecting_profile() -> Any:
    pay = profile().operations[InstructionKind.PAY]
    return profile(
        collects=True,
        operations={
            InstructionKind.PAY: pay,
            InstructionKind.CAPTURE: pay,
            InstructionKind.REFUND: pay,
        },
    )


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of SQLite with today's tables, to be copied: to migrate takes longer than a test."""
    file = tmp_path_factory.mktemp("migrated") / "finality.db"
    database = opened(file)
    upgrade(database)
    database.close()
    return file


@pytest_asyncio.fixture
async def api(tmp_path: Path, migrated: Path) -> AsyncIterator[Api]:
    shutil.copy(migrated, tmp_path / "finality.db")
    till = FakePartner(collecting_profile(), MachineClock())
    async with world(tmp_path, "127.0.0.1:1", beside={(BANK, TILL): till}) as made:
        assembly = made.assembly
        running = FakeRunning()
        assembly._running = running  # type: ignore[assignment]
        now = assembly.clock.now()
        texts = {}
        for name, tenant, scopes in (
            (SHOP, SHOP, [Scope.PAY, Scope.READ, Scope.OPERATE]),
            (OTHER, OTHER, [Scope.PAY, Scope.READ, Scope.OPERATE]),
            ("reader", SHOP, [Scope.READ]),
            ("payer", SHOP, [Scope.PAY]),
            ("teller", SHOP, [Scope.ACCOUNTS]),
            ("stranger", OTHER, [Scope.ACCOUNTS]),
        ):
            accounts = [(BANK, TILL)] if tenant == SHOP else []
            new = await assembly.api_keys.make(tenant, name, scopes, now, accounts=accounts)
            texts[name] = new.text
        parts = replace(
            assembly.api_parts,
            debtors=debtors(),
            intake=lambda tenant: replace(
                assembly.intake_of(tenant),
                debtors={iban: one for iban, one in debtors().items() if one.tenant == tenant},
            ),
        )
        limits = Limits(
            file_bytes_max=256 * 1024, body_within=timedelta(milliseconds=300), burst=1000
        )
        app = application(parts, limits)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://finality") as http:
            yield Api(assembly, running, http, texts, parts)
