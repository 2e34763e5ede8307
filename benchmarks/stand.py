"""Where something is measured: Temporal, the partner's simulator, and a home with a database."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psutil
from temporalio.client import Client

from assembly import Assembly, assembled
from domain.accounts import Account
from domain.money import Money
from domain.party import Party
from domain.payments.order import Order, Times
from local.child import start_child
from local.simulator import Simulator, start_simulator
from local.temporal_server import DevServer, free_port, start_dev_server
from partners.currencycloud.registration import API_KEY, LOGIN_ID
from settings import Settings
from store.keyring import Keyring
from workflows.attributes import SEARCH_ATTRIBUTES

#: Our name for the account with the simulator.
ACCOUNT: Final = "bench"
#: Short, so that a payment's whole life fits in; all other times are the product's own.
_WATCH: Final = timedelta(seconds=1)
#: A round of upkeep would fall into one measurement and not into the other.
_NO_UPKEEP: Final = timedelta(days=1)
#: One creditor for all: the partner keeps it from the first payment on.
_CREDITOR: Final = "DE89370400440532013000"
_DEBTOR: Final = "DE02120300000000202051"
_STOP_SECONDS: Final = 90


@dataclass
class Stand:
    """All servers, and the parts with which this process gives payments."""

    home: Path
    temporal: DevServer
    simulator: Simulator
    assembly: Assembly
    client: Client
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(
        self, module: str, *arguments: str, name: str, **environment: str
    ) -> subprocess.Popen[bytes]:
        """A process of its own that works in this home."""
        child = start_child(
            [sys.executable, "-m", module, *arguments],
            log_file=self.home / "logs" / f"{name}.log",
            env={"FINALITY_HOME": str(self.home), **environment},
        )
        self.children.append(child)
        return child

    async def stop(self, child: subprocess.Popen[bytes]) -> None:
        """End it in order."""
        child.terminate()
        await asyncio.to_thread(child.wait, _STOP_SECONDS)
        self.children.remove(child)

    def cpu_seconds(self) -> dict[str, float]:
        """What each part has used so far; all workers together."""
        parts = {
            "temporal": [self.temporal.pid],
            "simulator": [self.simulator.process.pid],
            "caller": [psutil.Process().pid],
            "worker": [child.pid for child in self.children],
        }
        return {part: sum(_cpu_seconds(pid) for pid in pids) for part, pids in parts.items()}


def _cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def order(reference: str, submit_from: datetime | None = None) -> Order:
    """A payment that is sent at once, or not before that moment."""
    day = timedelta(days=1)
    return Order(
        tenant="bench",
        partner="currencycloud",
        partner_account=ACCOUNT,
        instructed_amount=Money(minor=12_345, currency="EUR"),
        debtor=Party(name="Bench"),
        debtor_account=Account(iban=_DEBTOR),
        creditor=Party(name="Anna Lindqvist"),
        creditor_account=Account(iban=_CREDITOR),
        end_to_end_id=reference,
        remittance_information=f"Invoice {reference}",
        times=Times(
            submit_from=submit_from, submit_before=(submit_from or datetime.now(UTC)) + day
        ),
    )


@asynccontextmanager
async def stand(home: Path, database_url: str | None = None) -> AsyncIterator[Stand]:
    """Everything but workers, which come and go.

    Args:
        database_url: of an empty database; by default one on SQLite in the home.
    """
    home.mkdir(parents=True, exist_ok=True)
    Keyring.make(home / "keyring")
    async with AsyncExitStack() as parts:
        temporal = await start_dev_server(
            db_filename=home / "temporal.db",
            port=free_port(),
            ui_port=None,
            log_file=home / "logs" / "temporal.log",
            search_attributes=SEARCH_ATTRIBUTES,
        )
        parts.push_async_callback(temporal.stop)
        simulator = await start_simulator(
            "currencycloud",
            port=free_port(),
            db_file=home / "simulator.db",
            log_file=home / "logs" / "simulator.log",
            options=("--review-after", "0", "--release-after", "0", "--submit-after", "0",
                     "--complete-after", "0", "--balance", "EUR=1000000000.00"),
        )  # fmt: skip
        parts.push_async_callback(simulator.stop)
        (home / "up.json").write_text(json.dumps(_settings(temporal, simulator, database_url)))
        assembly = await parts.enter_async_context(assembled(Settings(home=home)))
        made = Stand(home, temporal, simulator, assembly, await assembly.client())
        try:
            yield made
        finally:
            for child in list(made.children):
                await made.stop(child)


def _settings(
    temporal: DevServer, simulator: Simulator, database_url: str | None
) -> dict[str, Any]:
    account = {
        "base_url": simulator.base_url,
        "login_id": LOGIN_ID,
        "api_key": API_KEY,
        "simulated": True,
        "watch": _WATCH.total_seconds(),
    }
    return {
        "temporal_address": temporal.address,
        "database_url": database_url,
        "partners": {"currencycloud": {ACCOUNT: account}},
        "upkeep_every": _NO_UPKEEP.total_seconds(),
    }
