"""Real processes around a bank that speaks NextGenPSD2 over mutual TLS, with a payer who clicks."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from sqlmodel import col, select

from assembly import Assembly, assembled
from domain.accounts import Account
from domain.money import Money
from domain.party import Party
from domain.payments.intent import Intent
from domain.payments.order import Order, Times
from domain.payments.report import Action, PaymentState
from local.child import start_child
from local.demo_file import DEBTOR_IBAN, iban
from local.temporal_server import free_port, start_dev_server
from settings import Settings
from store.keyring import Keyring
from store.records import PaymentRecord
from store.tables.people import TaskRow
from store.timeline import Timelines
from tests.conftest import ROOT
from tests.transport.pki import Authority, Issued
from workflows.attributes import SEARCH_ATTRIBUTES

PAYMENTS: Final = "/v1/payments/sepa-credit-transfers"
INITIATE: Final = f"POST {PAYMENTS}"
#: Our accesses: the usual one, one whose payer has little time, and the same two where the bank's
#: app is preferred to its page.
USUAL, BRIEF, IN_APP, BRIEF_IN_APP = "usual", "brief", "in_app", "brief_in_app"
BRIEF_TIME: Final = timedelta(seconds=3)
#: What only accesses over NextGenPSD2 have in their settings.
NEXT_GEN: Final = {
    "tpp_id": "PSDDE-BAFIN-000000",
    "our_ip_address": "192.0.2.1",
    "redirect_uri": "https://app.test/approved",
}
_ATTEMPT_SECONDS: Final = 2


@dataclass
class Banking:
    """The bank, our processes, and payments on their way."""

    assembly: Assembly
    address: str
    trusting: ssl.SSLContext
    home: Path
    numbers: list[int] = field(default_factory=list)

    async def pay(self, account: str = USUAL) -> tuple[str, Order]:
        """A new payment to a creditor of its own; its id and its order."""
        number = len(self.numbers) + 1
        self.numbers.append(number)
        order = Order(
            tenant="default",
            partner="berlin_group",
            partner_account=account,
            instructed_amount=Money(minor=100_00 + number, currency="EUR"),
            debtor=Party(name="Paula Payer"),
            debtor_account=Account(iban=DEBTOR_IBAN),
            creditor=Party(name=f"Carla Creditor {number}"),
            creditor_account=Account(iban=iban("DE", f"20050000{number:010d}")),
            end_to_end_id=f"BANK-{number}",
            times=Times(submit_before=datetime.now(UTC) + timedelta(minutes=10)),
        )
        receipt = await self.assembly.orchestrator.pay(
            order, order.end_to_end_id, intent=Intent.of(order), patience=None
        )
        return receipt.payment_id, order

    async def fault(self, fault: str, order: str, on: str = INITIATE, **param: Any) -> None:
        """Order a fault for the payments with that end-to-end id."""
        match = {"endToEndIdentification": order}
        await self.control("faults", [{"fault": fault, "on": on, "match": match, "param": param}])

    async def control(self, path: str, body: Any = None) -> Any:
        async with httpx.AsyncClient(verify=self.trusting, base_url=self.address) as client:
            method = "GET" if body is None else "POST"
            answer = await client.request(method, f"/_control/{path}", json=body)
            answer.raise_for_status()
            return answer.json()

    async def click(self, action: Action, choice: str, *, sees: Order) -> httpx.Response:
        """What a browser does: open the page, look at amount and payee, press a button."""
        assert action.url is not None
        async with httpx.AsyncClient(verify=self.trusting) as browser:
            page = await browser.get(action.url)
            assert page.status_code == 200, page.text
            for shown in (
                str(sees.instructed_amount.to_wire()), sees.creditor.name,
                sees.creditor_account.number,
            ):  # fmt: skip
                assert shown in page.text
            return await browser.post(f"{action.url}?choice={choice}")

    async def open(self, action: Action) -> int:
        """The status with which the page answers."""
        assert action.url is not None
        async with httpx.AsyncClient(verify=self.trusting) as browser:
            return (await browser.get(action.url)).status_code

    async def booked(self, order: Order) -> list[dict[str, Any]]:
        """The bank's payments for an order, each with what was debited for it."""
        book = await self.control("book")
        debits = {
            line["payment_id"]: -line["amount_minor"]
            for line in book["postings"]
            if line["what"] == "settled" and line["amount_minor"] < 0
        }
        return [
            {**each, "debited": debits.get(each["id"], 0)}
            for each in book["payments"]
            if json.loads(each["body"])["endToEndIdentification"] == order.end_to_end_id
        ]

    async def until(
        self,
        payment_id: str,
        seen: Callable[[PaymentRecord], object],
        what: str,
        seconds: float = 120,
    ) -> PaymentRecord:
        deadline = time.monotonic() + seconds
        orchestrator = self.assembly.orchestrator
        while not seen(record := await orchestrator.get(payment_id, tenant=None)):
            if time.monotonic() > deadline:
                story = await Timelines(self.assembly.database, self.assembly.keyring).of(
                    payment_id
                )
                lines = "\n".join(f"{each.at:%H:%M:%S.%f} {each.text}" for each in story)
                raise AssertionError(f"not seen within {seconds} s: {what}\n{lines}")
            await asyncio.sleep(0.1)
        return record

    async def until_state(self, payment_id: str, *states: PaymentState) -> PaymentRecord:
        return await self.until(
            payment_id, lambda record: record.payment.state in states, " or ".join(states)
        )

    async def asked(self, payment_id: str) -> Action:
        """What the payer has to do, once it is known."""
        await self.until_state(payment_id, PaymentState.AWAITING_USER)
        action = await self.assembly.orchestrator.action(payment_id, tenant=None)
        assert action is not None
        return action

    def tasks(self, payment_id: str) -> list[str]:
        """The kinds of its open tasks."""
        query = select(TaskRow.kind).where(
            TaskRow.resource_id == payment_id, col(TaskRow.closed_at).is_(None)
        )
        return list(self.assembly.database.read_now(lambda session: session.exec(query).all()))


async def serve(
    parts: AsyncExitStack, bank: str, home: Path, authority: Authority, *options: str
) -> str:
    """Start the simulator of a bank over mutual TLS, until the end of `parts`. Its address."""
    server = authority.issue(bank, is_server=True)
    command = [
        sys.executable, "-m", f"simulators.{bank}", "serve", "--db", str(home / f"{bank}.db"),
        "--certificate", str(server.both), "--client-authority", str(authority.file), *options,
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )

    async def end() -> None:
        process.kill()
        await process.communicate()

    parts.push_async_callback(end)
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().split()[-1]


async def at_work(
    parts: AsyncExitStack, home: Path, partners: Mapping[str, Mapping[str, Any]]
) -> Assembly:
    """Start Temporal and a worker with these accounts; the assembly of an app beside them."""
    Keyring.make(home / "keyring")
    temporal = await start_dev_server(
        db_filename=home / "temporal.db", port=free_port(), ui_port=None,
        log_file=home / "temporal.log", search_attributes=SEARCH_ATTRIBUTES,
    )  # fmt: skip
    parts.callback(temporal.kill)
    written = {"temporal_address": temporal.address, "partners": partners, "upkeep_every": 2}
    (home / "up.json").write_text(json.dumps(written))
    worker = start_child(
        [sys.executable, "-m", "cli", "worker"],
        log_file=home / "worker.log",
        env={**os.environ, "FINALITY_HOME": str(home)},
    )
    parts.callback(worker.kill)
    return await parts.enter_async_context(assembled(Settings(home=home)))


def over_tls(address: str, client: Issued, authority: Authority) -> dict[str, Any]:
    """What the settings of an access to any bank have."""
    return {
        "base_url": address,
        "simulated": True,
        "aspsp": "Test Bank",
        "client_certificate": str(client.certificate),
        "client_key": str(client.key),
        "authorities": str(authority.file),
    }


def trusting(authority: Authority) -> ssl.SSLContext:
    """What a user's browser trusts."""
    return ssl.create_default_context(cafile=str(authority.file))


@asynccontextmanager
async def banking(home: Path) -> AsyncIterator[Banking]:
    """Temporal, the bank, a worker, and the client, which is the test."""
    home.mkdir(parents=True, exist_ok=True)
    authority = Authority(home, "authority")
    client = authority.issue("client")
    async with AsyncExitStack() as parts:
        address = await serve(
            parts, "berlin_group", home, authority, "--check-after", "0.1", "--settle-after", "0.1"
        )
        hurried = {"write_within": _ATTEMPT_SECONDS, "answer_within": _ATTEMPT_SECONDS}
        account = {**over_tls(address, client, authority), **NEXT_GEN, **hurried}
        brief = {"psu_acts_within": BRIEF_TIME.total_seconds()}
        accounts = {
            USUAL: account,
            BRIEF: {**account, **brief},
            IN_APP: {**account, "sca": "decoupled"},
            BRIEF_IN_APP: {**account, **brief, "sca": "decoupled"},
        }
        assembly = await at_work(parts, home, {"berlin_group": accounts})
        yield Banking(assembly, address, trusting(authority), home)
