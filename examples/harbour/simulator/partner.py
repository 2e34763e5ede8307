"""The bank's endpoints, and what each of them does.

received -> sent (debited) -> booked. An order can be cancelled until it is sent. People at the bank
may decline an order that is not sent yet; a booked one may be returned.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from examples.harbour.simulator.book import CUSTOMER, FUNDING, PAID_OUT, Book
from examples.harbour.simulator.notices import Notices, Target
from examples.harbour.simulator.sessions import Sessions
from simulators.kit import partner as kit
from simulators.kit.book import new_id
from simulators.kit.clock import moment, stamp
from simulators.kit.partner import Call
from simulators.kit.replies import Json, Refusal, Reply, Row
from simulators.kit.timers import NotPossible, Timer

PAGE = 100
_FIELDS = {"reference": str, "account": str, "name": str, "amount_minor": int, "currency": str}
#: What happens to an order at each step or intervention: from which status, to which.
_STEPS = {
    "send": ("received", "sent"),
    "book": ("sent", "booked"),
    "decline": ("received", "declined"),
    "return": ("booked", "returned"),
}
_WORDS = {
    "internal_error": 500,
    "unauthorised": 401,
    "rate_limited": 429,
    "service_unavailable": 503,
    "duplicate_word": 409,
}


class Partner(kit.Partner):
    endpoints = (
        ("POST", "/token", "log_in"),
        ("POST", "/orders", "pay"),
        ("GET", "/orders", "find"),
        ("GET", "/orders/{id}", "read"),
        ("POST", "/orders/{id}/cancel", "cancel"),
    )
    interventions = ("decline", "return")
    usual_delays: ClassVar[Mapping[str, float]] = {"send_after": 0.5, "book_after": 0.5}
    key = "idempotency-key"

    def __init__(self, file: Path, funds_minor: int = 100_000_000) -> None:
        book = Book(file)
        super().__init__(book, Notices, Target)
        self.sessions = Sessions(book)
        now = stamp(self.clock.now())
        with self.book.transaction():
            if not self.book.rows("SELECT * FROM balances"):
                lines = [(FUNDING, -funds_minor), (CUSTOMER, funds_minor)]
                self.book.post(now, "funding", "EUR", lines)

    def authenticate(self, call: Call, now: datetime) -> None:
        if call.endpoint != "log_in":
            self.sessions.use(call.token, now)

    def end_session(self, token: str | None) -> None:
        self.sessions.end(token)

    # What they ask

    def do(self, call: Call, person: None, now: datetime) -> Json:
        match call.endpoint:
            case "log_in":
                return self.sessions.log_in(call.fields, now)
            case "pay":
                return _shown(self._pay(call, now))
            case "find":
                return self._find(call)
            case "read":
                return _shown(self._order(call.object_id))
            case _:
                return _shown(self._cancel(self._order(call.object_id), now))

    def subject(self, call: Call) -> Row | None:
        if call.object_id:
            return self.book.row("SELECT * FROM payments WHERE id = ?", call.object_id)
        key = call.headers.get(self.key) or call.fields.get("key", "")
        return self.book.row("SELECT * FROM payments WHERE unique_request_id = ?", key)

    def words(self, fault: str, param: Mapping[str, Any]) -> Reply:
        status = _WORDS.get(fault) or int(param.get("status", 400))
        return _refusal(status, str(param.get("error", fault))).reply()

    def another(self, reply: Reply, person: None) -> Json | None:
        found = [each["id"] for each in reply.body.get("orders", [])]
        rows = self.book.rows("SELECT * FROM payments ORDER BY seq DESC")
        return next((_shown(row) for row in rows if row["id"] not in found), None)

    def found_only(self, reply: Reply, another: Json | None) -> Reply | None:
        if another is None and not reply.body.get("orders"):
            return None
        return Reply(200, {"orders": [another] if another else [], "more": False})

    def _pay(self, call: Call, now: datetime) -> Row:
        key = call.headers.get(self.key, "")
        wanted = {name: call.fields.get(name) for name in _FIELDS}
        if not key or any(not isinstance(wanted[name], _FIELDS[name]) for name in _FIELDS):
            raise _refusal(400, "malformed")
        if (known := self.subject(call)) is not None:
            if any(known[name] != wanted[name] for name in _FIELDS):
                raise _refusal(409, "key_reused")
            return known
        balance = self.book.balance(CUSTOMER, call.fields["currency"], stamp(now))
        if balance["amount_minor"] < call.fields["amount_minor"]:
            raise _refusal(400, "insufficient_funds")
        order_id = new_id()
        self.book.insert("payments", id=order_id, unique_request_id=key, status="received",
                         created_at=stamp(now), **wanted)  # fmt: skip
        self._after(order_id, "send", now)
        self.notices.announce(self._order(order_id), now)
        return self._order(order_id)

    def _find(self, call: Call) -> Json:
        """By `key`, or all since a moment, the oldest first."""
        what, value = "unique_request_id = ?", call.fields.get("key", "")
        if "since" in call.fields:
            what, value = "created_at >= ?", stamp(moment(call.fields["since"]))
        sql = f"SELECT * FROM payments WHERE {what} ORDER BY seq LIMIT ?"
        rows = self.book.rows(sql, value, PAGE + 1)
        return {"orders": [_shown(row) for row in rows[:PAGE]], "more": len(rows) > PAGE}

    def _cancel(self, order: Row, now: datetime) -> Row:
        if order["status"] not in ("received", "cancelled"):
            raise _refusal(409, "too_late")
        if order["status"] == "received":
            self.timers.stop(order["id"])
            self._become(order, "cancelled", now)
        return self._order(order["id"])

    # What happens to orders

    def step(self, timer: Timer, at: datetime) -> None:
        self._happen(self.notices.about(timer.payment_id), timer.step, at)

    def apply(
        self, object_id: str, intervention: str, param: Mapping[str, Any], rule: int | None,
        now: datetime,
    ) -> None:  # fmt: skip
        if rule is None:
            self._happen(self.notices.about(object_id), intervention, now)
        else:  # Once the order gets there.
            due = now if intervention == "decline" else None
            self.timers.add(object_id, intervention, due, rule)

    def _happen(self, order: Row, step: str, at: datetime) -> None:
        before, after = _STEPS[step]
        if order["status"] != before:
            raise NotPossible(f"{step} of an order that is {order['status']}")
        moved, lines = {}, (CUSTOMER, PAID_OUT)
        match after:
            case "sent":
                moved["debited_at"] = stamp(at)
                self._after(order["id"], "book", at)
            case "returned":
                moved["returned_at"], lines = stamp(at), (PAID_OUT, CUSTOMER)
            case "declined":
                self.timers.stop(order["id"])
        if moved:
            amount = order["amount_minor"]
            entry = [(lines[0], -amount), (lines[1], amount)]
            self.book.post(stamp(at), step, order["currency"], entry, order["id"])
        self._become(order, after, at, **moved)
        if after == "booked" and self.timers.take_waiting(order["id"], "return"):
            self._happen(self._order(order["id"]), "return", at)

    def _become(self, order: Row, status: str, at: datetime, **also: str) -> None:
        self.book.change("payments", order["id"], status=status, **also)
        self.book.note(order["id"], stamp(at), status, status)
        self.notices.announce(self._order(order["id"]), at)

    def _after(self, order_id: str, step: str, at: datetime) -> None:
        seconds = self.delays[f"{step}_after"]
        self.timers.add(order_id, step, at + timedelta(seconds=seconds))

    def _order(self, order_id: str) -> Row:
        found = self.book.row("SELECT * FROM payments WHERE id = ?", order_id)
        if found is None:
            raise _refusal(404, "no_such_order")
        return found


def _shown(order: Row) -> Json:
    names = {"id", "status", *_FIELDS, "created_at", "debited_at", "returned_at"}
    return {"key": order["unique_request_id"], **{name: order[name] for name in names}}


def _refusal(status: int, error: str) -> Refusal:
    return Refusal(status, {"error": error})
