"""The account's money: pending and available balances, and a balance transaction of each change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from simulators.kit.clock import stamp
from simulators.kit.delays import Delays
from simulators.kit.replies import Json
from simulators.kit.timers import Timer, Timers
from simulators.stripe.book import BANK, FEES
from simulators.stripe.ids import new_id
from simulators.stripe.objects import Ask, Objects, Thing

AVAILABLE = "become_available"
_CATEGORIES = {
    "payment": "charge",
    "payment_refund": "refund",
    "payment_failure_refund": "refund_failure",
    "payout_failure": "payout_reversal",
    "payout_cancel": "payout_reversal",
}
_BUCKETS = ("pending", "available")


class Ledger:
    def __init__(self, objects: Objects, timers: Timers, delays: Delays) -> None:
        self._objects = objects
        self._timers = timers
        self._delays = delays

    def book(
        self,
        source: Thing,
        at: datetime,
        kind: str,
        amount: int,
        other_side: str,
        *,
        fee: int = 0,
        category: str = "",
        available_on: datetime | None = None,
    ) -> Thing:
        """Book an amount to the account's balance, less the fee.

        Args:
            kind: the transaction's type, in Stripe's words.
            amount: negative if money leaves the account.
            other_side: the book's account that gives or receives it.
            available_on: when it can be paid out; now if None.
        """
        currency = source["currency"]
        is_pending = available_on is not None and available_on > at
        bucket = f"{source.account}.{'pending' if is_pending else 'available'}"
        lines = [(other_side, -amount), (bucket, amount - fee)]
        if fee:
            lines.append((FEES, fee))
        self._objects.book.post(stamp(at), kind, currency.upper(), lines, source.id)
        details = {"amount": fee, "application": None, "currency": currency,
                   "description": "Stripe processing fees", "type": "stripe_fee"}  # fmt: skip
        made = self._objects.add(
            "balance_transaction",
            source.account,
            at,
            {
                "amount": amount,
                "available_on": int((available_on or at).timestamp()),
                "balance_type": "payments",
                "currency": currency,
                "description": source.body.get("description"),
                "exchange_rate": None,
                "fee": fee,
                "fee_details": [details] if fee else [],
                "net": amount - fee,
                "reporting_category": category or _CATEGORIES.get(kind, kind),
                "source": source.id,
                "status": "pending" if is_pending else "available",
                "type": kind,
            },
        )
        if is_pending:
            self._timers.add(made.id, AVAILABLE, available_on)
        if amount > 0:
            self._timers.funds_came(at)
        return made

    def top_up(self, account: str, amount: int, currency: str, at: datetime) -> Thing:
        """Money of our own, which is available at once."""
        source = Thing("topup", account, {"id": new_id("tu"), "currency": currency})
        return self.book(source, at, "topup", amount, BANK)

    def matures(self, at: datetime) -> datetime:
        """When a charge of now can be paid out."""
        return at + timedelta(seconds=self._delays["available_after"])

    def step(self, timer: Timer, at: datetime) -> None:
        """Let a transaction become available."""
        made = self._objects.known(timer.payment_id)
        lines = [
            (f"{made.account}.pending", -made["net"]),
            (f"{made.account}.available", made["net"]),
        ]
        self._objects.book.post(
            stamp(at), AVAILABLE, made["currency"].upper(), lines, made["source"]
        )
        self._objects.save(made, at, status="available")
        self._timers.funds_came(at)

    def settles(self, transaction_id: str | None) -> datetime | None:
        """When that transaction becomes available, if it is not yet."""
        if transaction_id is None:
            return None
        made = self._objects.known(transaction_id)
        return (
            datetime.fromtimestamp(made["available_on"], UTC) if made.status == "pending" else None
        )

    def held(self, account: str, currency: str, *buckets: str) -> int:
        """What the account has in these balances; in both if none is named."""
        return sum(
            row["amount_minor"]
            for row in self._balances(account)
            if row["currency"] == currency.upper()
            and row["account_id"].rsplit(".", 1)[1] in (buckets or _BUCKETS)
        )

    def balance(self, ask: Ask) -> Json:
        """The Balance object."""
        currencies = sorted({row["currency"].lower() for row in self._balances(ask.account)})

        def shown(bucket: str) -> list[Json]:
            amounts_by_currency: list[Json] = []
            for currency in currencies or ["usd"]:
                amount = self.held(ask.account, currency, bucket)
                amounts_by_currency.append(
                    {"amount": amount, "currency": currency, "source_types": {"card": amount}}
                )
            return amounts_by_currency

        return {
            "object": "balance",
            "available": shown("available"),
            "instant_available": shown("available"),
            "livemode": False,
            "pending": shown("pending"),
        }

    def _balances(self, account: str) -> list[dict[str, Any]]:
        sql = "SELECT * FROM balances WHERE account_id IN (?, ?)"
        return self._objects.book.rows(sql, *(f"{account}.{each}" for each in _BUCKETS))
