"""Our adapter for the bank of these tests: one profile per idempotency shape and lookup kind."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

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
    Gone,
    InDoubt,
    LookedFor,
    NotReady,
    NotSent,
    Preparation,
    Prepared,
    Read,
    Refused,
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
from domain.payments.answers import Subject
from domain.payments.order import Order, Rail
from domain.payments.report import Movement, MovementKind, Observed, PaymentState, Report, Source
from partners.kit.account import PartnerAccount
from partners.kit.registration import Registration
from partners.kit.workplace import Workplace
from transport.exchange import NeverLeft, Request, Response
from transport.http import Transport

BANK: Final = "bank"
_PARENT: Final = "parent"
#: One for all: reading the authorities is slow, and the bank speaks plain HTTP.
_NO_TLS: Final = ssl.create_default_context()
_PATIENCE: Final = timedelta(seconds=5)
_STATES: Final = {
    "ready_to_send": PaymentState.ACCEPTED,
    "completed": PaymentState.SETTLED,
    "deleted": PaymentState.CANCELLED,
    "failed": PaymentState.RETURNED,
}


class BankAccount(PartnerAccount):
    """Where it is, and how this one behaves; in place of a login there is nothing."""

    idempotency: IdempotencyKind
    lookup: LookupKind
    watch: timedelta
    write_within: timedelta
    answer_within: timedelta
    read_pause: timedelta = timedelta(milliseconds=150)

    @property
    def profile(self) -> Profile:
        """Quick enough for tests; what it claims, the bank does."""
        pay = Operation(
            idempotency=Idempotency(
                kind=self.idempotency,
                caches_errors=self.idempotency is IdempotencyKind.REPLAY_RESPONSE,
            ),
            lookup=Lookup(
                kind=self.lookup,
                settle_delay=timedelta(milliseconds=500),
                pause=timedelta(milliseconds=150),
                pause_max=timedelta(seconds=1),
            ),
            write_within=self.write_within,
            answer_within=self.answer_within,
            pause=timedelta(milliseconds=150),
            pause_max=timedelta(seconds=1),
        )
        if pay.lookup.is_complete:
            # Its gateway may be wrong about a 429: declared only where a lookup can confirm it.
            pay = pay.model_copy(update={"refusals_without_effect": frozenset({429})})
        cancel = pay.model_copy(
            update={
                "idempotency": Idempotency(kind=IdempotencyKind.NATURAL_KEY),
                "lookup": pay.lookup.model_copy(update={"kind": LookupKind.PARENT}),
                "refusals_without_effect": frozenset({429}),
            }
        )
        return Profile(
            partner=BANK,
            spec_version="proof",
            environment=urlsplit(self.base_url).hostname or "",
            operations={InstructionKind.PAY: pay, InstructionKind.CANCEL: cancel},
            watch={Rail.SEPA_CREDIT_TRANSFER: self.watch},
            read_pause=self.read_pause,
            read_pause_max=max(timedelta(seconds=1), self.read_pause),
        )


class BankPartner:
    """One of our accounts with it."""

    def __init__(self, account: BankAccount, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self._profile = account.profile
        self._transport = Transport(account.base_url, clock=clock, verify=_NO_TLS)
        self.path = f"/{account.idempotency}/{account.lookup}"

    @property
    def profile(self) -> Profile:
        return self._profile

    @property
    def login(self) -> str:
        return self._account.base_url

    async def ready(self) -> NotReady | None:
        return None

    async def examine(self, order: Order) -> Unprepared | None:
        return None

    async def available(self, currency: str, on_behalf_of: str | None) -> Money | Unanswered:
        return Unanswered("it keeps no balances")

    async def close(self) -> None:
        await self._transport.close()

    async def prepare(self, subject: Subject) -> Preparation:
        key = subject.keys[-1]
        if subject.kind is InstructionKind.CANCEL:
            path = f"{self.path}/orders/{subject.partner_reference}/cancel"
            return Prepared(WireRequest("POST", path, b"{}", "application/json", key))
        if _PARENT not in subject.prepared and self._has_parents:
            made = await self._ask("PUT", f"{self.path}/parents/{key}", b"{}")
            if not isinstance(made, Response) or made.status != 200:
                return Unprepared("the parent could not be made")
        order = subject.order
        body = {
            "key": key,
            "reference": order.end_to_end_id,
            "account": order.creditor_account.number,
            "name": order.creditor.name,
            "amount_minor": order.instructed_amount.minor,
            "currency": order.instructed_amount.currency,
        }
        request = WireRequest(
            "POST",
            f"{self.path}/orders",
            json.dumps(body).encode(),
            "application/json",
            key,
            {_PARENT: key},
        )
        return Prepared(request)

    async def submit(self, subject: Subject, request: WireRequest, deadline: Deadline) -> Submitted:
        asked_at = self._clock.now()
        outcome = await self._transport.exchange(
            Request(
                request.method,
                request.path,
                body=request.body,
                content_type=request.content_type,
                once=True,
            ),
            deadline,
        )
        exchange = _exchange(request.method, request.path, outcome, asked_at)
        match outcome:
            case NeverLeft(why):
                return NotSent(why, exchange)
            case Response(status=200, body=body):
                return Accepted(
                    _report(subject, json.loads(body), Source.REPLY, asked_at), exchange
                )
            case Response(status=429):
                return TurnedAway(429, "too many requests", exchange)
            case Response(status=409):
                return Duplicate(_refusal(subject, "duplicate", asked_at), exchange)
            case Response(status=400, body=body):
                return Refused(_refusal(subject, json.loads(body)["error"], asked_at), exchange)
            case Response(status=status):
                return InDoubt(
                    f"answered with {status}", server_error=status >= 500, exchange=exchange
                )
            case _:
                return InDoubt(outcome.why, exchange=exchange)

    async def find(self, subject: Subject) -> LookedFor:
        asked_at = self._clock.now()
        if subject.kind is InstructionKind.CANCEL:
            return await self._find_cancelled(subject, asked_at)
        for key in subject.keys:
            if self._account.lookup is LookupKind.PARENT:
                path = f"{self.path}/parents/{key}"
            else:
                path = f"{self.path}/orders?{urlencode({'key': key})}"
            outcome = await self._ask("GET", path)
            if not isinstance(outcome, Response) or outcome.status != 200:
                return CannotTell(asked_at, "the search failed")
            said, exchange = json.loads(outcome.body), _exchange("GET", path, outcome, asked_at)
            orders = said["orders"] if "orders" in said else [said["used_by"]]
            if orders and orders[0]:
                return Found(_report(subject, orders[0], Source.READ, asked_at), exchange)
            settle_delay = self.profile.operation(InstructionKind.PAY).lookup.settle_delay
            caught_up = datetime.fromtimestamp(said.get("caught_up_to", 0), UTC)
            # Asked that long after the last attempt's end: it shows all that could have arrived.
            watermark = caught_up >= asked_at - settle_delay
        return Absent(asked_at, exchange, watermark)

    async def _find_cancelled(self, subject: Subject, asked_at: datetime) -> LookedFor:
        path = f"{self.path}/orders/{subject.partner_reference}"
        outcome = await self._ask("GET", path)
        if not isinstance(outcome, Response) or outcome.status != 200:
            return CannotTell(asked_at, "the search failed")
        order, exchange = json.loads(outcome.body), _exchange("GET", path, outcome, asked_at)
        if order["status"] == "deleted":
            return Found(_report(subject, order, Source.READ, asked_at), exchange)
        return Absent(asked_at, exchange, watermark=True)

    async def read(self, subject: Subject) -> Read:
        asked_at, path = self._clock.now(), f"{self.path}/orders/{subject.partner_reference}"
        outcome = await self._ask("GET", path)
        exchange = _exchange("GET", path, outcome, asked_at)
        if not isinstance(outcome, Response):
            return Unanswered(outcome.why, exchange)
        if outcome.status == 404:
            return Gone("no such order", asked_at, exchange)
        return Answered(_report(subject, json.loads(outcome.body), Source.READ, asked_at), exchange)

    async def _ask(self, method: str, path: str, body: bytes = b"") -> Any:
        now = self._clock.now()
        path, _, query = path.partition("?")
        pairs = tuple(tuple(pair.split("=")) for pair in query.split("&")) if query else ()
        request = Request(method, path, query=pairs, body=body, content_type="application/json")  # type: ignore[arg-type]
        return await self._transport.exchange(request, Deadline(now + _PATIENCE, now + _PATIENCE))

    @property
    def _has_parents(self) -> bool:
        return (
            self._account.idempotency is IdempotencyKind.NATURAL_KEY
            or self._account.lookup is LookupKind.PARENT
        )


def _report(subject: Subject, order: dict[str, Any], source: Source, as_of: datetime) -> Report:
    amount = Money(minor=order["amount_minor"], currency=order["currency"])
    state, order_id = _STATES[order["status"]], order["id"]
    movements = []
    if state in (PaymentState.SETTLED, PaymentState.RETURNED):
        movements.append(
            Movement(movement_id=f"{order_id}-debit", kind=MovementKind.DEBIT, amount=amount)
        )
    if order["returned_minor"]:
        back = Money(minor=order["returned_minor"], currency=order["currency"])
        movements.append(
            Movement(movement_id=f"{order_id}-return", kind=MovementKind.RETURN, amount=back)
        )
    return Report(
        instruction_id=subject.instruction_id,
        source=source,
        as_of=as_of,
        state=state,
        partner_status=order["status"],
        partner_reference=order_id,
        observed=Observed(amount=amount, creditor_account_ends=order["account"][-4:]),
        movements=tuple(movements),
    )


def _refusal(subject: Subject, word: str, as_of: datetime) -> Report:
    """Of a refused cancel it says nothing about the payment's state."""
    is_pay = subject.kind is InstructionKind.PAY
    state = PaymentState.AWAITING_US if word == "duplicate" else PaymentState.REJECTED
    return Report(
        instruction_id=subject.instruction_id,
        source=Source.REPLY,
        as_of=as_of,
        state=state if is_pay else None,
        partner_status=word,
        reason=word,
        partner_reference=None if is_pay else subject.partner_reference,
    )


def _exchange(method: str, path: str, outcome: Any, sent_at: datetime) -> Exchange:
    answered = isinstance(outcome, Response)
    return Exchange(
        method=method,
        path=path,
        status=outcome.status if answered else None,
        request="",
        response="",
        sent_at=sent_at,
    )


def _make(account: BankAccount, workplace: Workplace) -> BankPartner:
    return BankPartner(account, workplace.clock)


REGISTRATION: Final = Registration(title="The test bank", account=BankAccount, make=_make)
