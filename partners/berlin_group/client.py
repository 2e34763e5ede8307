"""A NextGenPSD2 bank as a `PaymentPartner`: each request is sent once, each outcome is a value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from domain.lifecycle.answers import (
    Absent,
    Accepted,
    Answered,
    CannotTell,
    Deadline,
    Found,
    Gone,
    LookedFor,
    NotReady,
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
from domain.lifecycle.profile import InstructionKind
from domain.money import Money
from domain.payments.answers import Subject
from domain.payments.order import Order
from domain.payments.report import Source
from partners.berlin_group import errors, mapping, requests, wire, words
from partners.berlin_group.account import BerlinGroupAccount
from partners.berlin_group.connection import Connection
from partners.berlin_group.errors import Proves
from partners.berlin_group.profile import profile_of
from partners.berlin_group.sca import Asked, Authorising, Turn
from partners.kit.calls import Reply, together
from partners.kit.content import Content
from partners.kit.wire import Unusable, read
from partners.kit.workplace import Workplace

#: What `prepare` leaves for later: when the payer's time began.
_BEGUN: Final = "begun_at"


class BerlinGroupPartner:
    """One of our accesses to a bank."""

    def __init__(self, account: BerlinGroupAccount, workplace: Workplace) -> None:
        self.profile = profile_of(account)
        self.login = account.login
        self._account = account
        self._clock = workplace.clock
        self._connection = Connection(account, workplace)
        self._calls = self._connection.calls
        self._authorising = Authorising(account, self._calls)

    async def ready(self) -> NotReady | None:
        return await self._connection.ready()

    async def prepare(self, subject: Subject) -> Preparation:
        key = subject.keys[-1]
        if subject.kind is InstructionKind.CANCEL:
            if subject.partner_reference is None:
                return Unprepared("there is nothing to take back")
            path = requests.path_of(self._account, subject.partner_reference)
            return Prepared(WireRequest("DELETE", path, *Content(), key))
        now = self._clock.now()
        if why := requests.unfit(subject.order, self._account):
            refused = requests.unfit_report(subject.instruction_id, why, now)
            return Unprepared(why, refused=refused)
        content = requests.payment_body(subject.order, self._account)
        left = {_BEGUN: subject.prepared.get(_BEGUN) or now.isoformat()}
        path = requests.payments(self._account)
        return Prepared(WireRequest("POST", path, *content, key, prepared=left))

    async def examine(self, order: Order) -> Unprepared | None:
        why = requests.unfit(order, self._account)
        if not why:
            return None
        return Unprepared(why, refused=requests.unfit_report("", why, self._clock.now()))

    async def submit(self, subject: Subject, request: WireRequest, deadline: Deadline) -> Submitted:
        now = self._clock.now()
        headers = requests.headers(self._account, now, key=request.key, for_psu=True)
        reply = await self._calls.instruct(request, deadline, headers)
        if reply.status is None or reply.status >= 500:
            return reply.no_verdict()
        if subject.kind is InstructionKind.CANCEL:
            if reply.status in (202, 204):
                return await self._cancelled(subject, reply)
        elif reply.status == 201:
            return await self._accepted(subject, request, reply)
        told = errors.read_errors(reply.body)
        match errors.proven(reply.status, told):
            case Proves.TURNED_AWAY:
                why = " ".join(each.code for each in told) or reply.why
                return TurnedAway(reply.status, why[:200], reply.exchange, reply.retry_at)
            case Proves.REFUSED:
                report = mapping.refused(subject, reply.status, told, reply.asked_at)
                return Refused(report, reply.exchange)
            case Proves.CHANGED:
                return reply.in_doubt(f"answered with {reply.status}, its state has changed")
            case _:
                drift = errors.drift(request.path, reply.status, told)
                return reply.in_doubt(reply.why, drift=drift)

    async def _accepted(self, subject: Subject, request: WireRequest, reply: Reply) -> Submitted:
        made = read(wire.Initiated, reply.body)
        if isinstance(made, Unusable):
            return reply.in_doubt(made.why, drift=made.drift)
        until = self._until(request.prepared)
        turn = self._authorising.turn(made, reply, until)
        exchange = reply.exchange
        if turn.waits_for is None and made.links.begins_here:
            begun = await self._authorising.start(
                self._asked(made.payment_id, requests.PAYMENT, until)
            )
            exchange = together(exchange, begun.exchange) or exchange
            # If the start failed, the next read starts it.
            turn = begun if isinstance(begun, Turn) else turn
        elif made.transaction_status not in words.BEFORE_SCA | words.CANCELLABLE:
            turn = Turn(drift=turn.drift)  # Executed without the payer: the bank's word counts.
        report = mapping.report(
            subject, made.transaction_status, made.payment_id, Source.REPLY, reply.asked_at,
            turn=turn, drift=made.drift,
        )  # fmt: skip
        return Accepted(report, exchange)

    async def _cancelled(self, subject: Subject, reply: Reply) -> Submitted:
        payment_id = subject.partner_reference or ""
        if reply.status == 204:
            # OpenAPI file, DELETE, 204: the payment is cancelled. There is no body.
            report = mapping.report(
                subject, words.CANCELLED, payment_id, Source.REPLY, reply.asked_at
            )
            return Accepted(report, reply.exchange)
        answer = read(wire.Cancelling, reply.body)
        if isinstance(answer, Unusable):
            return reply.in_doubt(answer.why, drift=answer.drift)
        if answer.transaction_status == words.CANCELLED:
            report = mapping.report(
                subject, words.CANCELLED, payment_id, Source.REPLY, reply.asked_at
            )
            return Accepted(report, reply.exchange)
        # The payer has to confirm the cancellation; until then nothing is cancelled.
        until = self._clock.now() + self._account.psu_acts_within
        begun = await self._authorising.start(self._asked(payment_id, requests.CANCELLATION, until))
        if isinstance(begun, Reply):
            return reply.in_doubt("the payer's confirmation of the cancel could not be started")
        report = mapping.report(
            subject, answer.transaction_status, payment_id, Source.REPLY, reply.asked_at,
            turn=begun, drift=answer.drift,
        )  # fmt: skip
        return Accepted(report, together(reply.exchange, begun.exchange) or reply.exchange)

    async def find(self, subject: Subject) -> LookedFor:
        """A cancel shows in its payment. A payment itself is found by nothing of ours."""
        if subject.kind is not InstructionKind.CANCEL:
            return CannotTell(self._clock.now(), "the bank finds no payment by our own reference")
        reply, status = await self._status(subject)
        if not isinstance(status, wire.Status):
            return reply.cannot_tell(status.why if status else "")
        word = status.transaction_status
        if word == words.CANCELLED:
            report = mapping.report(
                subject, word, subject.partner_reference or "", Source.READ, reply.asked_at
            )
            return Found(report, reply.exchange)
        if word not in words.STATES:
            return reply.cannot_tell(f"its status {word[:40]!r} is unknown to us")
        return Absent(reply.asked_at, reply.exchange, watermark=True)

    async def read(self, subject: Subject) -> Read:
        payment_id = subject.partner_reference
        if payment_id is None:
            return Unanswered("there is no payment to ask for")
        reply = await self._get(payment_id)
        shown = read(wire.Payment, reply.body) if reply.is_success else None
        if not isinstance(shown, wire.Payment):
            if _has_expired(reply):
                return Gone("the bank keeps it no longer", reply.asked_at, reply.exchange)
            return reply.unanswered(shown.why if shown else "", shown.drift if shown else ())
        exchange, word, told = reply.exchange, shown.transaction_status, None
        if word is None or word == words.REJECTED:
            also, status = await self._status(subject)
            if not isinstance(status, wire.Status):
                return also.unanswered(status.why if status else "", status.drift if status else ())
            exchange, told = together(exchange, also.exchange) or exchange, status
            word = status.transaction_status
        until = self._until(subject.prepared)
        turn = await self._authorising.look_at_payment(
            self._asked(payment_id, requests.PAYMENT, until),
            self._asked(payment_id, requests.CANCELLATION, None),
            word,
            self._clock.now(),
        )
        if isinstance(turn, Reply):
            return turn.unanswered()
        report = mapping.report(
            subject, word, payment_id, Source.READ, reply.asked_at,
            turn=turn, shown=shown, told=told,
        )  # fmt: skip
        return Answered(report, together(exchange, turn.exchange) or exchange)

    async def available(self, currency: str, on_behalf_of: str | None) -> Money | Unanswered:
        return Unanswered(
            "a payment initiation shows no balance; the payer's bank checks the funds", never=True
        )

    async def close(self) -> None:
        await self._connection.close()

    async def _status(self, subject: Subject) -> tuple[Reply, wire.Status | Unusable | None]:
        reply = await self._get(subject.partner_reference or "", "status")
        return reply, read(wire.Status, reply.body) if reply.is_success else None

    async def _get(self, payment_id: str, *parts: str) -> Reply:
        path = requests.path_of(self._account, payment_id, *parts)
        headers = requests.headers(self._account, self._clock.now())
        return await self._calls.get(path, headers=headers)

    def _asked(self, payment_id: str, kind: str, until: datetime | None) -> Asked:
        """What the payer authorises: the payment, or its cancellation."""
        path = requests.path_of(self._account, payment_id, kind)
        headers = requests.headers(self._account, self._clock.now(), for_psu=True)
        return Asked(path, headers, until)

    def _until(self, prepared: Mapping[str, str]) -> datetime | None:
        """Until when the payer can act: the same moment in every report of one payment."""
        begun = prepared.get(_BEGUN)
        return datetime.fromisoformat(begun) + self._account.psu_acts_within if begun else None


def _has_expired(reply: Reply) -> bool:
    """IG, "Message Codes", `RESOURCE_EXPIRED`: it is ours, and "not addressable any more"."""
    told = errors.read_errors(reply.body) if reply.status in (400, 403, 404) else ()
    return bool(told) and all(each.code == "RESOURCE_EXPIRED" for each in told)
