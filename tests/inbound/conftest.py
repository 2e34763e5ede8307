"""A store, a runner that notes what it is told, and the endpoint on a real port."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlmodel import select

from assembly import STORE_AWAY
from inbound.endpoint import endpoint
from inbound.webhooks import Runner, Webhooks
from partners.currencycloud.account import WebhookSigning
from partners.currencycloud.webhooks import CurrencycloudWebhooks
from serving import served
from starter.away import LEFT_TO_RELAY, TemporalAway
from store.tables.partners import InboxRow
from tests.clock import SteppedClock
from tests.fakes import ACCOUNT, BANK
from tests.store.books import Store, accepted

SECRET = "6d3c1f0b6d3c1f0b6d3c1f0b6d3c1f0b"
SIGNATURE, SENT_AT = "x-hmac-digest-sha-512", "x-sent-at"
#: Our name of an account whose deliveries carry a signed timestamp.
DATED = "dated"
BODY_WITHIN = timedelta(seconds=1)
PATH = f"/webhooks/{BANK}/{ACCOUNT}"


@dataclass
class FakeRunner:
    """Notes whom it had to run; `away` is Temporal's absence, `gate` its slowness."""

    told: list[tuple[str, str]] = field(default_factory=list)
    away: bool = False
    gate: asyncio.Event | None = None

    async def ensure_running(self, tenant: str, payment_id: str, kind: str = "payment") -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.away:
            raise TemporalAway("no Temporal server answers")
        self.told.append((tenant, payment_id))

    async def running(self) -> set[str]:
        return set()

    async def get(self) -> Runner:
        return self


def notification(reference: str = "ref-1", message_type: str = "payment", **fields: Any) -> bytes:
    header = {"message_type": message_type, "notification_type": f"{message_type}_notification"}
    return json.dumps({"header": header, "body": {"id": reference} | fields}).encode()


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    mac = hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()
    return {"content-type": "application/json", SIGNATURE: mac}


def dated(body: bytes, seconds: float) -> dict[str, str]:
    text = str(int(seconds))
    return signed(text.encode() + b"." + body) | {SENT_AT: text}


@dataclass
class Door:
    """The endpoint as a partner sees it, and what lies behind it."""

    address: tuple[str, int]
    http: httpx.AsyncClient
    store: Store
    runner: FakeRunner

    async def deliver(
        self, body: bytes, headers: dict[str, str] | None = None, path: str = PATH
    ) -> int:
        answer = await self.http.post(
            path, content=body, headers=signed(body) if headers is None else headers
        )
        assert not answer.content, "a partner needs no explanation, and a stranger gets none"
        return answer.status_code

    def rows(self) -> list[InboxRow]:
        return list(self.store.rows(lambda session: session.exec(select(InboxRow)).all()))

    async def sent(self) -> None:
        """Our payment is at the partner, under `ref-1`."""
        await self.store.accept()
        await self.store.begin()
        await self.store.sent(accepted(self.store.clock.now()))


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def store(tmp_path: Path, clock: SteppedClock) -> Iterator[Store]:
    made = Store(tmp_path / "finality.db", clock)
    yield made
    made.close()


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest_asyncio.fixture
async def door(store: Store, runner: FakeRunner, clock: SteppedClock) -> AsyncIterator[Door]:
    secrets = (SecretStr(SECRET),)
    readers = {
        (BANK, ACCOUNT): CurrencycloudWebhooks(WebhookSigning(secrets=secrets)),
        (BANK, DATED): CurrencycloudWebhooks(
            WebhookSigning(secrets=secrets, timestamp_header=SENT_AT)
        ),
    }
    webhooks = Webhooks(
        readers=readers,
        inbox=store.inbox,
        runner=runner.get,
        clock=clock,
        away=LEFT_TO_RELAY,
    )
    application = endpoint(webhooks, store_away=STORE_AWAY, body_within=BODY_WITHIN)
    async with (
        served(application, host="127.0.0.1", port=0) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http,
    ):
        yield Door(("127.0.0.1", port), http, store, runner)
