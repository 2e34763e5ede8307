"""A partner in memory that misbehaves on request, its profile and orders for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from domain.accounts import Account
from domain.clock import Clock
from domain.lifecycle.answers import (
    Absent,
    Accepted,
    Answered,
    CannotTell,
    Deadline,
    Duplicate,
    Exchange,
    Found,
    InDoubt,
    Listed,
    LookedFor,
    NotReady,
    NotSent,
    Preparation,
    Prepared,
    Read,
    Refused,
    Shown,
    Submitted,
    TurnedAway,
    Unanswered,
    Unprepared,
    WireRequest,
)
from domain.lifecycle.profile import (
    Idempotency,
    IdempotencyKind,
    InstructionKind,
    Lookup,
    LookupKind,
    Operation,
    Profile,
)
from domain.money import Money
from domain.party import Party
from domain.payments.answers import Subject
from domain.payments.order import Order, Rail, Times
from domain.payments.report import Movement, MovementKind, Observed, PaymentState, Report, Source
from tests.clock import START
from tests.words import (
    COMPLETED,
    DELETED,
    READY,
    REJECTED,
    Effect,
    OnCancel,
    OnFind,
    OnSend,
    Word,
)

BANK: Final = "bank"
ACCOUNT: Final = "main"
#: Found nowhere but in sealed values: a test greps whole files for them.
CREDITOR_IBAN: Final = "DE89370400440532013000"
DEBTOR_IBAN: Final = "FR7630006000011234567890189"
CREDITOR_NAME: Final = "Wilhelmina Canary"
REMITTANCE: Final = "rent of the aviary"
WATCH: Final = timedelta(days=14)


@dataclass
class FakePartner:
    """A partner of any profile. Its book counts what it executed, by key.

    What goes wrong is queued per call (`on_send`, `on_find`); with an empty queue all goes well.
    `life` is what its reads say of every payment, one word a read, the last for ever.
    """

    profile: Profile
    clock: Clock
    life: tuple[Word, ...] = (COMPLETED,)
    lives: dict[str, tuple[Word, ...]] = field(default_factory=dict)
    """What reads say of one order instead, by its end-to-end id."""
    reply: Word = READY
    replies: dict[str, Word] = field(default_factory=dict)
    """What its replies say of one order instead, by its end-to-end id."""
    on_send: deque[OnSend] = field(default_factory=deque)
    on_find: deque[OnFind] = field(default_factory=deque)
    on_cancel: deque[OnCancel] = field(default_factory=deque)
    not_ready: NotReady | None = None
    unprepared: Unprepared | None = None
    unread: Unanswered | None = None
    reads_break_off: bool = False
    """By a bug of our own adapter."""
    gate: asyncio.Event | None = None
    """While set to an event, a send waits for it after its effect."""
    book: dict[str, list[Effect]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    sent: list[WireRequest] = field(default_factory=list)
    foreign_reference: str = "ref-of-another"

    @property
    def effects(self) -> list[Effect]:
        """Everything executed, whatever the key."""
        return [effect for effects in self.book.values() for effect in effects]

    def says(self, *words: Word) -> None:
        """From now on, of every payment."""
        self.life = words
        for effect in self.effects:
            effect.words = deque(words)

    def count(self, call: str) -> int:
        """How often it was called that way."""
        return self.calls.count(call)

    @property
    def login(self) -> str:
        return "us"

    async def ready(self) -> NotReady | None:
        self.calls.append("ready")
        return self.not_ready

    async def prepare(self, subject: Subject) -> Preparation:
        self.calls.append("prepare")
        if self.unprepared is not None:
            return self.unprepared
        order, key = subject.order, subject.keys[-1]
        body = f"{key}|{order.creditor_account.number}|{order.instructed_amount}".encode()
        prepared = {"beneficiary": f"ben-{subject.order.creditor.name}"}
        return Prepared(WireRequest("POST", "/payments", body, "text/plain", key, prepared))

    async def submit(self, subject: Subject, request: WireRequest, deadline: Deadline) -> Submitted:
        if subject.kind is InstructionKind.CANCEL:
            return self._cancel(subject)
        self.calls.append("submit")
        befalls = self.on_send.popleft() if self.on_send else OnSend.NOTHING
        if befalls is OnSend.NOTHING_LEFT:
            return NotSent("connection refused")
        if self.clock.now() >= deadline.write_before:
            return NotSent("its time to be sent was over before it began")
        self.sent.append(request)
        match befalls:
            case OnSend.LOST_BEFORE:
                return InDoubt("the connection broke")
            case OnSend.FAILS_BEFORE:
                return InDoubt("500", server_error=True, exchange=self._exchange(subject, 500))
            case OnSend.TURNED_AWAY:
                return TurnedAway(429, "too many requests", self._exchange(subject, 429))
            case OnSend.REFUSED:
                return Refused(self._report(subject, REJECTED, None), self._exchange(subject, 400))
            case OnSend.DUPLICATE:
                return self._duplicate(subject)
            case _:
                answer = self._execute(subject, request)
        if self.gate is not None:
            await self.gate.wait()
        match befalls:
            case OnSend.LOST_AFTER:
                return InDoubt("no answer in time")
            case OnSend.FAILS_AFTER:
                return InDoubt("500", server_error=True, exchange=self._exchange(subject, 500))
            case OnSend.TURNED_AWAY_AFTER:
                return TurnedAway(429, "too many requests", self._exchange(subject, 429))
            case OnSend.BUG_AFTER:
                raise RuntimeError(f"a bug that tells of {subject.order.creditor.name}")
            case _:
                return answer

    async def find(self, subject: Subject) -> LookedFor:
        now = self.clock.now()
        if subject.kind is InstructionKind.CANCEL:
            self.calls.append("find cancel")
            effect = self._held(subject)
            if effect.words[0] is DELETED:
                found = self._report(subject, DELETED, effect.reference, Source.READ)
                return Found(found, self._exchange(subject, 200))
            return Absent(now, self._exchange(subject, 200), watermark=True)
        self.calls.append("find")
        befalls = self.on_find.popleft() if self.on_find else OnFind.NOTHING
        if befalls is OnFind.CANNOT_TELL:
            return CannotTell(now, "the answer was cut short", self._exchange(subject, 200))
        if befalls is OnFind.ANOTHERS:
            reference = self.foreign_reference
            report = self._report(subject, self._reply(subject), reference, Source.READ)
            return Found(report, self._exchange(subject, 200))
        held = [effect for key in subject.keys for effect in self.book.get(key, [])]
        if befalls is OnFind.EMPTY or not held:
            return Absent(now, self._exchange(subject, 200), watermark=True)
        report = self._report(subject, self._reply(subject), held[0].reference, Source.READ)
        return Found(report, self._exchange(subject, 200))

    async def read(self, subject: Subject) -> Read:
        self.calls.append("read")
        if self.reads_break_off:
            raise RuntimeError("a bug in a read")
        if self.unread is not None:
            return self.unread
        held = self._held(subject)
        words = held.words
        word = words.popleft() if len(words) > 1 else words[0]
        report = self._report(subject, word, held.reference, Source.READ)
        return Answered(report, self._exchange(subject, 200))

    async def examine(self, order: Order) -> Unprepared | None:
        return None

    async def available(self, currency: str, on_behalf_of: str | None) -> Money | Unanswered:
        self.calls.append("available")
        return Unanswered("it keeps no balances")

    async def close(self) -> None:
        self.calls.append("close")

    def _reply(self, subject: Subject) -> Word:
        return self.replies.get(subject.order.end_to_end_id, self.reply)

    def _held(self, subject: Subject) -> Effect:
        held = [e for e in self.effects if e.reference == subject.partner_reference]
        assert held, "asked about a reference this partner never gave"
        return held[0]

    def _cancel(self, subject: Subject) -> Submitted:
        self.calls.append("cancel")
        befalls = self.on_cancel.popleft() if self.on_cancel else OnCancel.NOTHING
        effect = self._held(subject)
        if befalls is OnCancel.LOST_BEFORE:
            return InDoubt("the connection broke")
        if befalls is OnCancel.TOO_LATE:
            word = Word("too late", None, reason="it was released")
            return Refused(
                self._report(subject, word, effect.reference), self._exchange(subject, 400)
            )
        effect.words = deque([DELETED])
        if befalls is OnCancel.LOST_AFTER:
            return InDoubt("no answer in time")
        report = self._report(subject, DELETED, effect.reference)
        return Accepted(report, self._exchange(subject, 200))

    def _execute(self, subject: Subject, request: WireRequest) -> Submitted:
        held = self.book.setdefault(request.key, [])
        kind = self.profile.operation(InstructionKind.PAY).idempotency.kind
        if held and kind in (IdempotencyKind.REJECT_DUPLICATE, IdempotencyKind.NATURAL_KEY):
            return self._duplicate(subject)
        if not held or kind is IdempotencyKind.NONE:
            order = subject.order
            held.append(
                Effect(
                    reference=f"ref-{request.key}-{len(held) + 1}",
                    amount=order.instructed_amount,
                    creditor=order.creditor_account.number,
                    words=deque(self.lives.get(order.end_to_end_id, self.life)),
                )
            )
        report = self._report(subject, self._reply(subject), held[0].reference)
        return Accepted(report, self._exchange(subject, 200))

    def _duplicate(self, subject: Subject) -> Duplicate:
        word = Word("duplicate", PaymentState.AWAITING_US)
        return Duplicate(self._report(subject, word, None), self._exchange(subject, 400))

    def _report(
        self, subject: Subject, word: Word, reference: str | None, source: Source = Source.REPLY
    ) -> Report:
        return Report(
            instruction_id=subject.instruction_id,
            source=source,
            as_of=self.clock.now(),
            state=word.state,
            partner_status=word.text,
            reason=word.reason,
            partner_reference=reference,
            observed=Observed(amount=word.amount or subject.order.instructed_amount),
            movements=tuple(self._movements(subject, word, reference)),
        )

    def _movements(self, subject: Subject, word: Word, reference: str | None) -> Iterable[Movement]:
        currency = subject.order.instructed_amount.currency
        if word.state in (PaymentState.SETTLED, PaymentState.FINAL, PaymentState.RETURNED):
            yield Movement(
                movement_id=f"{reference}-debit",
                kind=MovementKind.DEBIT,
                amount=subject.order.instructed_amount,
            )
        for kind, minor in (
            (MovementKind.RETURN, word.returned_minor),
            (MovementKind.FEE, word.fee_minor),
        ):
            if minor:
                amount = Money(minor=minor, currency=currency)
                yield Movement(movement_id=f"{reference}-{kind}", kind=kind, amount=amount)

    def _exchange(self, subject: Subject, status: int | None) -> Exchange:
        return Exchange(
            method="POST",
            path="/payments",
            status=status,
            request=f"to {subject.order.creditor_account.number}",
            response=subject.order.creditor.name,
            sent_at=self.clock.now(),
        )


def profile(
    idempotency: IdempotencyKind = IdempotencyKind.NONE,
    lookup: LookupKind = LookupKind.STRONG,
    *,
    operation: dict[str, Any] | None = None,
    cancels: bool = False,
    **fields: Any,
) -> Profile:
    """A partner quick enough for tests: `operation` and the other fields override its values."""
    pay = Operation(
        idempotency=Idempotency(kind=idempotency),
        lookup=Lookup(
            kind=lookup,
            settle_delay=timedelta(milliseconds=200),
            pause=timedelta(milliseconds=100),
        ),
        **{
            "write_within": timedelta(seconds=2),
            "answer_within": timedelta(seconds=1),
            "pause": timedelta(milliseconds=100),
            "refusals_without_effect": frozenset({429}),
            **(operation or {}),
        },
    )
    take_back = pay.model_copy(
        update={
            "idempotency": Idempotency(kind=IdempotencyKind.NATURAL_KEY),
            "lookup": pay.lookup.model_copy(update={"kind": LookupKind.PARENT}),
        }
    )
    return Profile(
        **{
            "partner": BANK,
            "spec_version": "test",
            "operations": {InstructionKind.PAY: pay}
            | ({InstructionKind.CANCEL: take_back} if cancels else {}),
            "watch": {Rail.SEPA_CREDIT_TRANSFER: WATCH},
            "read_pause": timedelta(milliseconds=100),
            **fields,
        }
    )


def order(now: datetime = START, *, minor: int = 12_345, **fields: Any) -> Order:
    """A credit transfer that may be sent for an hour."""
    return Order(
        **{
            "tenant": "shop",
            "partner": BANK,
            "partner_account": ACCOUNT,
            "instructed_amount": Money(minor=minor, currency="EUR"),
            "debtor": Party(name="Shop"),
            "debtor_account": Account(iban=DEBTOR_IBAN),
            "creditor": Party(name=CREDITOR_NAME),
            "creditor_account": Account(iban=CREDITOR_IBAN),
            "end_to_end_id": "INVOICE-77",
            "remittance_information": REMITTANCE,
            "times": Times(submit_before=now + timedelta(hours=1)),
            **fields,
        }
    )


@dataclass
class ListingPartner(FakePartner):
    """One that also lists what it holds, `per_page` at a time; others may have made some of it."""

    listed: list[Shown] = field(default_factory=list)
    unlisted: Unanswered | None = None
    per_page: int = 2

    def _execute(self, subject: Subject, request: WireRequest) -> Submitted:
        before = len(self.book.get(request.key, []))
        answer = super()._execute(subject, request)
        for effect in self.book[request.key][before:]:
            self.listed.append(Shown(effect.reference, request.key, self.clock.now()))
        return answer

    async def created_since(self, since: datetime) -> Listed | Unanswered:
        self.calls.append("list")
        if self.unlisted is not None:
            return self.unlisted
        found = [shown for shown in self.listed if shown.created_at >= since]
        return Listed(tuple(found[: self.per_page]), is_complete=len(found) <= self.per_page)
