"""Currencycloud as a `PaymentPartner`: what an answer proves, returned as a value."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

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
    Listed,
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
from domain.lifecycle.profile import InstructionKind, Profile
from domain.money import Money
from domain.payments.answers import Subject
from domain.payments.order import Order
from domain.payments.report import PaymentState, Report, Source
from partners.currencycloud import error_bodies, mapping, refusals, wire
from partners.currencycloud.account import Account
from partners.currencycloud.beneficiaries import Beneficiaries, never
from partners.currencycloud.cancels import Cancels
from partners.currencycloud.corridors import charge_type, purpose_code
from partners.currencycloud.creditors import PAYMENT_TYPE
from partners.currencycloud.funds import available, is_short
from partners.currencycloud.listing import created_since
from partners.currencycloud.payers import Payers
from partners.currencycloud.profile import profile_of
from partners.currencycloud.refusals import Proves
from partners.currencycloud.requirements import Unfit
from partners.currencycloud.searches import Unclear, bookings, search, show
from partners.currencycloud.sessions import Session
from partners.interface import LoginBook, PreparedBook
from partners.kit.calls import PAUSES, Calls, Reply, together
from partners.kit.content import form
from partners.kit.wire import OUTSIDE, Unusable
from transport.http import Transport
from transport.redaction import redact_text

_CREATE: Final = "/v2/payments/create"
_BENEFICIARY: Final = "beneficiary_id"
_TEXT_LENGTH_MAX: Final = 255


class _Agreed(NamedTuple):
    """The fields of a payment, beside its creditor, that depend on the corridor."""

    charges: str
    purpose: str
    payer: dict[str, str]


class CurrencycloudPartner:
    """One of our accounts with Currencycloud.

    Args:
        account: where it is and how to log in.
        logins: the login, shared by all processes.
        prepared: the objects made there before payments, shared by all processes.
        clock: ours; a report's date is the moment at which its request was sent.
        transport: replaces the one to `account.base_url`, for recorded exchanges.
    """

    def __init__(
        self,
        account: Account,
        *,
        logins: LoginBook,
        clock: Clock,
        prepared: PreparedBook,
        transport: Transport | None = None,
    ) -> None:
        self._clock = clock
        self._profile = profile_of(account)
        self._login = account.login
        self._transport = transport or Transport(account.base_url, clock=clock)
        self._session = Session(account, logins, self._transport, clock)
        self._calls = Calls(self._transport, self._session, clock)
        self._beneficiaries = Beneficiaries(self._calls, clock, prepared, self._profile.environment)
        self._payers = Payers(self._calls, clock)
        self._cancels = Cancels(self._calls, clock)

    @property
    def profile(self) -> Profile:
        return self._profile

    @property
    def login(self) -> str:
        return self._login

    async def ready(self) -> NotReady | None:
        return await self._session.ready()

    async def available(self, currency: str, on_behalf_of: str | None) -> Money | Unanswered:
        if (not_ready := await self.ready()) is not None:
            return Unanswered(not_ready.why, retry_at=not_ready.until, answered=not_ready.answered)
        return await available(self._calls, currency, on_behalf_of)

    async def created_since(self, since: datetime) -> Listed | Unanswered:
        if (not_ready := await self.ready()) is not None:
            return Unanswered(not_ready.why, retry_at=not_ready.until, answered=not_ready.answered)
        return await created_since(self._calls, since)

    async def close(self) -> None:
        await self._transport.close()

    async def prepare(self, subject: Subject) -> Preparation:
        """Find or make the beneficiary, then build the exact form that will be sent."""
        if subject.kind is InstructionKind.CANCEL:
            return await self._cancels.prepare(subject)
        agreed = await self._agreed(subject)
        if isinstance(agreed, Unprepared):
            return agreed
        beneficiary_id = subject.prepared.get(_BENEFICIARY)
        if beneficiary_id is None:
            ensured = await self._beneficiaries.ensure(subject)
            if isinstance(ensured, Unprepared):
                return ensured
            beneficiary_id = ensured
        key = subject.keys[-1]
        charges, purpose, payer = agreed
        fields = _instruction(subject.order, beneficiary_id, key, charges, purpose)
        body, content_type = form({**fields, **payer})
        return Prepared(
            WireRequest(
                method="POST",
                path=_CREATE,
                body=body,
                content_type=content_type,
                key=key,
                prepared={_BENEFICIARY: beneficiary_id},
            )
        )

    async def examine(self, order: Order) -> Unprepared | None:
        """Ask what `prepare` asks, up to the point where it would make a beneficiary."""
        if (not_ready := await self.ready()) is not None:
            return Unprepared(not_ready.why, retry_at=not_ready.until)
        subject = Subject("", order, keys=("",))
        agreed = await self._agreed(subject)
        if isinstance(agreed, Unprepared):
            return agreed
        known = await self._beneficiaries.examine(subject)
        return known if isinstance(known, Unprepared) else None

    async def _agreed(self, subject: Subject) -> _Agreed | Unprepared:
        """The fields that depend on the corridor: charges, purpose, payer."""
        charges, purpose = charge_type(subject.order), purpose_code(subject.order)
        if isinstance(charges, Unfit):
            return never(subject, charges, self._clock)
        if isinstance(purpose, Unfit):
            return never(subject, purpose, self._clock)
        payer = await self._payers.details(subject.order)
        if isinstance(payer, Unfit):
            return never(subject, payer, self._clock)
        return payer if isinstance(payer, Unprepared) else _Agreed(charges, purpose, payer)

    async def submit(self, subject: Subject, request: WireRequest, deadline: Deadline) -> Submitted:
        reply = await self._calls.instruct(request, deadline)
        if reply.status is None:
            return reply.no_verdict()
        is_cancel = subject.kind is InstructionKind.CANCEL
        if reply.status in (200, 201, 202):
            if is_cancel:
                return self._cancels.answered(subject, reply)
            return self._accepted(subject, request, reply)
        refusal = error_bodies.read_refusal(reply.body)
        proven = refusals.of_deletion if is_cancel else refusals.of_payment
        match proven(reply.status, refusal):
            case Proves.REFUSED if refusal:
                tell = mapping.not_deleted if is_cancel else mapping.refused
                return Refused(tell(subject, refusal, reply.asked_at), reply.exchange)
            case Proves.DUPLICATE if refusal:
                report = mapping.duplicate(subject, refusal, reply.asked_at)
                return Duplicate(report, reply.exchange)
            case Proves.TURNED_AWAY:
                again = reply.retry_at or self._clock.now() + PAUSES[403]
                return TurnedAway(reply.status, _why(reply, refusal), reply.exchange, again)
            case _:
                return _unproven(request, reply, refusal)

    async def find(self, subject: Subject) -> LookedFor:
        if subject.kind is InstructionKind.CANCEL:
            return await self._cancels.find(subject)
        found = await search(self._calls, subject, subject.keys)
        if found.why or found.exchange is None:
            return CannotTell(found.asked_at, found.why, found.exchange)
        match found.payments:
            case ():
                return Absent(found.asked_at, found.exchange)
            case (payment,):
                booked, exchange = await self._bookings(subject, payment, found.exchange)
                report = mapping.report(
                    subject,
                    payment,
                    None if isinstance(booked, Unclear) else booked,
                    source=Source.READ,
                    as_of=found.asked_at,
                )
                return Found(report, exchange)
            case several:
                # Whichever one we took, the others would be forgotten, so a person has to look.
                why = f"{len(several)} payments under our keys: " + ", ".join(
                    payment.id for payment in several
                )
                return CannotTell(found.asked_at, why, found.exchange)

    async def read(self, subject: Subject) -> Read:
        if subject.partner_reference is None:
            return Unanswered("there is no payment id to ask for")
        reply = await show(self._calls, subject)
        if reply.status == 404:
            return await self._read_deleted(subject, reply)
        if not reply.is_success:
            return reply.unanswered()
        payment = wire.read_payment(reply.body)
        if isinstance(payment, Unusable):
            return reply.unanswered(OUTSIDE, payment.drift)
        if stranger := _stranger(subject, payment):
            return reply.unanswered("the partner showed another payment", (stranger,))
        if payment.status == mapping.DELETED:
            return await self._read_deleted(subject, reply)
        return await self._told(subject, payment, reply)

    async def _told(self, subject: Subject, payment: wire.Payment, reply: Reply) -> Read:
        booked, exchange = await self._bookings(subject, payment, reply.exchange)
        if payment.status == mapping.FAILED:
            if isinstance(booked, Unclear):
                return Unanswered(f"failed, and what moved is not known: {booked.why}", exchange)
            if booked is None or booked.state_if_failed is None:
                drift = booked.drift if booked else ()
                return Unanswered("failed, and a booking is still open", exchange, drift=drift)
        short, balance = await is_short(self._calls, subject, payment, reply.asked_at)
        report = mapping.report(
            subject,
            payment,
            None if isinstance(booked, Unclear) else booked,
            source=Source.READ,
            as_of=reply.asked_at,
            is_short=short,
        )
        return Answered(report, together(exchange, balance) or exchange)

    async def _read_deleted(self, subject: Subject, reply: Reply) -> Read:
        """404 or `deleted`: only a complete search by our key proves a deletion (README)."""
        found = await search(self._calls, subject, subject.keys)
        exchange = together(reply.exchange, found.exchange)
        if found.why:
            return Unanswered(f"gone, and the search failed: {found.why}", exchange)
        if [payment.id for payment in found.payments] != [subject.partner_reference]:
            drift = ("payments: neither readable by its id nor found by our key",)
            return Unanswered("the partner no longer shows the payment", exchange, drift=drift)
        (payment,) = found.payments
        report = mapping.report(subject, payment, None, source=Source.READ, as_of=found.asked_at)
        if report.state is not PaymentState.CANCELLED or exchange is None:
            return Unanswered(f"gone by its id, but found as {payment.status}", exchange)
        return Answered(report, exchange)

    def _accepted(self, subject: Subject, request: WireRequest, reply: Reply) -> Submitted:
        payment = wire.read_payment(reply.body)
        if isinstance(payment, Unusable):
            return reply.in_doubt(f"accepted, in {OUTSIDE}", drift=payment.drift)
        if payment.unique_request_id not in (None, request.key):
            drift = ("payment.unique_request_id: not the one we sent",)
            return reply.in_doubt("the answer is about another key", drift=drift)
        prepared = {**request.prepared, **subject.prepared}
        report: Report = mapping.report(
            _with(subject, prepared), payment, None, source=Source.REPLY, as_of=reply.asked_at
        )
        return Accepted(report, reply.exchange)

    async def _bookings(
        self, subject: Subject, payment: wire.Payment, exchange: Exchange
    ) -> tuple[mapping.Bookings | Unclear | None, Exchange]:
        if payment.status not in mapping.BOOKED:
            return None, exchange
        booked, asked = await bookings(self._calls, subject, payment.id)
        return booked, together(exchange, asked) or exchange


def _instruction(
    order: Order, beneficiary_id: str, key: str, charges: str, purpose: str
) -> dict[str, str]:
    """The form of POST /payments/create.

    `reason` and `reference` both reach the beneficiary, `reference` first, and neither may be
    empty. If the order has no text, the first characters of our key give both sides something to
    quote. A creditor reference goes first, because the creditor matches payments by it.
    """
    end_to_end_id = "" if order.end_to_end_id == "NOTPROVIDED" else order.end_to_end_id
    ours = end_to_end_id or order.remittance_information or key[:18]
    reference = order.creditor_reference or ours
    fields = {
        "currency": order.instructed_amount.currency,
        "beneficiary_id": beneficiary_id,
        "amount": order.instructed_amount.to_wire(),
        "reason": (order.remittance_information or reference)[:_TEXT_LENGTH_MAX],
        "reference": reference[:_TEXT_LENGTH_MAX],
        "payment_type": PAYMENT_TYPE[order.rail],
        "unique_request_id": key,
    }
    if charges:
        fields["charge_type"] = charges
    if purpose:
        fields["purpose_code"] = purpose
    if order.times.requested_execution_date:
        fields["payment_date"] = order.times.requested_execution_date.isoformat()
    if order.on_behalf_of:
        fields["on_behalf_of"] = order.on_behalf_of
    return fields


def _why(reply: Reply, refusal: error_bodies.Refusal | None) -> str:
    return redact_text(refusal.text) if refusal and reply.status == 400 else reply.why


def _unproven(
    request: WireRequest, reply: Reply, refusal: error_bodies.Refusal | None
) -> Submitted:
    """Nothing is proven. `payment_not_found` is a known answer; others below 500 are drift."""
    if reply.is_in_doubt:
        return reply.no_verdict()
    if refusal is None:
        drift = f"{request.path}: {reply.status} with a body that is none of theirs"
        return reply.in_doubt(reply.why, drift=(drift,))
    words = f"answered with {reply.status}, {refusal.code[:80]}"
    if "payment_not_found" in refusal.codes:
        return reply.in_doubt(words)
    drift = f"{request.path}: {reply.status} with words that are not documented"
    return reply.in_doubt(words, drift=(drift,))


def _stranger(subject: Subject, payment: wire.Payment) -> str | None:
    if payment.id != subject.partner_reference:
        return "payment.id: not the one we asked for"
    if payment.unique_request_id not in (None, *subject.keys):
        return "payment.unique_request_id: none of ours"
    return None


def _with(subject: Subject, prepared: dict[str, str]) -> Subject:
    return Subject(
        subject.instruction_id, subject.order, subject.keys, prepared, subject.partner_reference
    )
