"""Notifications: when one is made, and what fault rules do to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from simulators.currencycloud import notification, wire
from simulators.currencycloud.book import Book, new_id
from simulators.currencycloud.clock import stamp
from simulators.currencycloud.faults import Faults, Rule
from simulators.currencycloud.menu import NOTICE_FAULTS
from simulators.currencycloud.notification import READY, TRANSACTION
from simulators.currencycloud.outbox import Copy, Outbox
from simulators.currencycloud.targets import Targets
from simulators.currencycloud.wire import Json, Row

_LATE_SECONDS = 60.0
_STALE_SECONDS = 3600.0


class Notices:
    def __init__(self, book: Book, faults: Faults, targets: Targets) -> None:
        self._book = book
        self._faults = faults
        self._targets = targets
        self._in_request = False
        self.outbox = Outbox(book, targets)

    def announce(self, payment: Row, at: datetime) -> None:
        """Announce a payment's new status, if they announce that status."""
        if (kind := notification.kind_of(payment)) is not None:
            self._write(kind, payment, notification.of_payment(kind, payment), at)

    def announce_funding(self, transaction: Row, at: datetime) -> None:
        message = notification.message(TRANSACTION, wire.transaction(transaction))
        self._write(TRANSACTION, None, message, at)

    def resend(self, payment_id: str, kind: str, at: datetime) -> None:
        """Resend the last notification of that kind; if there was none, make one of the present."""
        sql = (
            "SELECT * FROM notices WHERE payment_id = ? AND notification_type = ?"
            " ORDER BY seq DESC LIMIT 1"
        )
        last = self._book.row(sql, payment_id, kind)
        payment = self._payment(payment_id)
        content = json.loads(last["content"]) if last else self._content(kind, payment)
        self._write(kind, payment, content, at)

    def order(self, asked: Mapping[str, Any], at: datetime) -> list[int]:
        """Send one notification by hand, now. Returns the numbers of its deliveries.

        `notice` resends that one; `content` is sent word for word; otherwise `payment_id` makes
        one, with `notification_type`, changed fields in `body`, and `fault` with its `param`.

        Raises:
            KeyError, ValueError: there is no such notice, payment, fault or booking.
        """
        if "notice" in asked:
            found = self._book.row("SELECT * FROM notices WHERE seq = ?", asked["notice"])
            if found is None:
                raise ValueError(f"no such notice: {asked['notice']}")
            about = self._payment(found["payment_id"]) if found["payment_id"] else None
            copies = [Copy(json.loads(found["content"]), at)]
            return self.outbox.put(found["notification_type"], about, copies, at)
        if "content" in asked:
            kind = str(asked.get("notification_type", "by_hand"))
            return self.outbox.put(kind, None, [Copy(asked["content"], at)], at)
        payment = self._payment(str(asked["payment_id"]))
        kind = str(asked.get("notification_type") or notification.kind_of(payment) or READY)
        content = self._content(kind, payment)
        content["body"] |= asked.get("body", {})
        rules = []
        if "fault" in asked:
            if asked["fault"] not in NOTICE_FAULTS:
                raise ValueError(f"not one of {', '.join(NOTICE_FAULTS)}: {asked['fault']}")
            rules = [Rule(asked["fault"], param=asked.get("param", {}))]
        return self._write(kind, payment, content, at, rules)

    @contextmanager
    def during_request(self) -> Iterator[None]:
        """Notifications announced in this context may arrive early, before the reply."""
        self._in_request = True
        try:
            yield
        finally:
            self._in_request = False

    # Written

    def _write(
        self,
        kind: str,
        payment: Row | None,
        content: Json,
        at: datetime,
        rules: list[Rule] | None = None,
    ) -> list[int]:
        if not self._targets.all():
            return []
        if rules is None:
            about = {name: str(value) for name, value in (payment or {}).items()}
            rules = self._faults.fitting("NOTIFY", kind, about, "notice")
        genuine, extra, is_wanted = [Copy(content, at)], [], True
        for rule in rules:
            made = self._spoil(rule, genuine, payment)
            if made is None:
                continue
            self._fire(rule, kind, payment, at)
            genuine, more = made
            extra += more
            is_wanted = is_wanted and not rule.param.get("instead")
        if not is_wanted:
            genuine = [replace(copy, state="dropped") for copy in genuine]
        sent = self.outbox.put(kind, payment, [*extra, *genuine], at)
        if payment is not None and genuine[0].state in ("waiting", "early"):
            for held_by, overtaken in self.outbox.overtake(payment, sent, at).items():
                self._log("webhook_reordered", held_by, overtaken, payment, at)
        return sent

    def _spoil(
        self, rule: Rule, genuine: list[Copy], payment: Row | None
    ) -> tuple[list[Copy], list[Copy]] | None:
        """The genuine copies and the additional ones; None if the fault does not apply."""
        first, param = genuine[0], rule.param

        def wait(name: str, seconds: float) -> timedelta:
            return timedelta(seconds=float(param.get(name, seconds)))

        def other(body: Mapping[str, Any]) -> Json:
            return {**first.content, "body": {**first.content["body"], **body}}

        match rule.fault:
            case "webhook_dropped":
                return [replace(copy, state="dropped") for copy in genuine], []
            case "webhook_doubled":
                return [*genuine, replace(first, due=first.due + wait("after_seconds", 0))], []
            case "webhook_delayed":
                later = first.due + wait("seconds", _LATE_SECONDS)
                return [replace(copy, due=later) for copy in genuine], []
            case "webhook_reordered" if payment is not None:
                at_latest = first.due + wait("seconds", _LATE_SECONDS)
                return [replace(first, state="held", due=at_latest, rule=rule.id or None)], []
            case "webhook_early" if self._in_request:
                return [replace(copy, state="early") for copy in genuine], []
            case "webhook_forged":
                return genuine, [replace(first, content=other(param.get("body", {})), forged=True)]
            case "webhook_stale" if any(each.timestamp_header for each in self._targets.all()):
                age = wait("seconds", _STALE_SECONDS)
                return genuine, [replace(first, age_seconds=age.total_seconds())]
            case "webhook_unknown_payment":
                nobody = {"id": new_id(), "unique_request_id": new_id()}
                return genuine, [replace(first, content=other(nobody))]
            case _:
                return None

    def _fire(self, rule: Rule, kind: str, payment: Row | None, at: datetime) -> None:
        if rule.id:
            self._faults.pick(rule)
        # `webhook_reordered` counts as fired only when another notification has overtaken it.
        if rule.fault != "webhook_reordered":
            self._log(rule.fault, rule.id or None, kind, payment, at)

    def _log(
        self, fault: str, rule: int | None, kind: str, payment: Row | None, at: datetime
    ) -> None:
        known = payment or {}
        self._book.fired(
            stamp(at),
            fault,
            rule,
            payment_id=known.get("id"),
            payment_status=known.get("status"),
            unique_request_id=known.get("unique_request_id"),
            request=f"NOTIFY {kind}",
        )

    def _payment(self, payment_id: str) -> dict[str, Any]:
        found = self._book.row("SELECT * FROM payments WHERE id = ?", payment_id)
        if found is None:
            raise ValueError(f"no such payment: {payment_id}")
        return found

    def _content(self, kind: str, payment: Row) -> Json:
        """A message about the payment as it is now, or about its last booking.

        Raises:
            ValueError: the payment has no booking.
        """
        if kind != TRANSACTION:
            return notification.of_payment(kind, payment)
        sql = "SELECT * FROM transactions WHERE related_entity_id = ? ORDER BY seq DESC LIMIT 1"
        found = self._book.row(sql, payment["id"])
        if found is None:
            raise ValueError(f"nothing was booked for {payment['id']}")
        return notification.message(TRANSACTION, wire.transaction(found))
