"""A payment's life at the bank, from its authorisation to the booking, and what may happen to it.

RCVD -> (PATC) -> ACTC -> ACFC -> ACSC -> ACCC. The debtor's account is debited with ACSC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from simulators.berlin_group.authorisations import CANCELLATION, FINAL, PAYMENT, Authorisations
from simulators.berlin_group.book import OPENING, PAID_OUT, Book
from simulators.kit.clock import stamp
from simulators.kit.delays import Delays
from simulators.kit.replies import Row
from simulators.kit.timers import NotPossible, Timer, Timers

#: The words of `transactionStatus` before anything is executed.
BEFORE_SCA = ("RCVD", "PATC")
CANCELLABLE = (*BEFORE_SCA, "PDNG", "ACTC", "ACFC")
OPENING_MINOR = 100_000_000
#: How many PSUs have to authorise; a setting of the book.
AUTHORISERS = "authorisers"


class Lifecycle:
    def __init__(
        self, book: Book, authorisations: Authorisations, timers: Timers, delays: Delays
    ) -> None:
        self._book = book
        self._authorisations = authorisations
        self._timers = timers
        self._delays = delays

    @property
    def authorisers(self) -> int:
        return int(self._book.setting(AUTHORISERS) or 1)

    def open(self, payment: Row, now: datetime) -> None:
        """A payment was received; its debtor's account exists from now on."""
        account, at = payment["debtor_iban"], stamp(now)
        sql = "SELECT * FROM balances WHERE account_id = ?"
        if self._book.row(sql, account) is None:
            lines = [(OPENING, -OPENING_MINOR), (account, OPENING_MINOR)]
            self._book.post(at, "opening", payment["currency"], lines)
        self._book.note(payment["id"], at, payment["status"], "received")
        self._after(payment["id"], "give_up", "psu_acts_within", now)

    def started(self, payment: Row, authorisation: Row, now: datetime) -> None:
        """An authorisation waits for the PSU, who in some tests acts unasked after a while."""
        if authorisation["status"] == "exempted":
            self.authorised(payment, now)
        elif self._delays["psu_acts_after"] > 0:
            self._after(payment["id"], "psu_approves", "psu_acts_after", now)

    def decided(self, authorisation: Row, now: datetime, *, is_approved: bool) -> None:
        """The PSU approved or refused.

        Raises:
            NotPossible: the authorisation is over.
        """
        if authorisation["status"] in FINAL:
            raise NotPossible(f"the authorisation is {authorisation['status']}")
        self._authorisations.become(authorisation, "finalised" if is_approved else "failed")
        self.finalised(self._authorisations.get(authorisation["id"]), now)

    def finalised(self, authorisation: Row, now: datetime) -> None:
        """What follows from an authorisation that is over."""
        payment = self._payment(authorisation["payment_id"])
        is_approved = authorisation["status"] == "finalised"
        if authorisation["kind"] == CANCELLATION:
            if is_approved and payment["status"] in CANCELLABLE:
                self.cancel(payment, now)
            return
        if not is_approved:
            self._reject(payment, now, "the PSU refused")
            return
        done = [each for each in self._authorisations.of(payment, PAYMENT)
                if each["status"] == "finalised"]  # fmt: skip
        if len(done) < self.authorisers:
            self._become(payment, "PATC", now, f"authorised by {len(done)}")
            return
        self.authorised(payment, now)

    def authorised(self, payment: Row, now: datetime) -> None:
        self._timers.stop(payment["id"], "give_up", "psu_approves")
        self._become(payment, "ACTC", now, "authorised")
        self._after(payment["id"], "check", "check_after", now)

    def cancel(self, payment: Row, now: datetime) -> None:
        self._timers.stop(payment["id"])
        for each in self._authorisations.of(payment, PAYMENT):
            if each["status"] not in FINAL:
                self._authorisations.become(each, "failed")
        self._become(payment, "CANC", now, "cancelled")

    def step(self, timer: Timer, at: datetime) -> None:
        """Raises:
        NotPossible: the payment has moved on.
        """
        payment = self._payment(timer.payment_id)
        status = payment["status"]
        match timer.step:
            case "give_up" if status in BEFORE_SCA:
                self._reject(payment, at, "the PSU did not act in time")
            case "check" if status == "ACTC":
                balance = self._book.balance(payment["debtor_iban"], payment["currency"], stamp(at))
                if balance["amount_minor"] < payment["amount_minor"]:
                    self._reject(payment, at, "FUNDS_NOT_AVAILABLE")
                    return
                self._become(payment, "ACFC", at, "funds checked")
                self._after(payment["id"], "settle", "settle_after", at)
            case "settle" if status == "ACFC":
                self._settle(payment, at)
            case "credit" if status == "ACSC":
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
            case "psu_approves" | "psu_refuses":
                waiting = self._authorisations.open_of(payment)
                if waiting is None:
                    raise NotPossible("no authorisation waits for the PSU")
                self.decided(waiting, at, is_approved=what == "psu_approves")
            case "reject" if status in CANCELLABLE:
                self._reject(payment, at, str(param.get("reason", "rejected by the bank")))
            case "review" if status in CANCELLABLE:
                self._timers.stop(payment_id)
                self._become(payment, "PDNG", at, "held for review")
            case "release" if status == "PDNG":
                self.authorised(payment, at)
            case "credit" if status == "ACSC":
                self._become(payment, "ACCC", at, "credited")
            case _:
                raise NotPossible(f"{what} of a payment that is {status}")
        self._book.fired(stamp(at), what, rule, payment)

    def _settle(self, payment: Row, at: datetime) -> None:
        amount = payment["amount_minor"]
        lines = [(payment["debtor_iban"], -amount), (PAID_OUT, amount)]
        self._book.post(stamp(at), "settled", payment["currency"], lines, payment["id"])
        self._become(payment, "ACSC", at, "settled")
        if self._delays["credit_after"] > 0:
            self._after(payment["id"], "credit", "credit_after", at)

    def _reject(self, payment: Row, at: datetime, reason: str) -> None:
        self._timers.stop(payment["id"])
        for each in self._authorisations.of(payment, PAYMENT):
            if each["status"] not in FINAL:
                self._authorisations.become(each, "failed")
        self._book.change("payments", payment["id"], reason=reason)
        self._become(payment, "RJCT", at, reason)

    def _become(self, payment: Row, status: str, at: datetime, what: str) -> None:
        self._book.change("payments", payment["id"], status=status)
        self._book.note(payment["id"], stamp(at), status, what)

    def _after(self, payment_id: str, step: str, delay: str, at: datetime) -> None:
        self._timers.add(payment_id, step, at + timedelta(seconds=self._delays[delay]))

    def _payment(self, payment_id: str) -> Row:
        found = self._book.row("SELECT * FROM payments WHERE id = ?", payment_id)
        if found is None:
            raise NotPossible("there is no such payment")
        return found
