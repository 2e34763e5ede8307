"""Our adapter for the card processor of these tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

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
from domain.lifecycle.reversals import ReversalKind, ReversalState, SeenReversal
from domain.money import Money
from domain.payments.answers import Subject
from domain.payments.order import Captured, Order, Rail
from domain.payments.report import (
    Action,
    ActionKind,
    Movement,
    MovementKind,
    Observed,
    PaymentState,
    Report,
    Source,
)
from tests.proof.cards import CONFIRM_SECONDS
from transport.exchange import NeverLeft, Request, Response

CARDS: Final = "bank"
"""Its name in the settings: worlds of all kinds have one partner, of one name."""
_PATIENCE: Final = timedelta(seconds=5)
_STATES: Final = {
    "requires_action": PaymentState.AWAITING_USER,
    "authorised": PaymentState.AUTHORISED,
    "partly_captured": PaymentState.PARTLY_CAPTURED,
    "captured": PaymentState.CAPTURED,
    "cancelled": PaymentState.CANCELLED,
}
_REVERSALS: Final = {
    "pending": ReversalState.PENDING,
    "needs_evidence": ReversalState.NEEDS_EVIDENCE,
    "done": ReversalState.DONE,
    "failed": ReversalState.FAILED,
    "won": ReversalState.WON,
    "lost": ReversalState.LOST,
    "reinstated": ReversalState.REINSTATED,
}
_KINDS: Final = {"refund": ReversalKind.REFUND, "dispute": ReversalKind.DISPUTE}
_PLACES: Final = {
    InstructionKind.INCREMENT: "increments",
    InstructionKind.CAPTURE: "captures",
    InstructionKind.REFUND: "refunds",
}


def profile_of(idempotency: IdempotencyKind, lookup: LookupKind) -> Profile:
    """Quick enough for tests; what it claims, the processor does."""
    pay = Operation(
        idempotency=Idempotency(kind=idempotency),
        lookup=Lookup(
            kind=lookup,
            settle_delay=timedelta(milliseconds=500),
            pause=timedelta(milliseconds=150),
            pause_max=timedelta(seconds=1),
        ),
        write_within=timedelta(seconds=3),
        answer_within=timedelta(seconds=2),
        pause=timedelta(milliseconds=150),
        pause_max=timedelta(seconds=1),
        refusals_without_effect=frozenset({429}) if lookup is LookupKind.STRONG else frozenset(),
    )
    cancel = pay.model_copy(
        update={
            "idempotency": Idempotency(kind=IdempotencyKind.NATURAL_KEY),
            "lookup": pay.lookup.model_copy(update={"kind": LookupKind.PARENT}),
            "refusals_without_effect": frozenset({429}),
        }
    )
    return Profile(
        partner=CARDS,
        spec_version="proof",
        environment="cards",
        collects=True,
        operations={
            InstructionKind.PAY: pay,
            InstructionKind.CANCEL: cancel,
            InstructionKind.INCREMENT: pay,
            InstructionKind.CAPTURE: pay,
            InstructionKind.REFUND: pay,
        },
        watch={Rail.CARD: timedelta(minutes=1)},
        read_pause=timedelta(milliseconds=400),
        read_pause_max=timedelta(seconds=30),
    )


class CardsPartner:
    """One of our accounts with it."""

    def __init__(self, profile: Profile, name: str, transport: Any, clock: Clock) -> None:
        self.profile = profile
        self.login = name
        self._path = f"/{name}"
        self._transport = transport
        self._clock = clock

    async def ready(self) -> NotReady | None:
        return None

    async def examine(self, order: Order) -> Unprepared | None:
        return None

    async def available(self, currency: str, on_behalf_of: str | None) -> Money | Unanswered:
        return Unanswered("it keeps no balances")

    async def close(self) -> None:
        await self._transport.close()

    async def prepare(self, subject: Subject) -> Preparation:
        key, order = subject.keys[-1], subject.order
        body: dict[str, Any] = {"key": key}
        path = f"{self._path}/orders"
        if subject.kind is InstructionKind.PAY:
            assert order.collection is not None
            body |= {"reference": order.end_to_end_id,
                     "at_once": order.collection.captured is Captured.AT_ONCE,
                     "amount_minor": order.instructed_amount.minor,
                     "currency": order.instructed_amount.currency}  # fmt: skip
        elif subject.kind is InstructionKind.CANCEL:
            path += f"/{subject.partner_reference}/cancel"
        else:
            assert subject.amount is not None
            path += f"/{subject.partner_reference}/{_PLACES[subject.kind]}"
            body |= {"amount_minor": subject.amount.minor}
        request = WireRequest("POST", path, json.dumps(body).encode(), "application/json", key)
        return Prepared(request)

    async def submit(self, subject: Subject, request: WireRequest, deadline: Deadline) -> Submitted:
        asked_at = self._clock.now()
        asked = Request(request.method, request.path, body=request.body,
                        content_type=request.content_type, once=True)  # fmt: skip
        outcome = await self._transport.exchange(asked, deadline)
        exchange = _exchange(request.method, request.path, outcome, asked_at)
        match outcome:
            case NeverLeft(why):
                return NotSent(why, exchange)
            case Response(status=200, body=body):
                said = _report(subject, json.loads(body), Source.REPLY, asked_at)
                return Accepted(said, exchange)
            case Response(status=429):
                return TurnedAway(429, "too many requests", exchange)
            case Response(status=409):
                return Duplicate(_refusal(subject, "duplicate", asked_at), exchange)
            case Response(status=400, body=body):
                return Refused(_refusal(subject, json.loads(body)["error"], asked_at), exchange)
            case Response(status=status):
                return InDoubt(f"answered with {status}", server_error=True, exchange=exchange)
            case _:
                return InDoubt(outcome.why, exchange=exchange)

    async def find(self, subject: Subject) -> LookedFor:
        asked_at, path = self._clock.now(), f"{self._path}/orders"
        if subject.kind is InstructionKind.CANCEL:
            return await self._find_cancelled(subject, asked_at)
        if subject.kind in _PLACES:
            path += f"/{subject.partner_reference}/{_PLACES[subject.kind]}"
        for key in subject.keys:
            outcome = await self._get(path, key)
            if not isinstance(outcome, Response) or outcome.status != 200:
                return CannotTell(asked_at, "the search failed")
            found, exchange = json.loads(outcome.body)["found"], _exchange("GET", path, outcome,
                                                                           asked_at)  # fmt: skip
            if found:
                return Found(_report(subject, found[0], Source.READ, asked_at), exchange)
        return Absent(asked_at, exchange, watermark=True)

    async def _find_cancelled(self, subject: Subject, asked_at: datetime) -> LookedFor:
        path = f"{self._path}/orders/{subject.partner_reference}"
        outcome = await self._get(path)
        if not isinstance(outcome, Response) or outcome.status != 200:
            return CannotTell(asked_at, "the search failed")
        said, exchange = json.loads(outcome.body), _exchange("GET", path, outcome, asked_at)
        if said["status"] == "cancelled":
            return Found(_report(subject, said, Source.READ, asked_at), exchange)
        return Absent(asked_at, exchange, watermark=True)

    async def read(self, subject: Subject) -> Read:
        asked_at, path = self._clock.now(), f"{self._path}/orders/{subject.partner_reference}"
        outcome = await self._get(path)
        exchange = _exchange("GET", path, outcome, asked_at)
        if not isinstance(outcome, Response) or outcome.status not in (200, 404):
            return Unanswered("no answer", exchange)
        if outcome.status == 404:
            return Gone("no such payment", asked_at, exchange)
        return Answered(_report(subject, json.loads(outcome.body), Source.READ, asked_at), exchange)

    async def _get(self, path: str, key: str = "") -> Any:
        until = self._clock.now() + _PATIENCE
        query = (("key", key),) if key else ()
        return await self._transport.exchange(
            Request("GET", path, query=query, body=b"", content_type="application/json"),
            Deadline(until, until),
        )


def _report(subject: Subject, said: dict[str, Any], source: Source, as_of: datetime) -> Report:
    """Of a payment or, where a claim was asked for, of that alone."""
    known = {"instruction_id": subject.instruction_id, "source": source, "as_of": as_of,
             "partner_status": said["status"], "partner_reference": said["id"]}  # fmt: skip
    currency = subject.order.instructed_amount.currency
    if "kind" in said:
        return Report(state=None, reversals=_reversals([said], currency), **known)
    until = datetime.fromtimestamp(said["at"] + CONFIRM_SECONDS, UTC)
    action = Action(kind=ActionKind.REDIRECT, url="https://3ds.example/t0ken", expires_at=until)
    return Report(
        state=_STATES[said["status"]],
        observed=Observed(amount=Money(minor=said["amount_minor"], currency=said["currency"])),
        movements=tuple(
            Movement(
                movement_id=each["id"],
                kind=MovementKind(each["kind"]),
                amount=Money(minor=each["amount_minor"], currency=currency),
                reference=each["reference"],
            )
            for each in said["bookings"]
        ),
        lists_all_movements=True,
        reversals=_reversals(said["children"], currency),
        action=action if said["status"] == "requires_action" else None,
        **known,
    )


def _reversals(children: list[dict[str, Any]], currency: str) -> tuple[SeenReversal, ...]:
    return tuple(
        SeenReversal(
            reference=each["id"],
            kind=_KINDS[each["kind"]],
            state=_REVERSALS[each["status"]],
            amount=Money(minor=each["amount_minor"], currency=currency),
            deadline=datetime.fromtimestamp(each["deadline"], UTC) if each["deadline"] else None,
        )
        for each in children
        if each["kind"] in _KINDS
    )


def _refusal(subject: Subject, word: str, as_of: datetime) -> Report:
    """Only of the payment itself does it say anything about its state."""
    is_pay = subject.kind is InstructionKind.PAY
    state = PaymentState.AWAITING_US if word == "duplicate" else PaymentState.REJECTED
    return Report(
        instruction_id=subject.instruction_id,
        source=Source.REPLY,
        as_of=as_of,
        state=state if is_pay else None,
        partner_status=word,
        reason=word,
    )


def _exchange(method: str, path: str, outcome: Any, sent_at: datetime) -> Exchange:
    status = outcome.status if isinstance(outcome, Response) else None
    return Exchange(method, path, status, request="", response="", sent_at=sent_at)
