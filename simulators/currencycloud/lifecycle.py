"""What becomes of a payment, as a function of the simulator's clock.

ready_to_send -> released -> submitted -> completed, with money moved at release; `failed` may
come after each of them, `suspended` and `deleted` only before release.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from simulators.currencycloud.amounts import to_minor
from simulators.currencycloud.book import FEES, OUTGOING, PAID_OUT, Book, new_id
from simulators.currencycloud.clock import moment, stamp
from simulators.currencycloud.delays import Delays

UNRELEASED = ("ready_to_send", "suspended")
DEFAULT_FEE_MINOR = 250

#: What may befall a payment, by a rule or by the control endpoint.
FATES = (
    "fail_after_completed",
    "fail_before_release",
    "suspend",
    "resume",
    "unrelease",
    "delete_by_hand",
    "change_amount_by_hand",
)

# These wait for their stage; the others happen so many seconds after they were decided.
_BEFORE_RELEASE = ("fail_before_release", "suspend")


class NotPossible(Exception):
    """What was asked for cannot befall a payment in that status."""


class Lifecycle:
    def __init__(self, book: Book) -> None:
        self._book = book
        self.delays = Delays.of(book)

    def change_delays(self, seconds: Mapping[str, float]) -> None:
        """For payments that come to that stage from now on.

        Raises:
            TypeError: there is no such delay.
        """
        self.delays = replace(self.delays, **seconds)
        self.delays.keep(self._book)

    def begin(self, payment: Mapping[str, Any], now: datetime) -> None:
        """Start the clockwork of a payment that was just written."""
        review = now + timedelta(seconds=self.delays.review_after)
        self._timer(payment["id"], "review", review)
        self.schedule_release(payment, now)

    def schedule_release(self, payment: Mapping[str, Any], now: datetime) -> None:
        """Not before its review, nor before its payment date, where day begins at 00:00 UTC."""
        sql = "DELETE FROM timers WHERE payment_id = ? AND step = 'release'"
        self._book.run(sql, payment["id"])
        wait = timedelta(seconds=max(self.delays.release_after, self.delays.review_after))
        day = datetime.fromisoformat(payment["payment_date"]).replace(tzinfo=UTC)
        self._timer(payment["id"], "release", max(now + wait, day))

    def befall(
        self, payment_id: str, fate: str, param: Mapping[str, Any], rule: int | None, now: datetime
    ) -> None:
        """Decide that this will happen to the payment; without a rule: now, whatever its stage.

        Raises:
            NotPossible: asked for now, and the payment is past it.
        """
        seconds = float(param.get("after_seconds", 0))
        if rule is None:
            self._do(fate, self._payment(payment_id), now, rule, param, now=True)
        elif fate in _BEFORE_RELEASE:
            self._timer(payment_id, fate, None, rule, param)
        elif fate == "fail_after_completed":
            completed = self._payment(payment_id)["status"] == "completed"
            due = now + timedelta(seconds=seconds) if completed else None
            self._timer(payment_id, fate, due, rule, param)
        else:
            self._timer(payment_id, fate, now + timedelta(seconds=seconds), rule, param)

    def progress(self, now: datetime) -> None:
        """Let everything happen that was due by now, each at its own time and in its order."""
        sql = (
            "SELECT * FROM timers WHERE waits_for_funds = 0 AND due_at <= ?"
            " ORDER BY due_at, seq LIMIT 1"
        )
        while (timer := self._book.row(sql, stamp(now))) is not None:
            self._book.run("DELETE FROM timers WHERE seq = ?", timer["seq"])
            payment = self._payment(timer["payment_id"])
            at, param = moment(timer["due_at"]), json.loads(timer["param"])
            try:
                self._do(timer["step"], payment, at, timer["rule"], param)
            except NotPossible:
                # Too late for it, as for the hand that clicks on "delete" after the release.
                continue

    def delete(self, payment: Mapping[str, Any], at: datetime, what: str) -> None:
        """Raises NotPossible: it is not there to be deleted, or on its way."""
        if payment["status"] not in UNRELEASED:
            raise NotPossible("delete")
        self._stop(payment)
        self._become(payment, "deleted", at, what)

    # Steps

    def _do(
        self,
        step: str,
        payment: Mapping[str, Any],
        at: datetime,
        rule: int | None,
        param: Mapping[str, Any],
        *,
        now: bool = False,
    ) -> None:
        match step:
            case "review":
                self._book.change("payments", payment["id"], review_status="passed")
                return
            case "release":
                self._release(payment, at)
                return
            case "submit":
                self._submit(payment, at)
                return
            case "complete":
                self._complete(payment, at)
                return
            case "fail_after_completed":
                self._fail_after_release(payment, at, param, now=now)
            case "fail_before_release":
                self._fail_before_release(payment, at, param)
            case "suspend":
                self._suspend(payment, at, param)
            case "resume":
                self._resume(payment, at)
                if not now:
                    return
            case "unrelease":
                self._unrelease(payment, at)
            case "delete_by_hand":
                self.delete(payment, at, "deleted by hand")
            case "change_amount_by_hand":
                self._change_amount(payment, at, param)
            case _:
                raise NotPossible(step)
        self._book.fired(
            stamp(at),
            step,
            rule,
            payment_id=payment["id"],
            payment_status=payment["status"],
            unique_request_id=payment["unique_request_id"],
        )

    def _release(self, payment: Mapping[str, Any], at: datetime) -> None:
        if payment["status"] != "ready_to_send":
            raise NotPossible("release")
        fate = self._book.row(
            "SELECT * FROM timers WHERE payment_id = ? AND due_at IS NULL AND step IN (?, ?)"
            " ORDER BY seq LIMIT 1",
            payment["id"],
            *_BEFORE_RELEASE,
        )
        if fate is not None:
            self._book.run("DELETE FROM timers WHERE seq = ?", fate["seq"])
            self._do(fate["step"], payment, at, fate["rule"], json.loads(fate["param"]))
            return
        currency, amount = payment["currency"], payment["amount_minor"]
        balance = self._book.balance(payment["account_id"], currency, stamp(at))
        if balance["amount_minor"] < amount:
            timer = self._timer(payment["id"], "release", at)
            self._book.run("UPDATE timers SET waits_for_funds = 1 WHERE seq = ?", timer)
            return
        lines = [(payment["account_id"], -amount), (OUTGOING, amount)]
        self._post(payment, at, "release", lines)
        self._transaction(payment, at, "payment", "debit", amount, "pending")
        self._become(payment, "released", at, "released")
        self._timer(payment["id"], "submit", at + timedelta(seconds=self.delays.submit_after))

    def _submit(self, payment: Mapping[str, Any], at: datetime) -> None:
        if payment["status"] != "released":
            raise NotPossible("submit")
        self._settle_debit(payment, at)
        self._become(payment, "submitted", at, "submitted", transferred_at=stamp(at))
        self._timer(payment["id"], "complete", at + timedelta(seconds=self.delays.complete_after))

    def _complete(self, payment: Mapping[str, Any], at: datetime) -> None:
        if payment["status"] != "submitted":
            raise NotPossible("complete")
        amount = payment["amount_minor"]
        self._post(payment, at, "complete", [(OUTGOING, -amount), (PAID_OUT, amount)])
        self._become(payment, "completed", at, "completed")
        fate = self._book.row(
            "SELECT * FROM timers WHERE payment_id = ? AND step = 'fail_after_completed'"
            " AND due_at IS NULL",
            payment["id"],
        )
        if fate is not None:
            seconds = float(json.loads(fate["param"]).get("after_seconds", 0))
            due = stamp(at + timedelta(seconds=seconds))
            self._book.run("UPDATE timers SET due_at = ? WHERE seq = ?", due, fate["seq"])

    def _fail_after_release(
        self, payment: Mapping[str, Any], at: datetime, param: Mapping[str, Any], *, now: bool
    ) -> None:
        """Back comes the amount less a fee, from wherever it is; by rule only once completed."""
        allowed = ("released", "submitted", "completed") if now else ("completed",)
        if payment["status"] not in allowed:
            raise NotPossible("fail_after_completed")
        amount = payment["amount_minor"]
        fee = min(_minor(param, "fee", payment["currency"], DEFAULT_FEE_MINOR), amount)
        where = PAID_OUT if payment["status"] == "completed" else OUTGOING
        lines = [(where, -amount), (payment["account_id"], amount - fee)]
        self._post(payment, at, "payment_failure", [*lines, (FEES, fee)] if fee else lines)
        self._settle_debit(payment, at)
        self._transaction(payment, at, "payment_failure", "credit", amount - fee, "completed")
        self._stop(payment)
        reason = str(param.get("reason", "Beneficiary account closed"))
        self._become(
            payment,
            "failed",
            at,
            "failed, returned",
            failure_reason=reason,
            returned_minor=amount - fee,
        )

    def _fail_before_release(
        self, payment: Mapping[str, Any], at: datetime, param: Mapping[str, Any]
    ) -> None:
        if payment["status"] not in UNRELEASED:
            raise NotPossible("fail_before_release")
        self._stop(payment)
        reason = str(param.get("reason", "Compliance review"))
        self._become(
            payment,
            "failed",
            at,
            "failed, not released",
            failure_reason=reason,
            review_status=str(param.get("review_status", "rejected")),
        )

    def _suspend(self, payment: Mapping[str, Any], at: datetime, param: Mapping[str, Any]) -> None:
        if payment["status"] != "ready_to_send":
            raise NotPossible("suspend")
        self._book.run(
            "DELETE FROM timers WHERE payment_id = ? AND step = 'release'", payment["id"]
        )
        self._become(payment, "suspended", at, "suspended")
        if "resume_after_seconds" in param:
            wait = timedelta(seconds=float(param["resume_after_seconds"]))
            self._timer(payment["id"], "resume", at + wait)

    def _resume(self, payment: Mapping[str, Any], at: datetime) -> None:
        if payment["status"] != "suspended":
            raise NotPossible("resume")
        self._become(payment, "ready_to_send", at, "resumed")
        self.schedule_release(payment, at)

    def _unrelease(self, payment: Mapping[str, Any], at: datetime) -> None:
        """Released money called back for review: the one real step backwards."""
        if payment["status"] not in ("released", "submitted"):
            raise NotPossible("unrelease")
        amount = payment["amount_minor"]
        lines = [(OUTGOING, -amount), (payment["account_id"], amount)]
        self._post(payment, at, "payment_unrelease", lines)
        self._settle_debit(payment, at)
        self._transaction(payment, at, "payment_unrelease", "credit", amount, "completed")
        self._book.run(
            "DELETE FROM timers WHERE payment_id = ? AND step IN ('submit', 'complete')",
            payment["id"],
        )
        self._become(payment, "suspended", at, "unreleased", transferred_at=None)

    def _change_amount(
        self, payment: Mapping[str, Any], at: datetime, param: Mapping[str, Any]
    ) -> None:
        if payment["status"] not in UNRELEASED:
            raise NotPossible("change_amount_by_hand")
        changed = _minor(param, "amount", payment["currency"], payment["amount_minor"] + 100)
        self._become(payment, payment["status"], at, "amount changed", amount_minor=changed)

    # Rows

    def _payment(self, payment_id: str) -> dict[str, Any]:
        found = self._book.row("SELECT * FROM payments WHERE id = ?", payment_id)
        if found is None:
            raise NotPossible("no such payment")
        return found

    def _timer(
        self,
        payment_id: str,
        step: str,
        due: datetime | None,
        rule: int | None = None,
        param: Mapping[str, Any] | None = None,
    ) -> int:
        return self._book.insert(
            "timers",
            payment_id=payment_id,
            step=step,
            due_at=None if due is None else stamp(due),
            rule=rule,
            param=json.dumps(dict(param or {})),
        )

    def _stop(self, payment: Mapping[str, Any]) -> None:
        self._book.run("DELETE FROM timers WHERE payment_id = ?", payment["id"])

    def _become(
        self, payment: Mapping[str, Any], status: str, at: datetime, what: str, **also: Any
    ) -> None:
        when = stamp(at)
        self._book.change("payments", payment["id"], status=status, updated_at=when, **also)
        self._book.note(payment["id"], when, status, what)

    def _post(
        self, payment: Mapping[str, Any], at: datetime, what: str, lines: list[tuple[str, int]]
    ) -> None:
        self._book.post(stamp(at), what, payment["currency"], lines, payment["id"])

    def _transaction(
        self,
        payment: Mapping[str, Any],
        at: datetime,
        action: str,
        kind: str,
        amount_minor: int,
        status: str,
    ) -> None:
        """After its posting: a completed one carries the balance it left behind."""
        when = stamp(at)
        balance = self._book.balance(payment["account_id"], payment["currency"], when)
        done = status == "completed"
        self._book.insert(
            "transactions",
            id=new_id(),
            balance_id=balance["id"],
            account_id=payment["account_id"],
            currency=payment["currency"],
            amount_minor=amount_minor,
            balance_minor=balance["amount_minor"] if done else None,
            type=kind,
            action=action,
            related_entity_type="payment",
            related_entity_id=payment["id"],
            short_reference=payment["short_reference"],
            status=status,
            reason=payment["reason"],
            settles_at=when,
            created_at=when,
            updated_at=when,
            completed_at=when if done else None,
        )

    def _settle_debit(self, payment: Mapping[str, Any], at: datetime) -> None:
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


def _minor(param: Mapping[str, Any], name: str, currency: str, default: int) -> int:
    """Raises NotPossible: the parameter is no amount in that currency."""
    try:
        return to_minor(str(param[name]), currency) if name in param else default
    except ValueError as error:
        raise NotPossible(f"{name}: {error}") from None
