"""One payment in the book: its status, its postings, its transactions, its announcements."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from simulators.currencycloud.book import Book
from simulators.currencycloud.notices import Notices
from simulators.kit.clock import stamp
from simulators.kit.timers import NotPossible

#: Statuses before release, in which a payment can still be changed and deleted.
UNRELEASED = ("new", "awaiting_authorisation", "authorised", "ready_to_send", "suspended")

Payment = Mapping[str, Any]


class Entries:
    def __init__(self, book: Book, notices: Notices) -> None:
        self._book = book
        self._notices = notices

    def payment(self, payment_id: str) -> dict[str, Any]:
        """The payment.

        Raises:
            NotPossible: there is no such payment.
        """
        found = self._book.row("SELECT * FROM payments WHERE id = ?", payment_id)
        if found is None:
            raise NotPossible("no such payment")
        return found

    def become(self, payment: Payment, status: str, at: datetime, what: str, **also: Any) -> None:
        """Write a status and other changed fields, and announce the status if they announce it."""
        when = stamp(at)
        self._book.change("payments", payment["id"], status=status, updated_at=when, **also)
        self._book.note(payment["id"], when, status, what)
        if status != payment["status"]:
            self._notices.announce(self.payment(payment["id"]), at)

    def change(self, payment: Payment, **values: Any) -> None:
        self._book.change("payments", payment["id"], **values)

    def log(self, payment: Payment, at: datetime, intervention: str, rule: int | None) -> None:
        """Write the intervention to the log of faults, with the payment's status before it."""
        self._book.fired(stamp(at), intervention, rule, payment)

    def covered(self, payment: Payment, at: datetime) -> bool:
        """Whether the account's balance covers the payment."""
        balance = self._book.balance(payment["account_id"], payment["currency"], stamp(at))
        return int(balance["amount_minor"]) >= int(payment["amount_minor"])

    def was_returned(self, payment: Payment) -> bool:
        """Whether it failed after the money had left, however little came back."""
        sql = "SELECT 1 FROM transactions WHERE related_entity_id = ? AND action = ?"
        return self._book.row(sql, payment["id"], "payment_failure") is not None

    def post(self, payment: Payment, at: datetime, what: str, lines: list[tuple[str, int]]) -> None:
        self._book.post(stamp(at), what, payment["currency"], lines, payment["id"])

    def transact(
        self,
        payment: Payment,
        at: datetime,
        action: str,
        kind: str,
        amount_minor: int,
        status: str,
    ) -> None:
        """Write a transaction. Call it after the posting: a completed one has the new balance."""
        self._book.transact(
            stamp(at),
            payment["account_id"],
            payment["currency"],
            amount_minor=amount_minor,
            type=kind,
            action=action,
            status=status,
            related_entity_type="payment",
            related_entity_id=payment["id"],
            short_reference=payment["short_reference"],
            reason=payment["reason"],
        )

    def settle_debit(self, payment: Payment, at: datetime) -> None:
        when = stamp(at)
        balance = self._book.balance(payment["account_id"], payment["currency"], when)
        self._book.run(
            "UPDATE transactions SET status = 'completed', completed_at = ?, updated_at = ?,"
            " balance_minor = ? WHERE related_entity_id = ? AND status = 'pending'",
            when,
            when,
            balance["amount_minor"],
            payment["id"],
        )
