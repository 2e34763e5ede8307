"""Payouts: credit transfers from our balance at Stripe to our own bank accounts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from domain.clock import Clock
from domain.lifecycle.answers import (
    Absent,
    Accepted,
    Answered,
    CannotTell,
    Exchange,
    Found,
    LookedFor,
    Preparation,
    Prepared,
    Read,
    Submitted,
    Unanswered,
    Unprepared,
    WireRequest,
)
from domain.money import Money
from domain.payments.answers import Subject
from domain.payments.report import Source
from partners.kit.calls import Calls, Reply, together
from partners.kit.content import form
from partners.kit.wire import Unusable, read
from partners.stripe import payout_mapping, refusals, requests, wire, words
from partners.stripe.account import StripeAccount
from partners.stripe.lists import Partly, bookings, whole

#: What `prepare` leaves for the lookup: the bank account, and when nothing was sent yet.
_DESTINATION: Final = "destination"
_SINCE: Final = "since"
#: Our clock and theirs may differ by so much.
_CLOCKS_DIFFER: Final = timedelta(minutes=10)


class PayingOut:
    """PAY of a payout, and its reads."""

    def __init__(self, account: StripeAccount, calls: Calls, clock: Clock) -> None:
        self._account = account
        self._calls = calls
        self._clock = clock

    async def prepare(self, subject: Subject) -> Preparation:
        """Build the form. Its moment is noted, so that a lookup knows how far back to go."""
        now = self._clock.now()
        if why := requests.unfit(subject.order, self._account):
            return Unprepared(why, refused=refusals.unfit(subject, why, now))
        destination = requests.destination_of(subject.order, self._account) or ""
        if (not_now := await self.not_instant(subject)) is not None:
            return not_now
        left = {
            _DESTINATION: destination,
            _SINCE: subject.prepared.get(_SINCE) or now.isoformat(),
        }
        key = subject.keys[-1]
        is_instant = destination in self._account.instant_payouts
        content = form(requests.payout_form(subject.order, key, destination, is_instant=is_instant))
        return Prepared(WireRequest("POST", requests.PAYOUTS, *content, key, prepared=left))

    async def not_instant(self, subject: Subject) -> Unprepared | None:
        """Why the payout cannot be made at once, if it should be. None: it can, or need not be.

        API reference, "The balance object", `instant_available`: what can be paid out instantly
        now. Whether the bank takes part shows when the payout is made.
        """
        order = subject.order
        if requests.destination_of(order, self._account) not in self._account.instant_payouts:
            return None
        reply = await self._calls.get(requests.BALANCE)
        balance = read(wire.Balance, reply.body) if reply.is_success else None
        if not isinstance(balance, wire.Balance):
            return reply.unprepared(balance.why if balance else "")
        asked, funds = order.instructed_amount, balance.instant_available
        free = sum(each.money.minor for each in funds if each.currency.upper() == asked.currency)
        if free >= asked.minor:
            return None
        left = Money(minor=free, currency=asked.currency)
        why = f"instructed_amount: Stripe can pay out {left} at once now, and {asked} was ordered"
        return Unprepared(why, refused=refusals.unfit(subject, why, reply.asked_at))

    def accepted(self, subject: Subject, request: WireRequest, reply: Reply) -> Submitted:
        payout = read(wire.Payout, reply.body)
        if isinstance(payout, Unusable):
            return reply.in_doubt(payout.why, drift=payout.drift)
        if payout.metadata.get(words.OUR_KEY) != request.key:
            drift = ("payout.metadata: not our key",)
            return reply.in_doubt("the answer is about another payout", drift=drift)
        report = payout_mapping.payout_report(
            subject, payout, Source.REPLY, reply.asked_at,
            destination=request.prepared.get(_DESTINATION),
        )  # fmt: skip
        return Accepted(report, reply.exchange)

    def objected(self, subject: Subject, reply: Reply, error: wire.ApiError) -> Submitted | None:
        return None

    async def find(self, subject: Subject) -> LookedFor:
        """The list since the payout was prepared, to its end, by our keys in their metadata."""
        query = {}
        if since := subject.prepared.get(_SINCE):
            begin = datetime.fromisoformat(since) - _CLOCKS_DIFFER
            query = {"created[gte]": str(int(begin.timestamp()))}
        listed = await whole(self._calls, requests.PAYOUTS, wire.Payouts, query)
        if isinstance(listed, Partly):
            return listed.cannot_tell()
        mine = [each for each in listed.items if each.metadata.get(words.OUR_KEY) in subject.keys]
        if not mine:
            return Absent(listed.asked_at, listed.exchange)
        if len(mine) > 1:
            why = f"{len(mine)} payouts under our keys: {', '.join(each.id for each in mine)}"
            return CannotTell(listed.asked_at, why, listed.exchange)
        report = payout_mapping.payout_report(
            subject, mine[0], Source.READ, listed.asked_at,
            destination=subject.prepared.get(_DESTINATION),
        )  # fmt: skip
        return Found(report, listed.exchange)

    async def read(self, subject: Subject) -> Read:
        payout_id = subject.partner_reference
        if payout_id is None:
            return Unanswered("there is no payout to ask for")
        reply, payout = await self.show(payout_id)
        if not isinstance(payout, wire.Payout):
            return reply.unanswered(payout.why if payout else "", payout.drift if payout else ())
        booked: tuple[wire.BalanceTransaction, ...] = ()
        exchange: Exchange | None = reply.exchange
        if payout.status in words.HAS_LEFT:
            listed = await bookings(self._calls, payout.id)
            if isinstance(listed, Partly):
                return listed.unanswered()
            booked, exchange = listed.items, together(reply.exchange, listed.exchange)
        if payout.status == words.FAILED and not payout_mapping.is_back(booked):
            return Unanswered("failed, and the money is not booked back yet", exchange)
        report = payout_mapping.payout_report(
            subject, payout, Source.READ, reply.asked_at,
            destination=subject.prepared.get(_DESTINATION), bookings=booked,
        )  # fmt: skip
        return Answered(report, exchange or reply.exchange)

    async def show(self, payout_id: str) -> tuple[Reply, wire.Payout | Unusable | None]:
        """The payout; None if no success came back."""
        reply = await self._calls.get(requests.path_of(requests.PAYOUTS, payout_id))
        if not reply.is_success:
            return reply, None
        payout = read(wire.Payout, reply.body)
        if isinstance(payout, wire.Payout) and payout.id != payout_id:
            return reply, Unusable(("payout.id: not the one we asked for",))
        return reply, payout
