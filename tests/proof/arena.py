"""Where workers are killed: one Temporal, simulators, a bank, forked workers, and a client."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from uuid import uuid4

from sqlmodel import Session, col, select
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowInput,
    WorkflowFailureError,
)

from assembly import Assembly, assembled
from domain.ids import TASK_QUEUE
from domain.lifecycle.resource import Certainty
from local.child import start_child
from local.simulator import Simulator, start_simulator
from local.temporal_server import DevServer, free_port, start_dev_server
from partners.currencycloud.webhooks import MEDIA_TYPE
from starter.journal import Journal
from starter.plugin import plugin
from store.keyring import Keyring
from store.tables.lifecycles import AttemptRow, InstructionRow, LifecycleRow
from store.tables.people import TaskRow
from terminal.table import as_object
from tests.proof.accounts import (
    FORGETFUL,
    LOGINS,
    PROCESSOR,
    SECRET,
    TOLD,
    hurry,
    write_settings,
)
from tests.proof.audit import Books
from tests.proof.claims_journal import ClaimsJournal
from tests.proof.forks import Forks
from tests.proof.processor import Processor
from tests.proof.registered import ProofSettings
from tests.proof.shown import shown
from workflows.attributes import SEARCH_ATTRIBUTES
from workflows.upkeep import UpkeepWorkflow

#: People who decide.
OPERATORS: Final = ("ada", "bo")
_JOURNAL: Final = "journal.jsonl"
#: The client's journal of collections, in the home.
CLAIMS_JOURNAL: Final = "claims.jsonl"
#: How soon a simulator does what takes its partner days.
_AT_ONCE: Final = (
    "--review-after", "0", "--release-after", "0.2", "--submit-after", "0.1",
    "--complete-after", "0.1",
)  # fmt: skip
_SOON: Final = ("--debit-after", "0.6", "--refund-after", "0.6", "--available-after", "1")
#: The server gives a killed worker's workflow task to another one after that.
_QUICK_TASK: Final = timedelta(seconds=3)


@dataclass
class Arena:
    """Everything but the workers, which come and go."""

    home: Path
    temporal: DevServer
    simulator: Simulator
    forgetful: Simulator
    bank: BankServer
    processor: Processor
    assembly: Assembly
    journal: Journal
    claims_journal: ClaimsJournal
    forks: Forks
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def books(self) -> Books:
        """Journals, all partners' books and our list of payments, as they are now."""
        books = [await self.bank.control("book")]
        books += [await one.control("GET", "book") for one in (self.simulator, self.forgetful)]
        records = (await self.assembly.orchestrator.find(limit=1_000_000)).records
        collected = [one for one in records if one.partner == PROCESSOR]
        return Books(
            _lines(self.home / _JOURNAL),
            {name: [row for book in books for row in book[name]]
             for name in ("payments", "beneficiaries", "postings")},
            [as_object(one) for one in records if one.partner != PROCESSOR],
            _lines(self.home / CLAIMS_JOURNAL),
            await self.processor.book(),
            await self.assembly.database.read(partial(shown, collected)),
        )  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        """Of a process that belongs here."""
        return {**os.environ, "FINALITY_HOME": str(self.home)}

    def simulator_of(self, account: str) -> Simulator:
        """Where that account is."""
        return self.forgetful if account == FORGETFUL else self.simulator

    async def upkeep(self) -> None:
        """One round by whoever works, which a schedule starts in production.

        A round can fail if its worker stands still on a busy machine. In production the schedule
        starts the next one.
        """
        client = await self.assembly.client()
        for is_last in (False, False, True):
            try:
                await client.execute_workflow(
                    UpkeepWorkflow.run, id=f"upkeep-{uuid4()}", task_queue=TASK_QUEUE
                )
            except WorkflowFailureError:
                if is_last:
                    raise
            else:
                return

    async def standing(self, payment_ids: Sequence[str]) -> dict[str, Standing]:
        """How those payments stand, by our tables alone."""

        def query(session: Session) -> dict[str, Standing]:
            asked = session.exec(
                select(TaskRow.resource_id)
                .where(col(TaskRow.closed_at).is_(None))
                .where(col(TaskRow.resource_id).in_(payment_ids))
            )
            with_question = set(asked)
            rows = session.exec(
                select(LifecycleRow).where(col(LifecycleRow.resource_id).in_(payment_ids))
            )
            return {
                row.resource_id: Standing(
                    row.state,
                    row.certainty,
                    row.resource_id in with_question,
                    json.loads(row.folded_json),
                )
                for row in rows
            }

        return await self.assembly.database.read(query)

    async def kinds_asked(self) -> set[str]:
        """Of which kinds there are instructions that were sent."""

        def query(session: Session) -> set[str]:
            sent = select(AttemptRow.instruction_id)
            rows = select(InstructionRow.kind).where(col(InstructionRow.instruction_id).in_(sent))
            return set(session.exec(rows))

        return await self.assembly.database.read(query)

    async def announce(self, reference: str, account: str = TOLD) -> bool:
        """Deliver the simulator's webhook about a payment, as it now stands; False: none there."""
        book = await self.simulator.control("GET", "book")
        found = [p for p in book["payments"] if p["reference"] == reference]
        if not found:
            return False
        about = {name: found[0][name] for name in ("id", "status", "reference", "updated_at")}
        header = {"message_type": "payment", "notification_type": "payment_notification"}
        body = json.dumps({"header": header, "body": about}).encode()
        mac = hmac.new(SECRET.encode(), body, hashlib.sha512).hexdigest()
        headers = {"x-hmac-digest-sha-512": mac, "content-type": MEDIA_TYPE["2021-02-01"]}
        await self.deliver("currencycloud", account, headers, body)
        return True

    async def deliver(
        self, partner: str, account: str, headers: Mapping[str, str], body: bytes
    ) -> None:
        """A webhook, as our endpoint takes it."""
        webhooks = self.assembly.webhooks
        arrival = await webhooks.take(partner, account, headers, body)
        if arrival is not None:
            await webhooks.notify(arrival)

    async def restart_temporal(self) -> None:
        """On the same file and port, as an operator would."""
        self.temporal = await _temporal(self.home, int(self.temporal.address.rpartition(":")[2]))


class Standing(NamedTuple):
    """What our tables say of a payment."""

    state: str
    certainty: str
    is_asked: bool
    """Whether a person is asked about it, by name and until some time."""
    folded: Mapping[str, Any] = MappingProxyType({})
    """All that the fold said of it, as it is stored."""

    @property
    def is_certain(self) -> bool:
        return self.certainty != Certainty.UNKNOWN


@dataclass(frozen=True)
class BankServer:
    """The test bank's process."""

    base_url: str

    async def control(self, what: str, body: Mapping[str, Any] | None = None) -> Any:
        return await asyncio.to_thread(self._control, what, body or {})

    def _control(self, what: str, body: Mapping[str, Any]) -> Any:
        request = urllib.request.Request(
            f"{self.base_url}/_control/{what}", data=json.dumps(body).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.loads(response.read())


class _QuickTasks(Interceptor):
    """Starts workflows with a short time for each of their tasks."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _QuickTasksOutbound(next)


class _QuickTasksOutbound(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> Any:
        input.task_timeout = _QUICK_TASK
        return await super().start_workflow(input)


@asynccontextmanager
async def arena(
    home: Path,
    *,
    quick: bool = True,
    database_url: str | None = None,
    more_banks: Callable[[BankServer], Awaitable[Mapping[str, Any]]] | None = None,
) -> AsyncIterator[Arena]:
    """All servers, the client and its journal.

    Args:
        more_banks: makes settings of further accounts with the test bank, by name.
        database_url: of an empty database; by default one on SQLite in the home.
        quick: with short times wherever somebody waits for the dead, for an answer or for a
            watch to end; else with the product's own.
    """
    async with AsyncExitStack() as parts:
        home.mkdir(parents=True, exist_ok=True)
        Keyring.make(home / "keyring")
        temporal = await _temporal(home, free_port())
        simulator, forgetful = [
            await _simulator(parts, home, name, "currencycloud", "--login", login, *_AT_ONCE)
            for name, login in LOGINS.items()
        ]
        bank = await _bank(parts, home)
        processor = await _simulator(parts, home, "processor", PROCESSOR, *_SOON)
        more = await more_banks(bank) if more_banks else {}
        addresses = {
            "temporal": temporal.address,
            "simulator": simulator.base_url,
            "forgetful": forgetful.base_url,
            "bank": bank.base_url,
            "processor": processor.base_url,
        }
        write_settings(home, addresses, more, database_url, quick=quick)
        forks = await Forks.start(home, {**os.environ, "FINALITY_HOME": str(home)})
        parts.push_async_callback(forks.stop)
        journal = parts.enter_context(Journal(home / _JOURNAL))
        claims_journal = parts.enter_context(ClaimsJournal(home / CLAIMS_JOURNAL))
        assembly = await parts.enter_async_context(assembled(ProofSettings(home=home)))
        assembly._client = await Client.connect(
            temporal.address,
            plugins=[plugin(assembly.keyring)],
            interceptors=[_QuickTasks()] if quick else [],
        )
        if quick:
            hurry(assembly)
        made = Arena(
            home, temporal, simulator, forgetful, bank, Processor(processor), assembly, journal,
            claims_journal, forks,
        )  # fmt: skip
        try:
            yield made
        finally:
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
    parts: AsyncExitStack, home: Path, name: str, partner: str, *options: str
) -> Simulator:
    simulator = await start_simulator(
        partner,
        port=free_port(),
        db_file=home / f"{name}.db",
        log_file=home / "logs" / f"{name}.log",
        options=options,
    )
    parts.push_async_callback(simulator.stop)
    return simulator


async def _bank(parts: AsyncExitStack, home: Path) -> BankServer:
    port = free_port()
    server = BankServer(f"http://127.0.0.1:{port}")
    process = start_child(
        [sys.executable, "-m", "tests.proof.bank", "--port", str(port),
         "--db", str(home / "bank.db")],
        log_file=home / "logs" / "bank.log",
    )  # fmt: skip
    parts.callback(process.wait)
    parts.callback(process.kill)
    deadline = time.monotonic() + 30
    while True:
        try:
            await server.control("health")
        except (urllib.error.URLError, OSError):
            assert process.poll() is None, (home / "logs" / "bank.log").read_text()
            assert time.monotonic() < deadline, "the bank does not answer"
            await asyncio.sleep(0.05)
        else:
            return server


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines(keepends=True)
