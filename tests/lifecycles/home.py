"""A process that drives consents, with a bank whose book outlives it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlmodel import Session, select
from temporalio.client import WorkflowHandle

from activities.messages import ResourceRef
from assembly import Assembly, MachineClock
from domain.clock import Clock
from domain.ids import TASK_QUEUE
from domain.lifecycle.answers import (
    Absent,
    Accepted,
    Answered,
    Deadline,
    Exchange,
    Found,
    LookedFor,
    Prepared,
    Read,
    Submitted,
    WireRequest,
)
from domain.lifecycle.profile import (
    Idempotency,
    IdempotencyKind,
    Lookup,
    LookupKind,
    Operation,
    Profile,
)
from domain.lifecycle.report import Report, Source
from settings import Settings
from store import schema
from store.database import Database
from store.folding import Folding, request_context
from store.inbox import Inbox
from store.keyring import Keyring
from store.kind import StoredKinds
from store.payments import Payments
from store.sending import SendBook
from store.tables.lifecycles import InstructionRow, LifecycleRow, StateRow
from tests.lifecycles.consent import (
    ASK,
    CONSENT,
    REVOKE,
    Asked,
    Consent,
    ConsentKind,
    ConsentView,
    ConsentWorkflow,
    asking,
)
from tests.polling import eventually
from worker import workers

KEYRING = Keyring({"test-1": b"w" * 32}, "test-1")
KINDS: StoredKinds = {CONSENT: ConsentKind()}
_SOON = timedelta(milliseconds=100)
_OPERATION = Operation(
    idempotency=Idempotency(kind=IdempotencyKind.NONE),
    lookup=Lookup(kind=LookupKind.STRONG, settle_delay=_SOON, pause=_SOON),
    write_within=timedelta(seconds=3),
    answer_within=timedelta(seconds=1),
)
PROFILE = Profile(
    partner="bank",
    spec_version="test",
    operations={ASK: _OPERATION, REVOKE: _OPERATION},
    watch={},
    read_pause=_SOON,
    read_pause_max=timedelta(seconds=1),
)


@dataclass
class ConsentBank:
    """Its book is a file with a line for each consent it made: the key of the request."""

    book: Path
    clock: Clock
    says: str = "awaiting_user"
    """What it answers about every consent."""
    dies_after_effect: bool = False
    """Kills the process that sent, once the consent is made and before the answer."""
    profile: Profile = PROFILE
    login: str = "us"

    @property
    def made(self) -> list[str]:
        return self.book.read_text().split() if self.book.exists() else []

    async def ready(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def prepare(self, subject: Asked) -> Prepared:
        body = subject.request.scope.encode()
        return Prepared(WireRequest("POST", "/consents", body, "text/plain", subject.keys[-1]))

    async def submit(self, subject: Asked, request: WireRequest, deadline: Deadline) -> Submitted:
        if subject.kind == REVOKE:
            self.says = "revoked"
        else:
            with self.book.open("a") as book:
                book.write(f"{request.key}\n")
        if self.dies_after_effect:
            os.kill(os.getpid(), signal.SIGKILL)
        return Accepted(self._report(subject, Source.REPLY, subject.keys[-1]), self._exchange())

    async def find(self, subject: Asked) -> LookedFor:
        for key in subject.keys:
            if key in self.made:
                return Found(self._report(subject, Source.READ, key), self._exchange())
        return Absent(self.clock.now(), self._exchange())

    async def read(self, subject: Asked) -> Read:
        reference = subject.partner_reference
        assert reference is not None
        key = reference.removeprefix("at-")
        return Answered(self._report(subject, Source.READ, key), self._exchange())

    def _report(self, subject: Asked, source: Source, key: str) -> Report:
        return Report(
            instruction_id=subject.instruction_id,
            source=source,
            as_of=self.clock.now(),
            state=self.says,
            partner_status=self.says.upper(),
            partner_reference=f"at-{key}",
        )

    def _exchange(self) -> Exchange:
        return Exchange("POST", "/consents", 200, "{}", "{}", self.clock.now())


@dataclass
class ConsentHome:
    """One process: its store, its bank and, once it works, its workers."""

    assembly: Assembly
    bank: ConsentBank
    running: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def folding(self) -> Folding:
        return Folding(KEYRING, KINDS)

    async def work(self) -> None:
        client = await self.assembly.client()
        for worker in workers(self.assembly, client, {CONSENT: ConsentWorkflow}):
            await self.running.enter_async_context(worker)

    async def rest(self) -> None:
        await self.running.aclose()

    async def ask(
        self, consent_id: str, *, confirm_within: timedelta, ago: timedelta = timedelta(0)
    ) -> None:
        """Record a consent that is to be asked for."""
        now = self.assembly.clock.now() - ago
        consent = Consent(
            tenant="shop", partner="bank", partner_account="main", scope="balances",
            submit_before=now + timedelta(minutes=5), confirm_before=now + confirm_within,
        )  # fmt: skip
        await self.assembly.database.write(
            lambda session: self._accept(session, consent_id, consent, now)
        )

    def _accept(self, session: Session, consent_id: str, consent: Consent, now: datetime) -> None:
        folded = ConsentKind().fold(consent, PROFILE, (), ())
        clear = consent.model_dump_json().encode()
        row = LifecycleRow(
            resource_id=consent_id, kind=CONSENT, tenant=consent.tenant, key=consent_id,
            fingerprint="", fingerprint_version=1, partner=consent.partner,
            partner_account=consent.partner_account,
            request_sealed=KEYRING.seal(clear, request_context(consent_id)),
            profile_json=PROFILE.model_dump_json(), submit_before=consent.submit_before,
            execute_by=consent.confirm_before, state=folded.state, certainty=folded.certainty,
            folded_json=folded.model_dump_json(), evidence_hash="", created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(row)
        session.flush()
        asked = InstructionRow(
            instruction_id=asking(consent_id), resource_id=consent_id, kind=ASK,
            partner=consent.partner, partner_account=consent.partner_account,
        )  # fmt: skip
        entered = StateRow(
            resource_id=consent_id, state=folded.state, certainty=folded.certainty, entered_at=now
        )
        session.add_all([asked, entered])
        self.folding.refold(session, row, now)

    async def start(self, consent_id: str) -> WorkflowHandle[ConsentWorkflow, str]:
        """Have it run, or have its run look again."""
        client = await self.assembly.client()
        return await client.start_workflow(
            ConsentWorkflow.run,
            ResourceRef(tenant="shop", resource_id=consent_id),
            id=f"consent/shop/{consent_id}",
            task_queue=TASK_QUEUE,
            start_signal="look_again",
        )

    async def view(self, consent_id: str) -> ConsentView:
        view: ConsentView = await self.assembly.database.read(
            lambda session: self.folding.view(session, session.get_one(LifecycleRow, consent_id))
        )
        return view

    async def until(self, consent_id: str, state: str) -> ConsentView:
        async def seen() -> ConsentView | None:
            view = await self.view(consent_id)
            return view if view.folded.state == state else None

        found: ConsentView = await eventually(seen, f"{consent_id} {state}", 60)
        return found

    async def entered(self, consent_id: str) -> list[str]:
        """Every state that it entered, in order."""
        rows = select(StateRow.state).where(StateRow.resource_id == consent_id)
        found = await self.assembly.database.read(
            lambda session: session.exec(rows.order_by(StateRow.number)).all()  # type: ignore[arg-type]
        )
        return list(dict.fromkeys(found))


@asynccontextmanager
async def consents(
    home: Path, address: str, *, dies_after_effect: bool = False
) -> AsyncIterator[ConsentHome]:
    """A process with its store in `home`. Its workers are not started yet."""
    home.mkdir(parents=True, exist_ok=True)
    clock = MachineClock()
    settings = Settings(home=home, temporal_address=address, graceful_shutdown=timedelta(seconds=5))
    database = Database(settings.database)
    schema.upgrade(database)
    bank = ConsentBank(home / "bank", clock, dies_after_effect=dies_after_effect)
    assembly = Assembly(
        settings=settings,
        keyring=KEYRING,
        database=database,
        payments=Payments(database, KEYRING, KINDS),
        book=SendBook(database, KEYRING, KINDS),
        inbox=Inbox(database, KEYRING),
        clock=clock,
        make_partners=lambda: {("bank", "main"): bank},  # type: ignore[dict-item]
        logins={},
        kinds=KINDS,
    )
    made = ConsentHome(assembly, bank)
    try:
        yield made
    finally:
        await made.rest()
        await assembly.close()


async def _work_until_killed(home: Path, address: str) -> None:
    async with consents(home, address, dies_after_effect=True) as made:
        await made.work()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_work_until_killed(Path(sys.argv[1]), sys.argv[2]))
