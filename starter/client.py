"""What apps use: pay, and see how a payment stands."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from domain.clock import Clock
from domain.display import Display, display
from domain.ids import PaymentId, payment_id_of
from domain.intent import Acknowledgement, Intent, PossibleDuplicate
from domain.order import Order
from domain.payment import Payment, UnknownPayment
from domain.profile import Profile
from domain.view import PaymentView
from starter.acceptance import admit
from starter.asking import CommandReceipt, Notifier, check_words
from starter.away import TemporalAway
from starter.fingerprint import fingerprint
from starter.operators import Operators
from starter.signing import Signer
from store.accepting import Acceptance, Given
from store.commands import Commanded, Commands
from store.finding import ANYTHING, Wanted
from store.payments import Found, Payments
from store.records import PaymentRecord

if TYPE_CHECKING:
    from starter.running import Running

__all__ = ["Orchestrator", "Receipt"]

#: Runs started at the same time; a server on one machine takes some hundreds a second.
_STARTS_AT_ONCE: Final = 16
_LOOK_EVERY = timedelta(milliseconds=250)
#: Fields that orders did not have in the first version, by the part of the order they are in.
_ADDED: Final = {
    "": (
        "ultimate_debtor",
        "creditor_agent_member",
        "creditor_agent_country",
        "creditor_reference",
    ),
    "debtor": ("kind", "birth_date", "identification"),
    "creditor": ("kind", "birth_date", "identification"),
    "times": ("submit_from", "wished_execution_date"),
}


class Asked(NamedTuple):
    """One order of many; the arguments are those of `pay`."""

    order: Order
    key: str
    received: Mapping[str, Any] | None = None
    rules_of: date | None = None
    intent: Intent | None = None
    acknowledged: Acknowledgement = Acknowledgement()
    by: Signer | None = None
    """The operator who acknowledges, where one does."""


class Receipt:
    """The answer of `pay`: the payment as it now stands."""

    def __init__(self, acceptance: Acceptance, view: PaymentView, *, is_started: bool) -> None:
        self.payment_id = PaymentId(view.payment_id)
        self.payment: Payment = view.payment
        self.display: Display = display(view.payment)
        self.is_replay = not acceptance.is_new
        """True when the key was known: nothing new was made."""
        self.is_started = is_started
        """False when nothing was heard of its run in time: recorded, and the relay starts it."""


class Orchestrator:
    """Typed, async access to payments. Make one per process, with `assembly`."""

    def __init__(
        self,
        *,
        payments: Payments,
        commands: Commands,
        notifier: Notifier,
        running: Callable[[], Awaitable[Running]],
        profiles: Callable[[], Mapping[tuple[str, str], Profile]],
        clock: Clock,
        operators: Operators,
    ) -> None:
        self._payments = payments
        self._commands = commands
        self._notifier = notifier
        self._running = running
        self._profiles = profiles
        self._clock = clock
        self._operators = operators

    async def pay(
        self,
        order: Order,
        key: str,
        *,
        received: Mapping[str, Any] | None = None,
        rules_of: date | None = None,
        intent: Intent | None = None,
        acknowledge_duplicate_of: Collection[str] = (),
        operator: Signer | None = None,
        patience: timedelta | None = timedelta(seconds=5),
    ) -> Receipt:
        """Record the order once under the key, have it run, and wait a little for first news.

        Called again with the same key it makes nothing new and answers with the payment as it
        now stands; that is the way to repeat a call whose answer was lost.

        Args:
            order: what to pay.
            key: the caller's own, unique per tenant for ever; 1 to 255 printable characters. The
                payment's id is a plain hash of it, so it is to hold no secret and no account
                number: who sees the id could try them all.
            received: the fields as the caller sent them, for the fingerprint; by default the
                order itself.
            rules_of: the day whose scheme rules apply; by default the execution date.
            intent: what the order is compared by with those of the last day, to find one given
                twice under two keys; by default the order's own.
            acknowledge_duplicate_of: the payments it was found to repeat, all of them and no
                other, if it is meant besides. No part of the fingerprint.
            operator: who acknowledges, and signs that; needed only where one of those payments is
                in doubt.
            patience: how long to wait for the first step; None only starts it.

        Raises:
            InvalidOrder: the order cannot be paid; names every wrong field and the remedy.
            KeyReused: the key stands for another order; nothing was done.
            PossibleDuplicate: the same payment was ordered under another key; nothing was done
                and the key is still free.
            NotSigned: it is no operator who acknowledges; nothing was done but noting that.
        """
        asked = Asked(
            order,
            key,
            received,
            rules_of,
            intent,
            Acknowledgement(frozenset(acknowledge_duplicate_of)),
            operator,
        )
        (accepted,) = await self._accept([asked])
        if isinstance(accepted, PossibleDuplicate):
            raise accepted
        return await self._start(accepted, patience)

    async def pay_many(self, many: Sequence[Asked]) -> list[Receipt | PossibleDuplicate]:
        """`pay` for each, without waiting for news: recorded in one transaction, then started some
        at a time. One that may be a duplicate is in the answer and keeps no other back.

        Raises:
            InvalidOrder, NotSigned: as `pay`, of any of them; nothing was done.
            KeyReused: one of the keys stands for another order; nothing was done.
        """
        accepted = await self._accept(many)
        gate = asyncio.Semaphore(_STARTS_AT_ONCE)

        async def start(one: Acceptance | PossibleDuplicate) -> Receipt | PossibleDuplicate:
            if isinstance(one, PossibleDuplicate):
                return one
            async with gate:
                return await self._ensured(one)

        receipts = await asyncio.gather(*map(start, accepted))
        started = [
            one.payment_id
            for one in receipts
            if isinstance(one, Receipt) and one.is_started and not one.is_replay
        ]
        if started:
            await self._payments.started(started, self._clock.now())
        return list(receipts)

    async def _accept(self, many: Sequence[Asked]) -> list[Acceptance | PossibleDuplicate]:
        """Each of them recorded once."""
        now = self._clock.now()
        known: dict[int, Acceptance] = {}
        prints = [
            fingerprint(dict(one.received) if one.received is not None else _fields(one.order))
            for one in many
        ]
        for tenant in {one.order.tenant for one in many}:
            own = [place for place, one in enumerate(many) if one.order.tenant == tenant]
            found = await self._payments.known_of(
                tenant, [(many[place].key, prints[place]) for place in own]
            )
            known |= {place: one for place, one in zip(own, found, strict=True) if one is not None}
        given = {
            place: await self._given(one, prints[place], now)
            for place, one in enumerate(many)
            if place not in known
        }
        results: dict[int, Acceptance | PossibleDuplicate] = {**known}
        if given:
            async with self._noting(given.values()):
                accepted = await self._payments.accept_many(list(given.values()), now)
            results |= zip(given, accepted, strict=True)
        return [results[place] for place in range(len(many))]

    @asynccontextmanager
    async def _noting(self, given: Iterable[Given]) -> AsyncIterator[None]:
        """Keep a refusal of what an operator acknowledged, once for all orders of a call."""
        signed = [one.acknowledged.signed for one in given if one.acknowledged.signed]
        if not signed:
            yield
            return
        async with self._operators.noting(signed[0].statement):
            yield

    async def _given(self, one: Asked, print_of_fields: str, now: datetime) -> Given:
        """Only a new order is judged by today's rules; a known key answers for ever."""
        admitted = admit(one.order, one.key, self._profiles(), now, rules_of=one.rules_of)
        payment_id = payment_id_of(one.order.tenant, one.key)
        return Given(
            admitted.order,
            key=one.key,
            fingerprint=print_of_fields,
            payment_id=payment_id,
            profile=admitted.profile,
            # By the day that was asked for: one that is moved would hide a repeat.
            intent=one.intent or Intent.of(one.order),
            acknowledged=await self._acknowledged(
                one.order, payment_id, one.acknowledged.of, one.by
            ),
        )

    async def _acknowledged(
        self, order: Order, payment_id: str, of: Collection[str], operator: Signer | None
    ) -> Acknowledgement:
        if operator is None:
            return Acknowledgement(frozenset(of))
        said = Acknowledgement(frozenset(of), operator.by)
        statement = said.statement(order, payment_id, self._clock.now())
        return replace(said, signed=await self._operators.sign(statement, operator))

    async def _start(self, acceptance: Acceptance, patience: timedelta | None) -> Receipt:
        view = acceptance.view
        if patience is None:
            receipt = await self._ensured(acceptance)
        else:
            try:
                running = await self._running()
                news = await running.first_news(view.tenant, view.payment_id, patience=patience)
            except TemporalAway:
                news = None
            receipt = Receipt(acceptance, news or view, is_started=news is not None)
        if receipt.is_started and acceptance.is_new:
            await self._payments.started([view.payment_id], self._clock.now())
        return receipt

    async def _ensured(self, acceptance: Acceptance) -> Receipt:
        """Its run started, without waiting for news; while Temporal is away the relay does it."""
        view = acceptance.view
        try:
            running = await self._running()
            await running.ensure_running(view.tenant, view.payment_id)
        except TemporalAway:
            return Receipt(acceptance, view, is_started=False)
        return Receipt(acceptance, view, is_started=True)

    async def cancel(
        self, payment_id: str, command_id: str, *, tenant: str | None, by: str, why: str = ""
    ) -> CommandReceipt:
        """Ask that the payment be taken back, at whatever point it is.

        Recorded first, then the payment's run is told; while Temporal is away the relay does that
        later. What was not sent is cancelled at once. Of what was sent the receipt says `asked`:
        none of its bytes leave any more, and what the partner holds it is asked to delete; `wait`
        for what comes of it. A known command id answers with what came of it so far.

        Args:
            payment_id: what is to be taken back.
            tenant: whose payment it is; None only for operators of all tenants.
            command_id: the caller's own, unique per payment; 1 to 255 printable characters.
            by: who asks, for the timeline.
            why: in a line, for the timeline and the operators; no account numbers.

        Raises:
            UnknownPayment: no such payment of the tenant.
            CommandReused: the id stands for another command of this payment; nothing was done.
            InvalidCommand: the words cannot be kept; nothing was done.
        """
        check_words(command_id=command_id, by=by, why=why)
        await self._view(payment_id, tenant)
        return await self._notifier.notify(
            await self._commands.cancel(
                payment_id, command_id=command_id, by=by, why=why, now=self._clock.now()
            )
        )

    async def answer_of(
        self, payment_id: str, command_id: str, *, tenant: str | None
    ) -> CommandReceipt:
        """What came of a command so far; nothing is asked anew.

        Raises:
            UnknownPayment: no such payment of the tenant.
            LookupError: no such command of it.
        """
        view = await self._view(payment_id, tenant)
        asked = {command.command_id: command for command in await self._commands.of(payment_id)}
        return CommandReceipt(Commanded(asked[command_id], view), is_notified=True)

    async def get(self, payment_id: str, *, tenant: str | None) -> PaymentRecord:
        """The payment as it stands in the store, masked.

        Args:
            payment_id: what is asked about.
            tenant: whose payment it is; None only for operators of all tenants.

        Raises:
            UnknownPayment: no such payment of the tenant.
        """
        await self._view(payment_id, tenant)
        return await self._payments.record(payment_id)

    async def _view(self, payment_id: str, tenant: str | None) -> PaymentView:
        """The payment, if it is the tenant's. Of another one's payment nothing is told, and not
        even that it is there.

        Raises:
            UnknownPayment: no such payment of the tenant.
        """
        view = await self._payments.view(payment_id)
        if tenant is not None and view.tenant != tenant:
            raise UnknownPayment(f"no payment {payment_id}")
        return view

    async def get_many(
        self, payment_ids: Sequence[str], *, tenant: str | None
    ) -> list[PaymentRecord]:
        """`get` of each, in one look.

        Raises:
            UnknownPayment: one of them is no payment of the tenant.
        """
        records = await self._payments.records_by_id(payment_ids)
        for record in records:
            if tenant is not None and record.tenant != tenant:
                raise UnknownPayment(f"no payment {record.payment_id}")
        return records

    async def wait(
        self,
        payment_id: str,
        until: Callable[[PaymentRecord], bool],
        *,
        tenant: str | None,
        deadline: datetime | None = None,
    ) -> PaymentRecord:
        """Look at the store until the payment is as wanted, or the deadline (our clock) is over.

        Returns the payment as last seen; whether it is as wanted, `until` tells again.

        Raises:
            UnknownPayment: no such payment of the tenant.
        """
        await self._view(payment_id, tenant)
        while True:
            record = await self._payments.record(payment_id)
            if until(record) or (deadline is not None and self._clock.now() >= deadline):
                return record
            await asyncio.sleep(_LOOK_EVERY.total_seconds())

    async def find(self, wanted: Wanted = ANYTHING, *, limit: int = 100) -> Found:
        """Payments that fit, the newest first; it says where it stopped and there may be more."""
        return await self._payments.find(wanted, limit=limit)


def _fields(order: Order) -> dict[str, Any]:
    """What a caller of ours gave. What later versions let them add counts once it is given, so
    that keys of the first version keep their fingerprints."""
    fields = order.model_dump(mode="json")
    for part, names in _ADDED.items():
        where = fields[part] if part else fields
        for name in names:
            if where[name] is None:
                del where[name]
    return fields
