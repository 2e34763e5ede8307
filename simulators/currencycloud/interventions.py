"""Departures from a payment's usual course, by a rule of the fault menu or the control endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from simulators.currencycloud.amounts import to_minor
from simulators.currencycloud.approvals import Approvals
from simulators.currencycloud.book import FEES, OUTGOING, PAID_OUT
from simulators.currencycloud.entries import UNRELEASED, Entries, Payment
from simulators.kit.timers import NotPossible, Timers

DEFAULT_FEE_MINOR = 250

#: Interventions that wait for a stage of the payment. Others happen `after_seconds` after the
#: rule was picked.
BEFORE_RELEASE = ("fail_before_release", "suspend")
AFTER_RELEASE = "unrelease"
AFTER_COMPLETION = "fail_after_completed"
AFTER_THE_END = "revive"

Param = Mapping[str, Any]


class Interventions:
    """The interventions. Each raises NotPossible if the payment is in another stage."""

    def __init__(
        self,
        entries: Entries,
        timers: Timers,
        approvals: Approvals,
        ready: Callable[[Payment, datetime, str], None],
        authorised: Callable[[Payment, datetime, str], None],
    ) -> None:
        """`ready` and `authorised` move a payment to that stage and schedule the next one."""
        self._entries = entries
        self._timers = timers
        self._approvals = approvals
        self._ready = ready
        self._authorised = authorised
        self._all: Mapping[str, Callable[[Payment, datetime, Param, bool], None]] = {
            "fail_after_completed": self._fail_after_release,
            "fail_before_release": self._fail_before_release,
            "suspend": self._suspend,
            "resume": self._resume,
            "unrelease": self._unrelease,
            "delete_by_hand": self._delete_by_hand,
            "change_amount_by_hand": self._change_amount,
            "authorise_by_hand": self._authorise,
            "revive": self._revive,
        }

    def apply(
        self,
        intervention: str,
        payment: Payment,
        at: datetime,
        rule: int | None,
        param: Param,
        *,
        by_hand: bool,
    ) -> None:
        """Apply an intervention now. By hand, some are possible in more stages than by a rule.

        Raises:
            NotPossible: not for this payment in its present stage.
        """
        if intervention not in self._all:
            raise NotPossible(intervention)
        self._all[intervention](payment, at, param, by_hand)
        # A payment that a rule suspended resumes by itself, which is not another fault.
        if by_hand or rule is not None or intervention != "resume":
            self._entries.log(payment, at, intervention, rule)

    def delete(self, payment: Payment, at: datetime, what: str) -> None:
        """Delete a payment.

        Raises:
            NotPossible: it is released or has ended.
        """
        if payment["status"] not in UNRELEASED:
            raise NotPossible("delete")
        self._end(payment, at)
        self._entries.become(payment, "deleted", at, what)

    def _fail_after_release(
        self, payment: Payment, at: datetime, param: Param, by_hand: bool
    ) -> None:
        """Return the amount less a fee, from wherever it is; by a rule only after completion."""
        allowed = ("released", "submitted", "completed") if by_hand else ("completed",)
        if payment["status"] not in allowed:
            raise NotPossible("fail_after_completed")
        amount = payment["amount_minor"]
        fee = min(_minor(param, "fee", payment["currency"], DEFAULT_FEE_MINOR), amount)
        where = PAID_OUT if payment["status"] == "completed" else OUTGOING
        lines = [(where, -amount), (payment["account_id"], amount - fee)]
        entries = self._entries
        entries.post(payment, at, "payment_failure", [*lines, (FEES, fee)] if fee else lines)
        entries.settle_debit(payment, at)
        entries.transact(payment, at, "payment_failure", "credit", amount - fee, "completed")
        self._timers.stop(payment["id"])
        entries.become(
            payment,
            "failed",
            at,
            "failed, returned",
            failure_reason=str(param.get("reason", "Beneficiary account closed")),
            returned_minor=amount - fee,
        )

    def _fail_before_release(
        self, payment: Payment, at: datetime, param: Param, by_hand: bool
    ) -> None:
        if payment["status"] not in UNRELEASED:
            raise NotPossible("fail_before_release")
        self._end(payment, at)
        self._entries.become(
            payment,
            "failed",
            at,
            "failed, not released",
            failure_reason=str(param.get("reason", "Compliance review")),
            review_status=str(param.get("review_status", "rejected")),
        )

    def _suspend(self, payment: Payment, at: datetime, param: Param, by_hand: bool) -> None:
        if payment["status"] != "ready_to_send":
            raise NotPossible("suspend")
        self._timers.stop(payment["id"], "release")
        self._entries.become(payment, "suspended", at, "suspended")
        self._resume_later(payment, at, param)

    def _resume_later(self, payment: Payment, at: datetime, param: Param) -> None:
        if "resume_after_seconds" in param:
            wait = timedelta(seconds=float(param["resume_after_seconds"]))
            self._timers.add(payment["id"], "resume", at + wait)

    def _resume(self, payment: Payment, at: datetime, param: Param, by_hand: bool) -> None:
        if payment["status"] != "suspended":
            raise NotPossible("resume")
        self._ready(payment, at, "resumed")

    def _unrelease(self, payment: Payment, at: datetime, param: Param, by_hand: bool) -> None:
        """Call released money back for review: the only real step backwards."""
        if payment["status"] not in ("released", "submitted"):
            raise NotPossible("unrelease")
        amount, entries = payment["amount_minor"], self._entries
        lines = [(OUTGOING, -amount), (payment["account_id"], amount)]
        entries.post(payment, at, "payment_unrelease", lines)
        entries.settle_debit(payment, at)
        entries.transact(payment, at, "payment_unrelease", "credit", amount, "completed")
        self._timers.stop(payment["id"], "submit", "complete")
        entries.become(payment, "suspended", at, "unreleased", transferred_at=None)
        self._resume_later(payment, at, param)

    def _delete_by_hand(self, payment: Payment, at: datetime, param: Param, by_hand: bool) -> None:
        self.delete(payment, at, "deleted by hand")

    def _change_amount(self, payment: Payment, at: datetime, param: Param, by_hand: bool) -> None:
        if payment["status"] not in UNRELEASED:
            raise NotPossible("change_amount_by_hand")
        changed = _minor(param, "amount", payment["currency"], payment["amount_minor"] + 100)
        status = payment["status"]
        self._entries.become(payment, status, at, "amount changed", amount_minor=changed)

    def _authorise(self, payment: Payment, at: datetime, param: Param, by_hand: bool) -> None:
        """Record all missing authorisations."""
        if payment["status"] != "awaiting_authorisation":
            raise NotPossible("authorise_by_hand")
        self._approvals.complete(payment, at)
        self._authorised(payment, at, "authorised by hand")

    def _revive(self, payment: Payment, at: datetime, param: Param, by_hand: bool) -> None:
        """Let a payment go on that had failed without a return or was deleted."""
        if payment["status"] not in ("failed", "deleted") or self._entries.was_returned(payment):
            raise NotPossible("revive")
        self._entries.change(payment, failure_reason="", review_status="passed")
        self._ready(payment, at, "revived")

    def _end(self, payment: Payment, at: datetime) -> None:
        """Stop all further steps, except an intervention that a rule has ordered for the end."""
        later = self._timers.take_waiting(payment["id"], AFTER_THE_END)
        self._timers.stop(payment["id"])
        if later is not None:
            due = at + timedelta(seconds=float(later.param.get("after_seconds", 0)))
            self._timers.add(payment["id"], later.step, due, later.rule, later.param)


def _minor(param: Param, name: str, currency: str, default: int) -> int:
    """The parameter in minor units, or the default.

    Raises:
        NotPossible: the parameter is not an amount in that currency.
    """
    try:
        return to_minor(str(param[name]), currency) if name in param else default
    except ValueError as error:
        raise NotPossible(f"{name}: {error}") from None
