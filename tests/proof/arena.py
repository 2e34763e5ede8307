"""Where workers are killed: one Temporal, a simulator, a bank, forked workers, and a client."""

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
from pathlib import Path
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
from domain.lifecycle.profile import IdempotencyKind, InstructionKind, LookupKind
from domain.lifecycle.resource import Certainty
from local.child import start_child
from local.simulator import Simulator, start_simulator
from local.temporal_server import DevServer, free_port, start_dev_server
from partners.currencycloud.registration import API_KEY
from partners.currencycloud.webhooks import MEDIA_TYPE
from starter.journal import Journal
from starter.plugin import plugin
from store.keyring import Keyring
from store.tables.lifecycles import LifecycleRow
from store.tables.people import TaskRow
from terminal.table import as_object
from tests.proof.checker import Comparison, compare
from tests.proof.forks import Forks
from tests.proof.registered import ProofSettings
from workflows.attributes import SEARCH_ATTRIBUTES
from workflows.upkeep import UpkeepWorkflow

#: In the references of the control's transfers, which are judged by other rules.
CONTROL: Final = "control-"
#: People who decide.
OPERATORS: Final = ("ada", "bo")
#: Our account with the simulator, and the one whose payments nobody reads unasked.
READ, TOLD = "read", "told"
#: Our account with a simulator of its own: where tokens die, they die for all its payments.
FORGETFUL: Final = "forgetful"
_LOGINS: Final = {"simulator": "proof@finality.test", "forgetful": "forgetful@finality.test"}
_SECRET: Final = "c0ffee" * 8
_WATCH: Final = timedelta(seconds=1)
_WRITE_WITHIN: Final = timedelta(seconds=3)
_ANSWER_WITHIN: Final = timedelta(seconds=1)
#: The server gives a killed worker's workflow task to another one after that.
_QUICK_TASK: Final = timedelta(seconds=3)
_NEVER: Final = timedelta(minutes=10)


@dataclass
class Arena:
    """Everything but the workers, which come and go."""

    home: Path
    temporal: DevServer
    simulator: Simulator
    forgetful: Simulator
    bank: BankServer
    assembly: Assembly
    journal: Journal
    forks: Forks
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def journal_lines(self) -> list[str]:
        return (self.home / "journal.jsonl").read_text().splitlines(keepends=True)

    async def books(self) -> Books:
        """Journal, all partners' books and our list of payments, as they are now."""
        books = [await self.bank.control("book")]
        books += [await one.control("GET", "book") for one in (self.simulator, self.forgetful)]
        records = (await self.assembly.orchestrator.find(limit=1_000_000)).records
        return Books(
            self.journal_lines,
            {name: [row for book in books for row in book[name]]
             for name in ("payments", "beneficiaries", "postings")},
            [as_object(record) for record in records],
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
                select(LifecycleRow.resource_id, LifecycleRow.state, LifecycleRow.certainty).where(
                    col(LifecycleRow.resource_id).in_(payment_ids)
                )
            )
            return {
                payment_id: Standing(state, certainty, payment_id in with_question)
                for payment_id, state, certainty in rows
            }

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
        mac = hmac.new(_SECRET.encode(), body, hashlib.sha512).hexdigest()
        headers = {"x-hmac-digest-sha-512": mac, "content-type": MEDIA_TYPE["2021-02-01"]}
        webhooks = self.assembly.webhooks
        arrival = await webhooks.take("currencycloud", account, headers, body)
        if arrival is not None:
            await webhooks.notify(arrival)
        return True

    async def restart_temporal(self) -> None:
        """On the same file and port, as an operator would."""
        self.temporal = await _temporal(self.home, int(self.temporal.address.rpartition(":")[2]))


@dataclass(frozen=True)
class Books:
    """The three sides of every comparison."""

    journal: list[str]
    book: dict[str, Any]
    store: list[dict[str, Any]]

    def compared(self, prefix: str = "") -> Comparison:
        """What they say together of the payments whose references begin like that."""
        payments = [
            payment
            for payment in self.book["payments"]
            if payment["reference"].startswith(prefix) and CONTROL not in payment["reference"]
        ]
        ids = {payment["id"] for payment in payments}
        creditors = {payment["beneficiary_id"] for payment in payments}
        mine = {
            "payments": payments,
            "beneficiaries": [b for b in self.book["beneficiaries"] if b["id"] in creditors],
            "postings": [p for p in self.book["postings"] if p["payment_id"] in ids],
        }
        lines = [line for line in self.journal if _key(line).startswith(prefix)]
        store = [row for row in self.store if str(row["end_to_end_id"]).startswith(prefix)]
        return compare(lines, mine, store)


class Standing(NamedTuple):
    """What our tables say of a payment."""

    state: str
    certainty: str
    is_asked: bool
    """Whether a person is asked about it, by name and until some time."""

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
        simulator, forgetful = [await _simulator(parts, home, name) for name in _LOGINS]
        bank = await _bank(parts, home)
        more = await more_banks(bank) if more_banks else {}
        _write_settings(
            home, temporal, (simulator, forgetful), bank, more, database_url, quick=quick
        )
        forks = await Forks.start(home, {**os.environ, "FINALITY_HOME": str(home)})
        parts.push_async_callback(forks.stop)
        journal = parts.enter_context(Journal(home / "journal.jsonl"))
        assembly = await parts.enter_async_context(assembled(ProofSettings(home=home)))
        assembly._client = await Client.connect(
            temporal.address,
            plugins=[plugin(assembly.keyring)],
            interceptors=[_QuickTasks()] if quick else [],
        )
        if quick:
            _hurry(assembly)
        made = Arena(home, temporal, simulator, forgetful, bank, assembly, journal, forks)
        try:
            yield made
        finally:
            made.temporal.kill()


def _hurry(assembly: Assembly) -> None:
    """Shorten the pauses of the simulator's accounts; each payment keeps them for its life."""
    for (partner, account), adapter in assembly.partners.items():
        if partner != "currencycloud":
            continue
        profile = adapter.profile
        pay = profile.operation(InstructionKind.PAY)
        lookup = pay.lookup.model_copy(
            update={
                "settle_delay": timedelta(milliseconds=500),
                "pause": timedelta(milliseconds=150),
            }
        )
        pay = pay.model_copy(update={"lookup": lookup, "pause": timedelta(milliseconds=150)})
        pause = timedelta(milliseconds=200) if account != TOLD else _NEVER
        quick = profile.model_copy(
            update={
                "operations": {**profile.operations, InstructionKind.PAY: pay},
                "read_pause": pause,
                "read_pause_max": max(pause, timedelta(seconds=1)),
            }
        )
        adapter._profile = quick  # type: ignore[attr-defined]  # Of the adapter's class.


async def _temporal(home: Path, port: int) -> DevServer:
    return await start_dev_server(
        db_filename=home / "temporal.db",
        port=port,
        ui_port=None,
        log_file=home / "logs" / "temporal.log",
        search_attributes=SEARCH_ATTRIBUTES,
    )


async def _simulator(parts: AsyncExitStack, home: Path, name: str) -> Simulator:
    simulator = await start_simulator(
        "currencycloud",
        port=free_port(),
        db_file=home / f"{name}.db",
        log_file=home / "logs" / f"{name}.log",
        options=("--login", _LOGINS[name], "--review-after", "0", "--release-after", "0.2",
                 "--submit-after", "0.1", "--complete-after", "0.1"),
    )  # fmt: skip
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


def bank_account(idempotency: IdempotencyKind, lookup: LookupKind) -> str:
    """Our name for the account with a bank of that behaviour."""
    return f"{idempotency}-{lookup}"


def _write_settings(
    home: Path,
    temporal: DevServer,
    simulators: tuple[Simulator, Simulator],
    bank: BankServer,
    more_banks: Mapping[str, Any],
    database_url: str | None,
    *,
    quick: bool,
) -> None:
    times = {
        "watch": _WATCH.total_seconds(),
        "write_within": _WRITE_WITHIN.total_seconds(),
        "answer_within": _ANSWER_WITHIN.total_seconds(),
    }
    account, forgetful = (
        {
            "base_url": simulator.base_url,
            "login_id": login_id,
            "api_key": API_KEY,
            "simulated": True,
            "webhooks": {"secrets": [_SECRET]},
            **(times if quick else {}),
        }
        for simulator, login_id in zip(simulators, _LOGINS.values(), strict=True)
    )
    banks = {
        bank_account(idempotency, lookup): {
            "base_url": bank.base_url,
            "idempotency": idempotency,
            "lookup": lookup,
            **times,
        }
        for idempotency in IdempotencyKind
        for lookup in LookupKind
    }
    settings = {
        "temporal_address": temporal.address,
        "database_url": database_url,
        "partners": {
            "currencycloud": {READ: account, TOLD: account, FORGETFUL: forgetful},
            "bank": {**banks, **{name: {**times, **more} for name, more in more_banks.items()}},
        },
        "upkeep_every": 2,
    }
    (home / "up.json").write_text(json.dumps(settings))


def _key(line: str) -> str:
    said = json.loads(line)
    return str(said.get("intended") or said["acknowledged"])
