"""How many people have to authorise a payment before it goes on, and who has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from simulators.currencycloud.book import Book
from simulators.kit.book import new_id
from simulators.kit.clock import stamp

AWAITING = "awaiting_authorisation"

_OWN = "You cannot authorise this Payment as it was created by you."
_AGAIN = "You have already authorised this Payment."
_NOT_AWAITED = "This Payment is not awaiting authorisation."


class Approvals:
    def __init__(self, book: Book) -> None:
        self._book = book

    def require(self, account_id: str, steps: int) -> None:
        """Set how many people have to authorise each new payment of the account.

        Raises:
            ValueError: the number is negative, or there is no such account.
        """
        sql = "UPDATE accounts SET authorisation_steps = ? WHERE id = ?"
        if steps < 0 or not self._book.run(sql, steps, account_id):
            raise ValueError(f"not so: {steps} steps for {account_id}")

    def taken(self, payment: Mapping[str, Any]) -> int:
        sql = "SELECT count(*) AS n FROM approvals WHERE payment_id = ?"
        counted = self._book.row(sql, payment["id"])
        return int(counted["n"]) if counted else 0

    def objection(self, payment: Mapping[str, Any], contact_id: str) -> str | None:
        """Why this person cannot authorise the payment, in Currencycloud's words."""
        if payment["status"] != AWAITING:
            return _NOT_AWAITED
        if payment["contact_id"] == contact_id:
            return _OWN
        sql = "SELECT 1 FROM approvals WHERE payment_id = ? AND contact_id = ?"
        return None if self._book.row(sql, payment["id"], contact_id) is None else _AGAIN

    def approve(self, payment: Mapping[str, Any], contact_id: str, now: datetime) -> bool:
        """Record one more authorisation. Returns whether it was the last that was needed."""
        self._book.insert(
            "approvals", payment_id=payment["id"], contact_id=contact_id, at=stamp(now)
        )
        return self.taken(payment) >= int(payment["steps_required"])

    def complete(self, payment: Mapping[str, Any], now: datetime) -> None:
        """Record all authorisations that are still missing."""
        while not self.approve(payment, new_id(), now):
            continue
