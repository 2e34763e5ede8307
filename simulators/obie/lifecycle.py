"""A payment's life at the bank, from its submission to the booking, and what may happen to it.

RCVD -> ACSP -> ACSC -> ACCC. The debtor's account is debited with ACSP; the money is then under
way in the scheme until ACSC, so a late rejection brings it back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from simulators.kit.book import new_id
from simulators.kit.clock import stamp
from simulators.kit.delays import Delays
from simulators.kit.replies import Row
from simulators.kit.timers import NotPossible, Timer, Timers
from simulators.obie.book import PAID_OUT, SCHEME, Book
from simulators.obie.dialects import Dialect
from simulators.obie.events import UPDATED, Events

WAITING = ("RCVD", "PDNG", "PATC")
UNDER_WAY = "ACSP"
SETTLED = ("ACSC", "ACWP", "ACCC")
ENDS = ("RJCT", "BLCK")
#: ISO reasons that the bank gives: insufficient funds, narrative, regulatory.
NO_FUNDS, NARRATIVE, REGULATORY = "AM04", "NARR", "RR04"


class Lifecycle:
    def __init__(
        self, book: Book, events: Events, timers: Timers, delays: Delays, dialect: Dialect
    ) -> None:
        self._book = book
        self._events = events
        self._timers = timers
        self._delays = delays
        self._dialect = dialect

    def received(self, payment: Row, now: datetime) -> None:
        self._book.note(payment["id"], stamp(now), payment["status"], "received")
        self._after(payment["id"], "accept", "accept_after", now)

    def step(self, timer: Timer, at: datetime) -> None:
        """Raises:
        NotPossible: the payment has moved on.
        """
        payment = self._payment(timer.payment_id)
        match timer.step, payment["status"]:
            case "accept", "RCVD":
                self._accept(payment, at)
            case "settle", "ACSP":
                self._settle(payment, "ACSC", at)
            case "credit", "ACSC":
                self._become(payment, "ACCC", at, "credited")
            case _:
                self.happen(payment["id"], timer.step, timer.param, timer.rule, at)

    def happen(
        self, payment_id: str, what: str, param: Mapping[str, Any], rule: int | None, at: datetime
    ) -> None:
        """Do what an intervention says, and log it.

        Raises:
            NotPossible: not now.
        """
        payment = self._payment(payment_id)
        status = payment["status"]
        match what:
            case "reject" | "block" if status not in ENDS:
                end = "RJCT" if what == "reject" else "BLCK"
                usual = NARRATIVE if what == "reject" else REGULATORY
                self._refuse(payment, end, str(param.get("reason", usual)), at)
            case "review" if status in WAITING and status != "PDNG":
                self._timers.stop(payment_id, "accept")
                self._become(payment, "PDNG", at, "held for review")
            case "release" if status == "PDNG":
                self._accept(payment, at)
            case "settle" if status == UNDER_WAY:
                self._settle(payment, "ACSC", at)
            case "without_posting" if status == UNDER_WAY:
                self._settle(payment, "ACWP", at)
            case "credit" if status in ("ACSC", "ACWP"):
                self._become(payment, "ACCC", at, "credited")
            case _:
                raise NotPossible(f"{what} of a payment that is {status}")
        self._book.fired(stamp(at), what, rule, payment)

    def _accept(self, payment: Row, at: datetime) -> None:
        """Debit the account and hand the payment to the scheme, or reject it for lack of funds."""
        account, minor = payment["debtor_account"], payment["amount_minor"]
        balance = self._book.balance(account, payment["currency"], stamp(at))
        if balance["amount_minor"] < minor:
            self._refuse(payment, "RJCT", NO_FUNDS, at)
            return
        self._move(payment, "debited", [(account, -minor), (SCHEME, minor)], at)
        self._book.change("payments", payment["id"], debited=1)
        self._enter(payment, -minor, f"Payment to {json.loads(payment['creditor'])['Name']}", at)
        self._become(payment, UNDER_WAY, at, "debited, and sent to the scheme")
        if self._dialect.reports_settlement:
            self._after(payment["id"], "settle", "settle_after", at)

    def _settle(self, payment: Row, status: str, at: datetime) -> None:
        minor = payment["amount_minor"]
        self._timers.stop(payment["id"], "settle")
        self._move(payment, "settled", [(SCHEME, -minor), (PAID_OUT, minor)], at)
        self._become(payment, status, at, "settled")
        if status == "ACSC" and self._delays["credit_after"] > 0:
            self._after(payment["id"], "credit", "credit_after", at)

    def _refuse(self, payment: Row, status: str, reason: str, at: datetime) -> None:
        """End a payment. What was debited comes back, even after the settlement."""
        self._timers.stop(payment["id"])
        minor, account = payment["amount_minor"], payment["debtor_account"]
        if payment["debited"]:
            source = PAID_OUT if payment["status"] in SETTLED else SCHEME
            self._move(payment, "brought back", [(source, -minor), (account, minor)], at)
            self._enter(payment, minor, "Payment returned", at)
        self._book.change("payments", payment["id"], reasons=json.dumps([reason]))
        self._become(payment, status, at, reason)

    def _move(self, payment: Row, what: str, lines: list[tuple[str, int]], at: datetime) -> None:
        self._book.post(stamp(at), what, payment["currency"], lines, payment["id"])

    def _enter(self, payment: Row, minor: int, what: str, at: datetime) -> None:
        """What the account's holder sees."""
        self._book.insert(
            "entries",
            id=new_id(),
            account_id=payment["debtor_account"],
            at=stamp(at),
            amount_minor=minor,
            currency=payment["currency"],
            booked=1,
            what=what,
            reference=payment["end_to_end_id"],
            creditor=payment["creditor"] if minor < 0 else None,
        )

    def _become(self, payment: Row, status: str, at: datetime, what: str) -> None:
        self._book.change("payments", payment["id"], status=status, updated_at=stamp(at))
        self._book.note(payment["id"], stamp(at), status, what)
        self._events.record(UPDATED, self._payment(payment["id"]), at)

    def _after(self, payment_id: str, step: str, delay: str, at: datetime) -> None:
        self._timers.add(payment_id, step, at + timedelta(seconds=self._delays[delay]))

    def _payment(self, payment_id: str) -> Row:
        found = self._book.payment(payment_id)
        if found is None:
            raise NotPossible("there is no such payment")
        return found
