"""The process of `finality inbound` in a world, and a partner that delivers to it."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlmodel import select

from local.child import start_child
from local.temporal_server import free_port
from store.tables.partners import InboxRow
from tests.polling import eventually
from tests.proof.case import Case
from tests.proof.world import MAIN, WATCHED, World

SECRET = "c0ffee" * 8


@dataclass
class Inbound:
    """The process of `finality inbound`, and a partner that delivers to it."""

    world: World
    log_file: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    async def start(self, **settings: str) -> None:
        """As a person would start it: by settings of the environment."""
        secrets = json.dumps([SECRET])
        accounts = {
            f"FINALITY_CURRENCYCLOUD__{name.upper()}__WEBHOOKS__SECRETS": secrets
            for name in (MAIN, WATCHED)
        }
        environment = {**self.world.environment, **accounts, **settings}
        environment["FINALITY_INBOUND_PORT"] = str(self.port)
        self.process = start_child(
            [sys.executable, "-m", "cli", "inbound"], log_file=self.log_file, env=environment
        )
        await eventually(self._listens, "it listens", 60)

    async def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log_file.read_text()
        async with httpx.AsyncClient(trust_env=False) as http:
            try:
                answer = await http.get(f"http://127.0.0.1:{self.port}/health")
            except httpx.TransportError:
                return False
        return answer.status_code == 204

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)

    def url(self, account: str) -> str:
        """Where the partner delivers what is about this account of ours."""
        return f"http://127.0.0.1:{self.port}/webhooks/currencycloud/{account}"

    async def deliver(
        self, payment: dict[str, Any], *, account: str = MAIN, secret: str = SECRET
    ) -> int:
        """Announce the payment as it now is in the partner's book."""
        about = {name: payment[name] for name in ("id", "status", "reference", "updated_at")}
        header = {"message_type": "payment", "notification_type": "payment_notification"}
        body = json.dumps({"header": header, "body": about}).encode()
        mac = hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(
                self.url(account),
                content=body,
                headers={"x-hmac-digest-sha-512": mac, "content-type": "application/json"},
            )
        return answer.status_code


@asynccontextmanager
async def listening(world: World, folder: Path) -> AsyncIterator[Inbound]:
    """It ends in order, and no secret is in its log."""
    made = Inbound(world, folder / "inbound.log")
    await made.start()
    try:
        yield made
    finally:
        assert made.stop() == 0
    assert SECRET not in made.log_file.read_text()


async def inbox_of(case: Case, booking: dict[str, Any], account: str = MAIN) -> list[InboxRow]:
    """What was delivered to an account about a payment of the partner's book."""
    query = select(InboxRow).where(
        InboxRow.partner_reference == booking["id"], InboxRow.partner_account == account
    )
    rows = await case.world.assembly.database.read(lambda session: session.exec(query).all())
    return list(rows)


async def all_read(case: Case, booking: dict[str, Any]) -> list[InboxRow]:
    """The same, once reads have covered all of it."""

    async def read() -> bool:
        return all(row.read_at is not None for row in await inbox_of(case, booking))

    await eventually(read, "reads that cover all news")
    return await inbox_of(case, booking)


async def booking_of(case: Case) -> dict[str, Any]:
    """The one payment of this test as it is in the partner's book, once it is there."""
    (booking,) = await eventually(case.bookings, "its booking at the partner")
    return booking


async def returned(case: Case) -> dict[str, Any]:
    """The money of this test's payment comes back, all of it."""
    booking = await booking_of(case)
    intervention = {"fault": "fail_after_completed", "param": {"fee": "0.00"}}
    await case.world.simulator.control("POST", f"payments/{booking['id']}", intervention)
    return await booking_of(case)
