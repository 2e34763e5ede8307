"""One machine's worth of real processes: Temporal, simulators, workers; and a journal."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from assembly import Assembly, assembled
from domain.accounts import Account
from domain.money import Money
from domain.party import Party
from domain.payments.order import Order, Times
from local.child import start_child
from local.demo_file import DEBTOR_IBAN, iban
from local.simulator import Simulator, start_simulator
from local.temporal_server import DevServer, free_port, start_dev_server
from partners.currencycloud.registration import API_KEY, LOGIN_ID
from settings import Settings
from starter.journal import Journal
from store.keyring import Keyring
from tests.polling import eventually
from tests.proof.checker import Comparison, compare
from workflows.attributes import SEARCH_ATTRIBUTES

#: Our accounts with the simulator. The second's watch ends within a test.
MAIN, WATCHED = "main", "watched"
#: Our account with another simulator, for which we have a wrong key.
LOCKED_OUT: Final = "locked_out"
WRONG_LOGIN: Final = "wrong@finality.test"
WATCH: Final = timedelta(seconds=4)
#: Short, so that an attempt in doubt is soon over.
_WRITE_WITHIN = _ANSWER_WITHIN = 2
_UPKEEP_EVERY_SECONDS = 2


@dataclass
class World:
    """Everything runs in its own process, as in production, except the client: that is the test."""

    home: Path
    temporal: DevServer
    simulator: Simulator
    stranger: Simulator | None
    assembly: Assembly
    journal: Journal
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    cases: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def journal_file(self) -> Path:
        return self.home / "journal.jsonl"

    @property
    def environment(self) -> dict[str, str]:
        """Of a process that belongs to this world."""
        # Many start here, one after the other: what the first compiled, the others load.
        cache = {"PYTHONPYCACHEPREFIX": str(self.home / "pycache"), "PYTHONDONTWRITEBYTECODE": ""}
        return {**os.environ, **cache, "FINALITY_HOME": str(self.home)}

    def start_worker(self, module: str = "cli", *arguments: str) -> subprocess.Popen[bytes]:
        """A worker process; by default the one of `finality worker`."""
        command = [sys.executable, "-m", module, *(arguments or ("worker",))]
        number = len(self._logs())
        worker = start_child(
            command,
            log_file=self.home / "logs" / f"worker-{number}.log",
            env=self.environment,
        )
        self.workers.append(worker)
        return worker

    def kill_workers(self) -> None:
        """SIGKILL to all of them, as a power cut would."""
        for worker in self.workers:
            worker.kill()
        for worker in self.workers:
            worker.wait()
        self.workers.clear()

    async def until_working(self, seconds: float = 60) -> None:
        """Returns when every worker has said that it runs."""

        async def all_run() -> bool:
            return all(b"worker runs" in log.read_bytes() for log in self._logs())

        await eventually(all_run, "every worker runs", seconds)

    def _logs(self) -> list[Path]:
        return sorted(self.home.glob("logs/worker-*"))

    async def restart_temporal(self) -> None:
        """On the same file and port, as an operator would."""
        port = int(self.temporal.address.rpartition(":")[2])
        self.temporal = await _temporal(self.home, port)

    async def book(self) -> dict[str, Any]:
        """The simulator's book, with everything that is due by now in it."""
        book: dict[str, Any] = await self.simulator.control("GET", "book")
        return book

    async def store(self) -> list[dict[str, Any]]:
        """What `finality list --json` prints, from a process of its own."""
        listing = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli", "list", "--json", "--limit", "100000",
            env=self.environment,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        printed, _ = await listing.communicate()
        assert listing.returncode == 0
        return [json.loads(line) for line in printed.splitlines()]

    async def compared(self) -> Comparison:
        """All orders of all tests beside the whole book and the whole store."""
        store, book = await self.store(), await self.book()
        return compare(self.journal_file.read_text().splitlines(keepends=True), book, store)

    def refused_logins(self) -> tuple[int, bool]:
        """How many logins with the wrong key the stranger counted, and whether it locked us out."""
        with sqlite3.connect(self.home / "stranger.db") as db:
            sql = "SELECT failures, locked FROM logins WHERE login_id = ?"
            failures, locked = db.execute(sql, (WRONG_LOGIN,)).fetchone()
        return int(failures), bool(locked)


@asynccontextmanager
async def world(
    home: Path, *, stranger: bool = False, database_url: str | None = None
) -> AsyncIterator[World]:
    """Servers, settings, client and journal; workers are the test's to start.

    Args:
        stranger: also run a second simulator, which refuses our login.
        database_url: where the store is; by default a file in `home`.
    """
    async with AsyncExitStack() as parts:
        home.mkdir(parents=True, exist_ok=True)
        Keyring.make(home / "keyring")
        temporal = await _temporal(home, free_port())
        simulator = await _simulator(parts, home, "simulator")
        other = None
        if stranger:
            options = ("--login", WRONG_LOGIN, "--api-key", "9" * 64)
            other = await _simulator(parts, home, "stranger", options)
        _write_settings(home, temporal, simulator, other, database_url)
        journal = parts.enter_context(Journal(home / "journal.jsonl"))
        assembly = await parts.enter_async_context(assembled(Settings(home=home)))
        made = World(home, temporal, simulator, other, assembly, journal)
        try:
            yield made
        finally:
            made.kill_workers()
            made.temporal.kill()


async def _temporal(home: Path, port: int) -> DevServer:
    return await start_dev_server(
        db_filename=home / "temporal.db",
        port=port,
        ui_port=None,
        log_file=home / "logs" / "temporal.log",
        search_attributes=SEARCH_ATTRIBUTES,
    )


async def _simulator(
    parts: AsyncExitStack, home: Path, name: str, options: Sequence[str] = ()
) -> Simulator:
    simulator = await start_simulator(
        "currencycloud",
        port=free_port(),
        db_file=home / f"{name}.db",
        log_file=home / "logs" / f"{name}.log",
        options=("--review-after", "0", "--release-after", "0.2", "--submit-after", "0.2",
                 "--complete-after", "0.2", *options),
    )  # fmt: skip
    parts.push_async_callback(simulator.stop)
    return simulator


def _write_settings(
    home: Path,
    temporal: DevServer,
    simulator: Simulator,
    stranger: Simulator | None,
    database_url: str | None,
) -> None:
    account = {
        "base_url": simulator.base_url,
        "login_id": LOGIN_ID,
        "api_key": API_KEY,
        "simulated": True,
        "write_within": _WRITE_WITHIN,
        "answer_within": _ANSWER_WITHIN,
    }
    accounts = {MAIN: account, WATCHED: {**account, "watch": WATCH.total_seconds()}}
    if stranger is not None:
        accounts[LOCKED_OUT] = {**account, "base_url": stranger.base_url, "login_id": WRONG_LOGIN}
    settings = {
        "temporal_address": temporal.address,
        "partners": {"currencycloud": accounts},
        "upkeep_every": _UPKEEP_EVERY_SECONDS,
    }
    if database_url is not None:
        settings["database_url"] = database_url
    (home / "up.json").write_text(json.dumps(settings))


def order(
    reference: str,
    number: int = 0,
    *,
    minor: int = 100_00,
    account: str = MAIN,
    creditor: str = "Ada Example",
    submit_within: timedelta = timedelta(minutes=10),
) -> Order:
    """An order to a creditor account that goes by the number."""
    return Order(
        tenant="default",
        partner="currencycloud",
        partner_account=account,
        instructed_amount=Money(minor=minor, currency="EUR"),
        debtor=Party(name="Proof Trading"),
        debtor_account=Account(iban=DEBTOR_IBAN),
        creditor=Party(name=creditor),
        creditor_account=Account(iban=iban("DE", f"20050000{8_000_000 + number:010d}")),
        end_to_end_id=reference,
        times=Times(submit_before=datetime.now(UTC) + submit_within),
    )


async def ended(process: subprocess.Popen[bytes], seconds: float = 30) -> int:
    """Its exit code, once it has ended by itself."""

    async def has_ended() -> bool:
        return process.poll() is not None

    await eventually(has_ended, f"the end of process {process.pid}", seconds)
    return int(process.returncode)
