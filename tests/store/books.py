"""A store, as any number of processes may open it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy
from sqlmodel import Session, SQLModel, col, select

from activities.checks import Checks
from activities.clocks import Clocks
from activities.payment_store import PaymentStore
from domain.ids import instruction_id
from domain.lifecycle.answers import (
    Accepted,
    Duplicate,
    Exchange,
    InDoubt,
    LookedFor,
    NotSent,
    Prepared,
    Read,
    Refused,
    Shown,
    Submitted,
    TurnedAway,
    WireRequest,
)
from domain.lifecycle.heard import heard_of_lookup, heard_of_read, heard_of_send
from domain.lifecycle.profile import InstructionKind, Profile
from domain.lifecycle.sending import Move
from domain.payments.intent import Acknowledgement, Intent
from domain.payments.listing import Listing
from domain.payments.order import Order
from domain.payments.report import PaymentState, Report, Source
from domain.payments.view import PaymentView
from store import schema
from store.accepting import Acceptance
from store.clocks import StoreClocks
from store.commands import Commands
from store.database import Database
from store.evidence import keep_report
from store.folding import Folding
from store.future import Future
from store.inbox import Inbox
from store.keyring import Keyring
from store.payment_kind import payments_alone
from store.payments import Payments
from store.payments import row as resource_row
from store.rounds import Rounds
from store.sending import Reading, SendBook, Turn
from store.set_back import SetBack
from store.strangers import Strangers
from store.tables.lifecycles import LifecycleRow
from tests.clock import SteppedClock
from tests.fakes import ACCOUNT, BANK, FakePartner, order, profile

T = TypeVar("T")
PAYMENT = "pay_1"
INSTRUCTION = instruction_id(PAYMENT, InstructionKind.PAY)
KEYRING = Keyring({"test-1": b"k" * 32}, "test-1")
#: The kinds of a process that drives payments and asks nobody.
PAYMENTS = payments_alone()


def opened(where: Path | str) -> Database:
    """The database in a file of SQLite, or at a URL."""
    return Database(f"sqlite:///{where}" if isinstance(where, Path) else where)


@dataclass
class Store:
    """One process's view of a store, and what tests often do with it."""

    where: Path | str
    """A file of SQLite, or a URL."""
    clock: SteppedClock
    keyring: Keyring = KEYRING
    database: Database = field(init=False)
    payments: Payments = field(init=False)
    book: SendBook = field(init=False)
    inbox: Inbox = field(init=False)
    nonces: dict[tuple[str, int], str] = field(default_factory=dict)
    """Of attempts that began here, by instruction and number."""

    def __post_init__(self) -> None:
        self.database = opened(self.where)
        schema.upgrade(self.database)
        self.payments = Payments(self.database, self.keyring, PAYMENTS)
        self.book = SendBook(self.database, self.keyring, PAYMENTS)
        self.inbox = Inbox(self.database, self.keyring)

    def payment_store(self) -> PaymentStore:
        """The steps that only touch this store."""
        return PaymentStore(
            kinds=PAYMENTS,
            payments=self.payments,
            book=self.book,
            commands=self.commands,
            set_back=self.set_back,
            clock=self.clock,
        )

    @functools.cached_property
    def clocks(self) -> Clocks:
        """This process's clock beside those of others."""
        return Clocks(self.clock, StoreClocks(self.database), process="this worker")

    @property
    def future(self) -> Future:
        return Future(self.database, Folding(self.keyring, PAYMENTS))

    @property
    def set_back(self) -> SetBack:
        return SetBack(self.database, Folding(self.keyring, PAYMENTS))

    @property
    def strangers(self) -> Strangers:
        return Strangers(self.database, Folding(self.keyring, PAYMENTS))

    async def compare(self, *shown: Shown, listing: Listing | None = None) -> str:
        """Compare what the partner lists from the mark on, as a round of upkeep does."""
        listing = listing or Listing.of(BANK, ACCOUNT, profile())
        since = await self.strangers.since(listing, self.clock.now())
        listed = [one for one in shown if one.created_at >= since.at]
        return await self.strangers.compare(listing, listed, since, self.clock.now())

    @property
    def rounds(self) -> Rounds:
        return Rounds(self.database, self.set_back)

    @property
    def commands(self) -> Commands:
        return Commands(self.database, Folding(self.keyring, PAYMENTS))

    def beside(self) -> Store:
        """The same as another process would have it."""
        return Store(self.where, self.clock, self.keyring)

    @property
    def path(self) -> Path:
        """Its file, where it is one."""
        assert isinstance(self.where, Path)
        return self.where

    def close(self) -> None:
        self.database.close()

    def kept(self) -> bytes:
        """Everything that is kept: the files, or every value of every row."""
        if isinstance(self.where, Path):
            files = sorted(self.where.parent.glob(f"{self.where.name}*"))
            return b"".join(file.read_bytes() for file in files)

        def query(session: Session) -> bytes:
            connection = session.connection()
            tables = SQLModel.metadata.sorted_tables
            rows = (row for t in tables for row in connection.execute(sqlalchemy.select(t)))
            values = (value for row in rows for value in row)
            return b"\n".join(v if isinstance(v, bytes) else str(v).encode() for v in values)

        return self.database.read_now(query)

    async def accept(
        self,
        key: str = "k",
        *,
        payment_id: str = PAYMENT,
        fingerprint: str = "f",
        of: Order | None = None,
        as_of: Profile | None = None,
        intent: Intent | None = None,
        acknowledged: Acknowledgement | None = None,
    ) -> Acceptance:
        """Record an order; by default all are lines of one file, so that none repeats another."""
        of = of or order(self.clock.now())
        return await self.payments.accept(
            of,
            key=key,
            fingerprint=fingerprint,
            payment_id=payment_id,
            profile=as_of or profile(),
            now=self.clock.now(),
            intent=intent or Intent.of(of, batch="one file"),
            acknowledged=acknowledged,
        )

    async def reading(self, instruction: str = INSTRUCTION) -> Reading:
        """What the store says before a read."""
        return await self.book.reading(instruction, self.clock.now())

    async def build(self, instruction: str = INSTRUCTION) -> None:
        """Build and keep the request of the current generation."""
        draft = await self.book.draft(instruction, self.clock.now())
        if draft.move is Move.CHECK:
            await self.check(instruction)
        preparation = await FakePartner(profile(), self.clock).prepare(draft.subject)
        assert isinstance(preparation, Prepared)
        await self.keep_request(preparation.request, instruction)

    async def keep_request(self, request: WireRequest, instruction: str = INSTRUCTION) -> None:
        """Keep the bytes as a step does that may not send."""
        await self.book.begin(instruction, self.clock.now(), request=request, may_send=False)

    async def check(self, instruction: str = INSTRUCTION) -> None:
        """Have our own checks pass."""
        draft = await self.book.draft(instruction, self.clock.now())
        passed = await Checks(self.clock).examine(PAYMENT, draft.subject.order)
        await self.book.begin(instruction, self.clock.now(), passed=passed, may_send=False)

    async def begin(self, instruction: str = INSTRUCTION) -> Turn:
        """Ask the book, with the checks passed and the request built, as a step does."""
        now = self.clock.now()
        draft, passed = await self.book.draft(instruction, now), None
        if draft.move is Move.CHECK:
            passed = await Checks(self.clock).examine(PAYMENT, draft.subject.order)
        preparation = await FakePartner(profile(), self.clock).prepare(draft.subject)
        assert isinstance(preparation, Prepared)
        turn = await self.book.begin(instruction, now, request=preparation.request, passed=passed)
        self.nonces[instruction, turn.attempt] = turn.nonce
        return turn

    async def sent(
        self,
        answer: Submitted,
        attempt: int = 1,
        payment_id: str = PAYMENT,
        *,
        nonce: str | None = None,
    ) -> PaymentView:
        """Record what a send brought; by default what the latest attempt of that number did."""
        instruction = instruction_id(payment_id, InstructionKind.PAY)
        if nonce is None:
            nonce = self.nonces.get((instruction, attempt), "")
        now = self.clock.now()
        heard = heard_of_send(payment_id, instruction, attempt, answer, now, nonce=nonce)
        view: PaymentView = await self.book.record(heard)
        return view

    async def looked_up(self, answer: LookedFor, payment_id: str = PAYMENT) -> PaymentView:
        """Record what a lookup brought."""
        instruction = instruction_id(payment_id, InstructionKind.PAY)
        heard = heard_of_lookup(
            payment_id, instruction, answer, self.clock.now(), needs_watermark=False
        )
        view: PaymentView = await self.book.record(heard)
        return view

    async def read(
        self, answer: Read, *, inbox_through: int = 0, payment_id: str = PAYMENT
    ) -> PaymentView:
        """Record what a read brought."""
        instruction = instruction_id(payment_id, InstructionKind.PAY)
        heard = heard_of_read(payment_id, instruction, answer, self.clock.now(), inbox_through)
        view: PaymentView = await self.book.record(heard)
        return view

    async def booked(self, entry: Report, payment_id: str = PAYMENT) -> PaymentView:
        """Record an entry of a statement, which no step with a partner may bring."""
        now = self.clock.now()

        def transaction(session: Session) -> PaymentView:
            keep_report(session, payment_id, entry, now)
            row = resource_row(session, payment_id)
            view: PaymentView = Folding(self.keyring, PAYMENTS).refold(session, row, now)
            return view

        return await self.database.write(transaction)

    def open(self) -> list[str]:
        """Ids of payments that are owed something."""
        rows = select(LifecycleRow.resource_id).where(col(LifecycleRow.is_over).is_(False))
        return list(self.rows(lambda session: session.exec(rows).all()))

    def rows(self, query: Callable[[Session], T]) -> T:
        """Look into the tables."""
        return self.database.read_now(query)


def report(
    at: datetime,
    state: PaymentState | None = PaymentState.ACCEPTED,
    *,
    reference: str | None = "ref-1",
    source: Source = Source.REPLY,
    instruction: str = INSTRUCTION,
    **fields: Any,
) -> Report:
    """Something the partner says."""
    fields.setdefault("partner_status", state.value if state else "surprise")
    return Report(
        instruction_id=instruction,
        source=source,
        as_of=at,
        state=state,
        partner_reference=reference,
        **fields,
    )


def exchange(at: datetime, request: str = "", response: str = "") -> Exchange:
    return Exchange("POST", "/payments", 200, request, response, at)


def accepted(at: datetime, **fields: Any) -> Accepted:
    return Accepted(report(at, **fields), exchange(at))


def refused(at: datetime, **fields: Any) -> Refused:
    return Refused(report(at, PaymentState.REJECTED, reference=None, **fields), exchange(at))


def duplicate(at: datetime) -> Duplicate:
    return Duplicate(report(at, PaymentState.AWAITING_US, reference=None), exchange(at))


def in_doubt(*, server_error: bool = False) -> InDoubt:
    return InDoubt("no answer in time", server_error=server_error)


def not_sent() -> NotSent:
    return NotSent("connection refused")


def turned_away(at: datetime, status: int = 429) -> TurnedAway:
    return TurnedAway(status, "too many requests", exchange(at))
