"""Late news: delivered early, late, twice, by nobody, or never; the books agree all the same.

The deliveries come from here, so that each comes at its worst moment; what takes them is the
process of `finality inbound`, and what follows is read from the simulator.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlmodel import select

from domain.ids import workflow_id
from domain.report import PaymentState
from local.child import start_child
from local.temporal_server import free_port
from store.tables import InboxRow
from tests.proof.case import SEND, Case
from tests.proof.world import MAIN, WATCHED, World

SECRET = "c0ffee" * 8
SETTLED, RETURNED, FINAL = PaymentState.SETTLED, PaymentState.RETURNED, PaymentState.FINAL
#: Nothing of Temporal answers there.
NOWHERE = "127.0.0.1:1"


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
        deadline = time.monotonic() + 60
        while not await self._listens():
            assert self.process.poll() is None, self.log_file.read_text()
            assert time.monotonic() < deadline, "it does not listen"
            await asyncio.sleep(0.05)

    async def _listens(self) -> bool:
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
                f"http://127.0.0.1:{self.port}/webhooks/currencycloud/{account}",
                content=body,
                headers={"x-hmac-digest-sha-512": mac, "content-type": "application/json"},
            )
        return answer.status_code


@pytest_asyncio.fixture(scope="module")
async def inbound(
    running: World, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Inbound]:
    made = Inbound(running, tmp_path_factory.mktemp("inbound") / "inbound.log")
    await made.start()
    yield made
    assert made.stop() == 0
    assert SECRET not in made.log_file.read_text()


async def _booking(case: Case) -> dict[str, Any]:
    """The one payment of this test as it is in the partner's book, once it is there."""
    deadline = time.monotonic() + 30
    while not (found := await case.bookings()):
        assert time.monotonic() < deadline, "never reached the partner"
        await asyncio.sleep(0.02)
    (booking,) = found
    return booking


async def _fails(case: Case) -> dict[str, Any]:
    """The money comes back; nobody says so yet."""
    booking = await _booking(case)
    fate = {"fault": "fail_after_completed", "param": {"fee": "0.00"}}
    await case.world.simulator.control("POST", f"payments/{booking['id']}", fate)
    return await _booking(case)


async def _inbox(case: Case, booking: dict[str, Any]) -> list[InboxRow]:
    query = select(InboxRow).where(InboxRow.partner_reference == booking["id"])
    rows = await case.world.assembly.database.read(lambda session: session.exec(query).all())
    return list(rows)


async def _until_read(case: Case, booking: dict[str, Any]) -> list[InboxRow]:
    deadline = time.monotonic() + 30
    while any(row.read_at is None for row in await _inbox(case, booking)):
        assert time.monotonic() < deadline, "some news was never read"
        await asyncio.sleep(0.05)
    return await _inbox(case, booking)


async def test_a_return_is_heard_by_webhook_long_before_the_watch_is_over(
    case: Case, inbound: Inbound
) -> None:
    receipt = await case.pay()
    await case.until_state(receipt.payment_id, SETTLED)
    assert await inbound.deliver(await _fails(case)) == 200
    await case.until_state(receipt.payment_id, RETURNED, seconds=10)
    await case.agreed(requested=1, booked=0, returned=1, lost=0)


async def test_a_webhook_after_the_end_reopens_the_payment(case: Case, inbound: Inbound) -> None:
    receipt = await case.pay(case.order(account=WATCHED))
    await case.until_state(receipt.payment_id, FINAL)
    client = await case.world.assembly.client()
    first = client.get_workflow_handle(workflow_id("default", receipt.payment_id))
    assert (await first.result()).startswith("final")
    assert await inbound.deliver(await _fails(case), account=WATCHED) == 200
    record = await case.until_state(receipt.payment_id, RETURNED)
    assert record.payment.amounts.returned == record.payment.amounts.instructed
    assert "late" in {finding.kind for finding in record.payment.findings}
    again = client.get_workflow_handle(workflow_id("default", receipt.payment_id))
    assert (await again.result()).startswith("returned")
    await case.agreed(requested=1, booked=0, returned=1, lost=0)


async def test_one_that_comes_before_the_reply_waits_for_its_payment(
    case: Case, inbound: Inbound
) -> None:
    """The reply is so slow that we give it up; the lookup brings the reference."""
    await case.fault("delay", SEND, seconds=3, when="after")
    receipt = await case.pay()
    booking = await _booking(case)
    assert await inbound.deliver(booking) == 200
    (parked,) = await _inbox(case, booking)
    assert (parked.payment_id, parked.read_at) == (None, None)
    await case.until_state(receipt.payment_id, SETTLED)
    (matched,) = await _until_read(case, booking)
    assert matched.payment_id == receipt.payment_id
    await case.agreed(requested=1, booked=1)


async def test_doubled_reordered_and_forged_deliveries_change_nothing(
    case: Case, inbound: Inbound
) -> None:
    receipt = await case.pay()
    early = await _booking(case)
    await case.until_state(receipt.payment_id, SETTLED)
    late = await _booking(case)
    assert late["status"] == "completed"
    assert await inbound.deliver(late, secret="a secret that nobody gave us") == 401
    for booking in (late, early, late, early, late):
        assert await inbound.deliver(booking) == 200
    assert await inbound.deliver(late, account="locked_out") == 404
    rows = await _until_read(case, late)
    assert len(rows) == len({early["updated_at"], late["updated_at"]})
    record = await case.world.assembly.orchestrator.get(receipt.payment_id)
    assert record.payment.state is SETTLED
    assert not record.payment.is_frozen
    await case.agreed(requested=1, booked=1)


async def test_another_accounts_webhook_leaves_a_payment_alone(
    case: Case, inbound: Inbound
) -> None:
    receipt = await case.pay()
    await case.until_state(receipt.payment_id, SETTLED)
    assert await inbound.deliver(await _booking(case), account=WATCHED) == 200
    (row,) = await _inbox(case, await _booking(case))
    assert row.payment_id is None


async def test_what_was_lost_while_nobody_listened_is_found_by_reads(
    case: Case, inbound: Inbound
) -> None:
    """As long as nobody listens the payment goes on; and what is delivered after all is one."""
    assert inbound.stop() == 0
    try:
        receipt = await case.pay()
        booking = await _booking(case)
        with pytest.raises(httpx.ConnectError):
            await inbound.deliver(booking)
        await case.until_state(receipt.payment_id, SETTLED)
    finally:
        await inbound.start()
    assert await inbound.deliver(booking) == 200
    await _until_read(case, booking)
    await case.agreed(requested=1, booked=1)


async def test_while_temporal_is_away_for_inbound_the_relay_tells_the_payment(
    case: Case, inbound: Inbound
) -> None:
    assert inbound.stop() == 0
    await inbound.start(FINALITY_TEMPORAL_ADDRESS=NOWHERE)
    try:
        receipt = await case.pay()
        await case.until_state(receipt.payment_id, SETTLED)
        assert await inbound.deliver(await _fails(case)) == 200
        await case.until_state(receipt.payment_id, RETURNED)
        assert NOWHERE in inbound.log_file.read_text()
        (row,) = await _until_read(case, await _booking(case))
        assert row.told_at is not None
    finally:
        assert inbound.stop() == 0
        await inbound.start()
    await case.agreed(requested=1, booked=0, returned=1, lost=0)
