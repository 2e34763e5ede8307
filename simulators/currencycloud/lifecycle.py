"""The stages of a payment, driven by the simulator's clock.

new -> awaiting_authorisation -> authorised -> ready_to_send -> released -> submitted ->
completed. The first three occur only if settings ask for them. Money leaves the account at release.
Departures from this course are in `interventions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from simulators.currencycloud.approvals import Approvals
from simulators.currencycloud.book import OUTGOING, PAID_OUT, Book
from simulators.currencycloud.entries import Entries, Payment
from simulators.currencycloud.interventions import (
    AFTER_COMPLETION,
    AFTER_RELEASE,
    AFTER_THE_END,
    BEFORE_RELEASE,
    Interventions,
)
from simulators.currencycloud.notices import Notices
from simulators.kit.clock import stamp
from simulators.kit.delays import Delays
from simulators.kit.timers import NotPossible, Timer, Timers

#: Seconds from one stage to the next in a new book.
DELAYS = {
    # How long a payment is `new`.
    "accept_after": 0.0,
    # How long it is `authorised`.
    "queue_after": 0.0,
    "review_after": 0.1,
    "release_after": 0.3,
    "submit_after": 0.3,
    "complete_after": 0.3,
    # How much longer than a priority payment a regular one takes to complete.
    "regular_after": 0.0,
}


class Lifecycle:
    def __init__(
        self,
        book: Book,
        notices: Notices,
        approvals: Approvals,
        timers: Timers,
        delays: Delays,
    ) -> None:
        self._book = book
        self._entries = Entries(book, notices)
        self._timers = timers
        self._delays = delays
        self._interventions = Interventions(
            self._entries, self._timers, approvals, self._ready, self.authorised
        )
        self._stages = {
            "accept": self._accept,
            "queue": self._queue,
            "review": self._review,
            "release": self._release,
            "submit": self._submit,
            "complete": self._complete,
        }

    def begin(self, payment: Payment, now: datetime) -> None:
        """Schedule the first steps of a payment that was just written as `new`."""
        self._timers.add(payment["id"], "review", self._after(now, self._delays["review_after"]))
        if self._delays["accept_after"] > 0:
            self._book.note(payment["id"], payment["created_at"], "new", "created")
            self._timers.add(
                payment["id"], "accept", self._after(now, self._delays["accept_after"])
            )
        else:
            self._enter(payment, now, "created")

    def authorised(self, payment: Payment, now: datetime, what: str = "authorised") -> None:
        """Move a payment on after its last authorisation."""
        self._entries.become(payment, "authorised", now, what)
        self._timers.add(payment["id"], "queue", self._after(now, self._delays["queue_after"]))

    def schedule_release(self, payment: Payment, now: datetime) -> None:
        """Schedule the release: not before the review, nor before 00:00 UTC of the payment date."""
        self._timers.stop(payment["id"], "release")
        wait = max(self._delays["release_after"], self._delays["review_after"])
        day = datetime.fromisoformat(payment["payment_date"]).replace(tzinfo=UTC)
        self._timers.add(payment["id"], "release", max(self._after(now, wait), day))

    def apply(
        self,
        payment_id: str,
        intervention: str,
        param: Mapping[str, Any],
        rule: int | None,
        now: datetime,
    ) -> None:
        """Schedule an intervention by a rule, or without a rule apply it now.

        Raises:
            NotPossible: there is no such payment, or the intervention is not possible now.
        """
        payment = self._entries.payment(payment_id)
        due: datetime | None = self._after(now, float(param.get("after_seconds", 0)))
        if rule is None:
            self._interventions.apply(intervention, payment, now, rule, param, by_hand=True)
            return
        status = payment["status"]
        is_there = {
            AFTER_RELEASE: status == "released",
            AFTER_COMPLETION: status == "completed",
            AFTER_THE_END: status in ("failed", "deleted"),
        }
        if intervention in BEFORE_RELEASE or not is_there.get(intervention, True):
            due = None
        self._timers.add(payment_id, intervention, due, rule, param)

    def step(self, timer: Timer, at: datetime) -> None:
        """Execute a stage or an intervention that is due.

        Raises:
            NotPossible: it comes too late, like a person's "delete" after the release.
        """
        payment = self._entries.payment(timer.payment_id)
        if timer.step in self._stages:
            self._stages[timer.step](payment, at)
        else:
            intervention = (timer.step, payment, at, timer.rule, timer.param)
            self._interventions.apply(*intervention, by_hand=False)

    def delete(self, payment: Payment, at: datetime, what: str) -> None:
        """Delete a payment.

        Raises:
            NotPossible: it is released or has ended.
        """
        self._interventions.delete(payment, at, what)

    # Stages

    def _accept(self, payment: Payment, at: datetime) -> None:
        if payment["status"] != "new":
            raise NotPossible("accept")
        self._enter(payment, at, "accepted")

    def _enter(self, payment: Payment, at: datetime, what: str) -> None:
        """Move to the first status after `new`, which depends on required authorisations."""
        if payment["steps_required"]:
            self._entries.become(payment, "awaiting_authorisation", at, what)
        else:
            self._ready(payment, at, what)

    def _queue(self, payment: Payment, at: datetime) -> None:
        if payment["status"] != "authorised":
            raise NotPossible("queue")
        self._ready(payment, at, "queued")

    def _ready(self, payment: Payment, at: datetime, what: str) -> None:
        self._entries.become(payment, "ready_to_send", at, what)
        self.schedule_release(payment, at)

    def _review(self, payment: Payment, at: datetime) -> None:
        self._entries.change(payment, review_status="passed")

    def _release(self, payment: Payment, at: datetime) -> None:
        if payment["status"] != "ready_to_send":
            raise NotPossible("release")
        intervention = self._timers.take_waiting(payment["id"], *BEFORE_RELEASE)
        if intervention is not None:
            self._interventions.apply(
                intervention.step, payment, at, intervention.rule, intervention.param, by_hand=False
            )
            return
        if not self._entries.covered(payment, at):
            self._timers.wait_for_funds(payment["id"], "release", at)
            return
        amount = payment["amount_minor"]
        lines = [(payment["account_id"], -amount), (OUTGOING, amount)]
        self._entries.post(payment, at, "release", lines)
        self._entries.transact(payment, at, "payment", "debit", amount, "pending")
        self._entries.become(payment, "released", at, "released")
        self._wake(payment, AFTER_RELEASE, at)
        self._timers.add(payment["id"], "submit", self._after(at, self._delays["submit_after"]))

    def _submit(self, payment: Payment, at: datetime) -> None:
        if payment["status"] != "released":
            raise NotPossible("submit")
        self._entries.settle_debit(payment, at)
        self._entries.become(payment, "submitted", at, "submitted", transferred_at=stamp(at))
        wait = self._delays["complete_after"]
        if payment["payment_type"] == "regular":
            wait += self._delays["regular_after"]
        self._timers.add(payment["id"], "complete", self._after(at, wait))

    def _complete(self, payment: Payment, at: datetime) -> None:
        if payment["status"] != "submitted":
            raise NotPossible("complete")
        amount = payment["amount_minor"]
        self._entries.post(payment, at, "complete", [(OUTGOING, -amount), (PAID_OUT, amount)])
        self._entries.become(payment, "completed", at, "completed")
        self._wake(payment, AFTER_COMPLETION, at)

    def _wake(self, payment: Payment, intervention: str, at: datetime) -> None:
        """Schedule an intervention that waited for this stage."""
        waiting = self._timers.take_waiting(payment["id"], intervention)
        if waiting is not None:
            due = self._after(at, float(waiting.param.get("after_seconds", 0)))
            self._timers.add(payment["id"], intervention, due, waiting.rule, waiting.param)

    def _after(self, at: datetime, seconds: float) -> datetime:
        return at + timedelta(seconds=seconds)
