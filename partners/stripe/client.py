"""Stripe as a `PaymentPartner`: each request is sent once, each outcome is a value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from domain.lifecycle.answers import (
    Deadline,
    Duplicate,
    FeedPage,
    Listed,
    LookedFor,
    Preparation,
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
from domain.payments.report import PaymentState
from partners.kit.api_key import ApiKey
from partners.kit.calls import Calls, Reply
from partners.kit.wire import Unusable, read
from partners.kit.workplace import Workplace
from partners.stripe import errors, events, refusals, requests, wire
from partners.stripe.account import StripeAccount
from partners.stripe.amounts import NoSuchAmount
from partners.stripe.cancelling import Cancelling
from partners.stripe.claiming import Capturing, Refunding
from partners.stripe.collecting import Collecting
from partners.stripe.confirming import Confirming
from partners.stripe.errors import Proves
from partners.stripe.handling import Handles
from partners.stripe.incrementing import Incrementing
from partners.stripe.listing import created_since
from partners.stripe.paying_out import PayingOut
from partners.stripe.profile import API_VERSION, profile_of

#: Guide "Rate limits": limits are by the second. A key that is refused needs a person.
_PAUSES: Final = MappingProxyType(
    {
        401: timedelta(minutes=1),
        409: timedelta(seconds=2),
        429: timedelta(seconds=2),
    }
)


class _Credentials:
    """Our key, and the version of the API that we were written for, with every call."""

    def __init__(self, key: ApiKey) -> None:
        self._key = key

    async def headers(self) -> Mapping[str, str]:
        return {**await self._key.headers(), "stripe-version": API_VERSION}

    async def refused(self, headers: Mapping[str, str]) -> None:
        await self._key.refused(headers)


class StripePartner:
    """One of our accounts with Stripe."""

    def __init__(self, account: StripeAccount, workplace: Workplace) -> None:
        self.profile = profile_of(account)
        self.login = account.login
        self._account = account
        self._clock = workplace.clock
        self._transport = workplace.transport(account.base_url)
        self._calls = Calls(
            self._transport, _Credentials(ApiKey(account.api_key)), workplace.clock, _PAUSES
        )
        self._collecting = Collecting(account, self._calls, workplace.clock)
        self._paying_out = PayingOut(account, self._calls, workplace.clock)
        self._cancelling = Cancelling(account, self._calls, self._collecting, self._paying_out)
        self._confirming = Confirming(self._collecting)
        self._incrementing = Incrementing(self._collecting)
        self._capturing = Capturing(self._collecting)
        self._refunding = Refunding(self._calls)

    async def ready(self) -> None:
        return None  # A key is no session: there is nothing to log in to.

    async def prepare(self, subject: Subject) -> Preparation:
        try:
            return await self._handler(subject).prepare(subject)
        except NoSuchAmount as error:
            why = f"amount: {error}"
            return Unprepared(why, refused=refusals.unfit(subject, why, self._clock.now()))

    async def examine(self, order: Order) -> Unprepared | None:
        """What Stripe cannot do with the order. The rest shows when the intent is made."""
        why, subject = requests.unfit(order, self._account), Subject("", order, ("",))
        if why:
            return Unprepared(why, refused=refusals.unfit(subject, why, self._clock.now()))
        return await self._paying_out.not_instant(subject) if order.collection is None else None

    async def submit(self, subject: Subject, request: WireRequest, deadline: Deadline) -> Submitted:
        reply = await self._calls.instruct(request, deadline, {"idempotency-key": request.key})
        if reply.status is None:
            return reply.no_verdict()
        if reply.status >= 500:
            # They say whether to retry. If not, the error is stored under the key, and a resend
            # would only get it again.
            is_stored = reply.headers.get("stripe-should-retry") != "true"
            return reply.in_doubt(reply.why, server_error=is_stored)
        handler = self._handler(subject)
        if reply.is_success:
            return handler.accepted(subject, request, reply)
        failure = read(wire.Failure, reply.body)
        error = None if isinstance(failure, Unusable) else failure.error
        return self._failed(subject, request, reply, error)

    def _failed(
        self, subject: Subject, request: WireRequest, reply: Reply, error: wire.ApiError | None
    ) -> Submitted:
        assert reply.status is not None
        shown = self._handler(subject).objected(subject, reply, error) if error else None
        match errors.proven(reply.status, error):
            case Proves.TURNED_AWAY:
                why = error.code or reply.why if error else reply.why
                return TurnedAway(reply.status, why, reply.exchange, reply.retry_at)
            case Proves.DUPLICATE if error:
                report = refusals.refused(
                    subject, error, reply.asked_at, state=PaymentState.AWAITING_US
                )
                return Duplicate(report, reply.exchange)
            case Proves.REFUSED | Proves.CHANGED if shown is not None:
                return shown
            case Proves.CHANGED if error and subject.kind is InstructionKind.PAY:
                return reply.in_doubt(f"answered with {reply.status}, {error.word[:80]}")
            case Proves.REFUSED | Proves.CHANGED if error:
                return Refused(refusals.refused(subject, error, reply.asked_at), reply.exchange)
            case _:
                drift = errors.drift(request.path, reply.status, error)
                return reply.in_doubt(reply.why, drift=drift)

    async def find(self, subject: Subject) -> LookedFor:
        return await self._handler(subject).find(subject)

    async def read(self, subject: Subject) -> Read:
        if subject.order.collection is None:
            return await self._paying_out.read(subject)
        return await self._collecting.read(subject)

    async def available(self, currency: str, on_behalf_of: str | None) -> Money | Unanswered:
        reply = await self._calls.get(requests.BALANCE)
        balance = read(wire.Balance, reply.body) if reply.is_success else None
        if not isinstance(balance, wire.Balance):
            return reply.unanswered(drift=balance.drift if balance else ())
        minor = sum(each.money.minor for each in balance.available
                    if each.currency.upper() == currency)  # fmt: skip
        return Money(minor=minor, currency=currency)

    async def created_since(self, since: datetime) -> Listed | Unanswered:
        return await created_since(self._calls, self._clock, since)

    @property
    def events_kept(self) -> timedelta:
        return events.KEPT

    async def events_since(self, since: datetime, cursor: str | None) -> FeedPage | Unanswered:
        return await events.events_since(self._calls, self._account, self._clock, since, cursor)

    async def close(self) -> None:
        await self._transport.close()

    def _handler(self, subject: Subject) -> Handles:
        match subject.kind:
            case InstructionKind.CANCEL:
                return self._cancelling
            case InstructionKind.CONFIRM:
                return self._confirming
            case InstructionKind.INCREMENT:
                return self._incrementing
            case InstructionKind.CAPTURE:
                return self._capturing
            case InstructionKind.REFUND:
                return self._refunding
            case InstructionKind.PAY:
                is_payout = subject.order.collection is None
                return self._paying_out if is_payout else self._collecting
