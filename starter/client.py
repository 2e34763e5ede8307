"""The client for apps: pay, cancel, and read how a payment stands."""

from __future__ import annotations

import asyncio
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from domain.clock import Clock
from domain.ids import PaymentId
from domain.lifecycle.profile import InstructionKind, Profile
from domain.money import Money
from domain.payments.display import Display, display
from domain.payments.episodes import Episode
from domain.payments.intent import Acknowledgement, Intent, PossibleDuplicate
from domain.payments.order import Order
from domain.payments.payment import Payment, UnknownPayment
from domain.payments.report import Action
from domain.payments.view import KIND, PaymentView
from starter.asking import ClaimReceipt, CommandReceipt, Notifier, check_no_card, check_words
from starter.away import LEFT_TO_RELAY
from starter.operators import Operators
from starter.orders import Asked, Orders
from starter.signing import Signer
from store.accepting import Acceptance
from store.claims import Claims
from store.commands import Commanded, Commands
from store.finding import ANYTHING, Wanted
from store.payments import Found, Payments
from store.records import PaymentRecord

if TYPE_CHECKING:
    from starter.running import Running

__all__ = ["Orchestrator", "Receipt"]

#: Runs started at the same time. A server on one machine takes some hundreds per second.
_STARTS_AT_ONCE: Final = 100
_LOOK_EVERY = timedelta(milliseconds=250)


class Receipt:
    """The reply to `pay`: the payment as it now stands."""

    def __init__(self, acceptance: Acceptance, view: PaymentView, *, is_started: bool) -> None:
        self.payment_id = PaymentId(view.payment_id)
        self.payment: Payment = view.payment
        self.display: Display = display(view.payment)
        self.is_replay = not acceptance.is_new
        """True if the key was known, so nothing new was created."""
        self.is_started = is_started
        """False if the run did not answer in time. The payment is recorded; the relay starts it."""


class Orchestrator:
    """Typed, async access to payments. Make one per process, with `assembly`."""

    def __init__(
        self,
        *,
        payments: Payments,
        commands: Commands,
        claims: Claims,
        notifier: Notifier,
        running: Callable[[], Awaitable[Running]],
        profiles: Callable[[], Mapping[tuple[str, str], Profile]],
        clock: Clock,
        operators: Operators,
    ) -> None:
        self._payments = payments
        self._commands = commands
        self._claims = claims
        self._notifier = notifier
        self._running = running
        self._clock = clock
        self._orders = Orders(payments, profiles, clock, operators)

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
        browser_session: str = "",
        patience: timedelta | None = timedelta(seconds=5),
    ) -> Receipt:
        """Record the order once under the key, start its run, and wait a little for its first step.

        A second call with the same key creates nothing new and returns the payment as it now
        stands. If the reply to a call was lost, repeat the call.

        Args:
            order: what to pay.
            key: the caller's own, unique per tenant for ever; 1 to 255 printable characters. It
                must contain no secret and no account number: the payment's id is a plain hash of
                it, so somebody who sees the id could try all candidates.
            received: the fields as the caller sent them, for the fingerprint; by default the
                order itself.
            rules_of: the day whose scheme rules apply; by default the execution date.
            intent: what is compared with payments of the last day, to find one that was ordered
                twice under two keys; by default the order's own.
            acknowledge_duplicate_of: if the order is meant besides the payments that it seems to
                repeat, the ids of exactly those. Not part of the fingerprint.
            operator: who acknowledges and signs that; needed only if one of those payments is in
                doubt.
            browser_session: where the payer approves before the send, a random value that the app
                keeps in their browser: the callback counts only with it. Empty: in any browser.
            patience: how long to wait for the first step; None: only start the run.

        Raises:
            InvalidOrder: the order cannot be paid; names every wrong field and the remedy.
            KeyReused: the key stands for another order. Nothing was done.
            PossibleDuplicate: the same payment was ordered under another key. Nothing was done, and
                the key is still free.
            NotSigned, KeyUnusable: there is no valid signature. At most a refusal was recorded.
            ClocksApart, WrongKeyring: as `Payments.accept`. Nothing was done.
            StoreAway: the database is away. Repeat the call with the same key.
        """
        asked = Asked(
            order,
            key,
            received,
            rules_of,
            intent,
            Acknowledgement(frozenset(acknowledge_duplicate_of)),
            operator,
            browser_session,
        )
        (accepted,) = await self._orders.record([asked])
        if isinstance(accepted, PossibleDuplicate):
            raise accepted
        return await self._start(accepted, patience)

    async def repeat(
        self,
        key: str,
        *,
        tenant: str,
        received: Mapping[str, Any],
        patience: timedelta | None = timedelta(seconds=5),
    ) -> Receipt | None:
        """The answer of `pay` for a key that is known; None if it is new.

        It needs no order, so it answers also when the settings name no account for it any more.

        Raises:
            KeyReused: the key stands for another order. Nothing was done.
        """
        known = await self._orders.known(tenant, key, received)
        return None if known is None else await self._start(known, patience)

    async def pay_many(self, many: Sequence[Asked]) -> list[Receipt | PossibleDuplicate]:
        """`pay` for many orders: all are recorded in one transaction, and then started.

        It does not wait for first steps. An order that may be a duplicate is in the answer as a
        PossibleDuplicate and does not stop the others.

        Raises:
            InvalidOrder, KeyReused, NotSigned, KeyUnusable, ClocksApart, WrongKeyring: as `pay`,
                for one of the orders. No order was recorded.
        """
        accepted = await self._orders.record(many)
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

    async def _start(self, acceptance: Acceptance, patience: timedelta | None) -> Receipt:
        view = acceptance.view
        if patience is None:
            receipt = await self._ensured(acceptance)
        else:
            try:
                running = await self._running()
                news = await running.first_news(
                    view.tenant, view.payment_id, patience=patience, first=acceptance.first
                )
            except LEFT_TO_RELAY:
                news = None
            if news is not None:
                view = await self._payments.view(view.payment_id)
            return Receipt(acceptance, view, is_started=news is not None)
        if receipt.is_started and acceptance.is_new:
            await self._payments.started([view.payment_id], self._clock.now())
        return receipt

    async def _ensured(self, acceptance: Acceptance) -> Receipt:
        """Start the run without waiting. If Temporal is away, the relay starts it later."""
        view = acceptance.view
        try:
            running = await self._running()
            await running.ensure_running(view.tenant, view.payment_id, first=acceptance.first)
        except LEFT_TO_RELAY:
            return Receipt(acceptance, view, is_started=False)
        return Receipt(acceptance, view, is_started=True)

    async def cancel(
        self, payment_id: str, command_id: str, *, tenant: str | None, by: str, why: str = ""
    ) -> CommandReceipt:
        """Cancel the payment, at whatever point it is.

        The command is recorded first, and then the payment's run is notified; if Temporal is away,
        the relay does that later. An unsent payment is cancelled at once. For one that was sent the
        receipt says `asked`: nothing more is sent, and if the partner holds the payment it is asked
        to cancel it. `wait` for the outcome. A known command id returns its outcome so far.

        Args:
            tenant: whose payment it is; None only for operators of all tenants.
            command_id: the caller's own, unique per payment; 1 to 255 printable characters.
            by: who asks, for the timeline.
            why: in one line, for the timeline and the operators; no account numbers.

        Raises:
            UnknownPayment: no such payment of the tenant.
            CommandReused: the id stands for another command of this payment. Nothing was done.
            InvalidCommand: a text cannot be stored. Nothing was done.
            ClocksApart: our clock and the database's differ too much. Nothing was done.
        """
        check_words(command_id=command_id, by=by, why=why)
        await self._view(payment_id, tenant)
        return await self._notifier.notify(
            await self._commands.cancel(
                payment_id, command_id=command_id, by=by, why=why, now=self._clock.now()
            )
        )

    async def capture(
        self, payment_id: str, key: str, amount: Money, *, tenant: str | None, by: str
    ) -> ClaimReceipt:
        """Take some of the money that a collection holds.

        The amount is claimed first, and then the payment's run is notified; if Temporal is away,
        the relay does that later. A known key returns its claim, and nothing new is claimed.

        Args:
            key: the caller's own, unique per payment for captures; as a command id.
            tenant: whose payment it is; None only for operators of all tenants.
            by: who asks, for the record.

        Raises:
            UnknownPayment: no such payment of the tenant.
            ClaimReused: the key stands for another amount. Nothing was done.
            OverBound: less is left than the amount. Nothing was done.
            CannotClaim: the payment does not allow it as it now stands. Nothing was done.
            InvalidCommand, ClocksApart: as `cancel`.
        """
        return await self._claim(payment_id, InstructionKind.CAPTURE, key, amount, tenant, by)

    async def increment(
        self, payment_id: str, key: str, amount: Money, *, tenant: str | None, by: str
    ) -> ClaimReceipt:
        """Have so much more of the payer's money held, before any of the collection is captured.

        The payer's bank may decline; then the hold is as it was. All else is as for `capture`.
        """
        return await self._claim(payment_id, InstructionKind.INCREMENT, key, amount, tenant, by)

    async def refund(
        self, payment_id: str, key: str, amount: Money, *, tenant: str | None, by: str
    ) -> ClaimReceipt:
        """Give back some of what was captured. All else is as for `capture`."""
        return await self._claim(payment_id, InstructionKind.REFUND, key, amount, tenant, by)

    async def confirm(
        self, payment_id: str, key: str, *, tenant: str | None, by: str
    ) -> ClaimReceipt:
        """Have the payer confirm a collection that was declined because the payer was not there.

        The partner is asked again, as if the payer were there now. Once a read shows the page on
        which the payer confirms, `action` returns it. Until the payment's deadline, the payer may
        go there. The order must have a `return_url`. All else is as for `capture`.
        """
        view = await self._view(payment_id, tenant)
        whole = view.payment.amounts.instructed
        return await self._claim(payment_id, InstructionKind.CONFIRM, key, whole, tenant, by)

    async def _claim(
        self,
        payment_id: str,
        kind: InstructionKind,
        key: str,
        amount: Money,
        tenant: str | None,
        by: str,
    ) -> ClaimReceipt:
        check_no_card(key=key, by=by)
        check_words(command_id=key, by=by, why="")
        await self._view(payment_id, tenant)
        claimed = await self._claims.admit(
            payment_id, kind, key=key, amount=amount, by=by, now=self._clock.now()
        )
        return await self._notifier.follow(claimed)

    async def action(self, payment_id: str, *, tenant: str | None) -> Action | None:
        """What the payer has to do now, and the address at which to do it; None: nothing.

        Raises:
            UnknownPayment: no such payment of the tenant.
        """
        await self._view(payment_id, tenant)
        return await self._claims.action(payment_id)

    async def episodes(self, payment_id: str, *, tenant: str | None) -> tuple[Episode, ...]:
        """The claims and reversals of the payment, each with its own state and dates.

        Raises:
            UnknownPayment: no such payment of the tenant.
        """
        await self._view(payment_id, tenant)
        return await self._claims.episodes(payment_id)

    async def answer_of(
        self, payment_id: str, command_id: str, *, tenant: str | None
    ) -> CommandReceipt:
        """The outcome of a command so far. Nothing is asked again.

        Raises:
            UnknownPayment: no such payment of the tenant.
            LookupError: the payment has no such command.
        """
        view = await self._view(payment_id, tenant)
        asked = {command.command_id: command for command in await self._commands.of(payment_id)}
        return CommandReceipt(Commanded(asked[command_id], view), is_notified=True)

    async def get(self, payment_id: str, *, tenant: str | None) -> PaymentRecord:
        """The payment as it stands in the store, with account numbers masked.

        Args:
            tenant: whose payment it is; None only for operators of all tenants.

        Raises:
            UnknownPayment: no such payment of the tenant.
        """
        await self._view(payment_id, tenant)
        return await self._payments.record(payment_id)

    async def _view(self, payment_id: str, tenant: str | None) -> PaymentView:
        """The payment, if it is the tenant's. Another tenant's payment looks like an unknown id.

        Raises:
            UnknownPayment: no such payment of the tenant.
        """
        view = await self._payments.view(payment_id)
        if view.kind != KIND or (tenant is not None and view.tenant != tenant):
            raise UnknownPayment(f"no payment {payment_id}")
        return view

    async def get_many(
        self, payment_ids: Sequence[str], *, tenant: str | None
    ) -> list[PaymentRecord]:
        """`get` for many payments, in one read.

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
        """Poll the store until `until` holds for the payment, or the deadline (our clock) is over.

        Returns the payment as last read. The caller may call `until` again to see which it was.

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
        """Payments that match, in its order. `cut_after` is set if there may be more."""
        return await self._payments.find(wanted, limit=limit)
