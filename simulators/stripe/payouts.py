"""Payouts to the account's own bank, which can fail after they were paid."""

from __future__ import annotations

from datetime import datetime, timedelta

from simulators.kit.delays import Delays
from simulators.kit.replies import Json
from simulators.kit.timers import NotPossible, Timer, Timers
from simulators.stripe import amounts, wire
from simulators.stripe.book import BANK
from simulators.stripe.ids import new_id
from simulators.stripe.ledger import Ledger
from simulators.stripe.objects import Ask, Objects, Thing
from simulators.stripe.wire import conflict, needed, nothing, text, whole

SEND = "send_payout"
PAY = "pay_payout"
#: The bank account that payouts go to, unless a request names another.
DESTINATION = "ba_simulated"
#: A bank account that takes no instant payouts.
STANDARD_ONLY = "ba_standard_only"
#: Guide "Instant Payouts": the currencies of the countries that have them.
INSTANT_CURRENCIES = ("aud", "cad", "eur", "gbp", "myr", "nok", "nzd", "sgd", "usd")


class Payouts:
    def __init__(self, objects: Objects, ledger: Ledger, timers: Timers, delays: Delays) -> None:
        self._objects = objects
        self._ledger = ledger
        self._timers = timers
        self._delays = delays

    def create(self, ask: Ask) -> Json:
        params = ask.params
        needed(params, "amount", "currency")
        amount, currency = whole(params, "amount") or 0, str(params["currency"]).lower()
        amounts.check_payout(amount, currency)
        method = text(params, "method", among=("standard", "instant")) or "standard"
        destination = text(params, "destination") or DESTINATION
        is_instant = method == "instant"
        if is_instant and currency not in INSTANT_CURRENCIES:
            message = f"Instant payouts are not available in {currency}."
            raise conflict(message, "instant_payouts_currency_disabled", param="currency")
        if is_instant and destination == STANDARD_ONLY:
            message = "Instant payouts are not supported by this external account."
            raise conflict(message, "instant_payouts_unsupported", param="method")
        fee = -(-amount // 100) if is_instant else 0
        if self._ledger.held(ask.account, currency, "available") < amount + fee:
            raise conflict("You have insufficient funds in your account.", "balance_insufficient")
        send_at, arrival = self._times(method, ask.now)
        payout = self._objects.add(
            "payout",
            ask.account,
            ask.now,
            {
                "amount": amount,
                **nothing("application_fee application_fee_amount"),
                "arrival_date": int(arrival.timestamp()),
                "automatic": False,
                "balance_transaction": None,
                "currency": currency,
                "description": text(params, "description"),
                "destination": destination,
                **nothing("failure_balance_transaction failure_code failure_message"),
                "metadata": wire.metadata({}, params),
                "method": method,
                "original_payout": None,
                "reconciliation_status": "not_applicable",
                "reversed_by": None,
                "source_type": text(params, "source_type") or "card",
                "statement_descriptor": text(params, "statement_descriptor"),
                "status": "pending",
                "trace_id": None,
                "type": "bank_account",
            },
            event="payout.created",
            key=ask.key,
        )
        made = self._ledger.book(payout, ask.now, "payout", -amount, BANK, fee=fee)
        self._timers.add(payout.id, SEND, send_at)
        return self._objects.save(payout, ask.now, balance_transaction=made.id).body

    def _times(self, method: str, at: datetime) -> tuple[datetime, datetime]:
        """When a payout that is made or sent now leaves, and when it arrives after that."""
        if method == "instant":
            return at, at + timedelta(seconds=self._delays["payout_instant_after"])
        send_at = at + timedelta(seconds=self._delays["payout_sent_after"])
        return send_at, send_at + timedelta(seconds=self._delays["payout_paid_after"])

    def update(self, ask: Ask) -> Json:
        payout = self._objects.get("payout", ask.object_id, ask.account)
        told = wire.metadata(payout["metadata"], ask.params)
        return self._objects.save(payout, ask.now, "payout.updated", metadata=told).body

    def cancel(self, ask: Ask) -> Json:
        payout = self._objects.get("payout", ask.object_id, ask.account)
        if payout.status != "pending":
            message = "Payouts can only be canceled while they are pending."
            raise conflict(message, "status_transition_invalid")
        self._timers.stop(payout.id)
        made = self._ledger.book(payout, ask.now, "payout_cancel", payout["amount"], BANK)
        return self._objects.save(
            payout, ask.now, "payout.canceled", status="canceled",
            failure_balance_transaction=made.id,
        ).body  # fmt: skip

    def step(self, timer: Timer, at: datetime) -> None:
        """The payout leaves, then arrives."""
        payout = self._objects.known(timer.payment_id)
        if timer.step == PAY:
            trace = {"status": "supported", "value": new_id("trace")}
            self._objects.save(payout, at, "payout.paid", status="paid", trace_id=trace)
            return
        is_instant = payout["method"] == "instant"
        name = "payout_instant_after" if is_instant else "payout_paid_after"
        due = at + timedelta(seconds=self._delays[name])
        self._timers.add(payout.id, PAY, due)
        self._objects.save(payout, at, "payout.updated", status="in_transit")

    def fail(self, payout: Thing, at: datetime, code: str) -> None:
        """The bank sends it back, perhaps days after it was paid."""
        if payout.status not in ("pending", "in_transit", "paid"):
            raise NotPossible(f"the payout is {payout.status}")
        self._timers.stop(payout.id)
        made = self._ledger.book(payout, at, "payout_failure", payout["amount"], BANK)
        self._objects.save(
            payout, at, "payout.failed", status="failed", failure_code=code,
            failure_message="The bank returned the payout.", failure_balance_transaction=made.id,
        )  # fmt: skip
