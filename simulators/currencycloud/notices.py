"""Notifications: when they are made, what becomes of them, and the outbox they wait in."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from simulators.currencycloud import wire
from simulators.currencycloud.amounts import to_wire
from simulators.currencycloud.book import Book, new_id
from simulators.currencycloud.clock import moment, stamp
from simulators.currencycloud.faults import Faults, Rule
from simulators.currencycloud.targets import Target, Targets
from simulators.currencycloud.wire import Json, Row

READY = "payment_ready_to_send_notification"
RELEASED = "payment_released_notification"
FAILED = "payment_failed_notification"
COMPLIANCE_FAILED = "payment_compliance_failed_notification"
TRANSACTION = "cash_manager_transaction_notification"
#: Those their endpoint sends again.
RESENDABLE = (READY, RELEASED, FAILED)

_HOLD_SECONDS = 60.0


@dataclass(frozen=True)
class Delivery:
    """One message that is to go to one target."""

    seq: int
    url: str
    content: bytes
    attempts: int
    forged: bool
    age: timedelta


@dataclass(frozen=True)
class _Copy:
    """What will go out for a notification: the genuine one, and whatever faults make of it."""

    content: Json
    due: datetime
    state: str = "waiting"
    forged: bool = False
    age_seconds: float = 0
    rule: int | None = None


class Notices:
    def __init__(self, book: Book, faults: Faults, targets: Targets) -> None:
        self._book = book
        self._faults = faults
        self._targets = targets
        self._in_request = False
        self._early: list[int] = []

    # Made

    def announce(self, payment: Row, at: datetime) -> None:
        """Tell of its new status, if that is one they tell of."""
        if (kind := _kind(payment)) is not None:
            self._write(kind, payment, _payment(kind, payment), at)

    def announce_funding(self, transaction: Row, at: datetime) -> None:
        self._write(TRANSACTION, None, _message(TRANSACTION, wire.transaction(transaction)), at)

    def resend(self, payment_id: str, kind: str, at: datetime) -> None:
        """The last of that kind about the payment; where none was made, as the payment is now."""
        sql = (
            "SELECT * FROM notices WHERE payment_id = ? AND notification_type = ?"
            " ORDER BY seq DESC LIMIT 1"
        )
        last = self._book.row(sql, payment_id, kind)
        payment = self._payment(payment_id)
        content = json.loads(last["content"]) if last else _payment(kind, payment)
        self._write(kind, payment, content, at)

    def order(self, asked: Mapping[str, Any], at: datetime) -> list[int]:
        """One by hand, now: the numbers of its deliveries.

        `notice`: that one again; `content`: this, word for word; else `payment_id`, with
        `notification_type`, changed fields in `body`, and `fault` with its `param`.

        Raises:
            KeyError, ValueError: there is no such notice or payment.
        """
        if "notice" in asked:
            found = self._book.row("SELECT * FROM notices WHERE seq = ?", asked["notice"])
            if found is None:
                raise KeyError(f"no such notice: {asked['notice']}")
            copies = [_Copy(json.loads(found["content"]), at)]
            return self._send(found["notification_type"], self._about(found), copies, at)
        if "content" in asked:
            kind = str(asked.get("notification_type", "by_hand"))
            return self._send(kind, None, [_Copy(asked["content"], at)], at)
        payment = self._payment(str(asked["payment_id"]))
        kind = str(asked.get("notification_type") or _kind(payment) or READY)
        content = _payment(kind, payment)
        content["body"] |= asked.get("body", {})
        rules = []
        if "fault" in asked:
            rules = [Rule(asked["fault"], param=asked.get("param", {}))]
        return self._write(kind, payment, content, at, rules)

    @contextmanager
    def during_request(self) -> Iterator[None]:
        """What is announced meanwhile can come early: before the reply."""
        self._in_request = True
        try:
            yield
        finally:
            self._in_request = False

    def take_early(self) -> list[int]:
        """Deliveries that have to arrive before the reply leaves."""
        early, self._early = self._early, []
        return early

    # Delivered

    def due(self, now: datetime, busy: Collection[str]) -> list[Delivery]:
        """The first for each target that is not being delivered to."""
        rows = self._book.rows(
            "SELECT deliveries.*, content FROM deliveries JOIN notices ON notices.seq = notice"
            " WHERE state IN ('waiting', 'held') AND due_at <= ? ORDER BY due_at, deliveries.seq",
            stamp(now),
        )
        first: dict[str, Row] = {}
        for row in rows:
            first.setdefault(row["url"], row)
        return [_delivery(row) for url, row in first.items() if url not in busy]

    def delivery(self, seq: int) -> Delivery:
        row = self._book.row(
            "SELECT deliveries.*, content FROM deliveries JOIN notices ON notices.seq = notice"
            " WHERE deliveries.seq = ?",
            seq,
        )
        assert row is not None, "deliveries are never deleted"
        return _delivery(row)

    def next_due(self, busy: Collection[str]) -> datetime | None:
        """When the courier has to go next."""
        rows = self._book.rows(
            "SELECT url, min(due_at) AS at FROM deliveries WHERE state IN ('waiting', 'held')"
            " GROUP BY url"
        )
        return min((moment(row["at"]) for row in rows if row["url"] not in busy), default=None)

    def answered(
        self, delivery: Delivery, target: Target, answer: int | str, now: datetime
    ) -> None:
        """What came back: a status, or why there is none. Anything but 2xx is tried again."""
        row = self._book.row("SELECT answers FROM deliveries WHERE seq = ?", delivery.seq)
        answers = [*json.loads(row["answers"] if row else "[]"), answer]
        is_taken = isinstance(answer, int) and 200 <= answer < 300
        attempts, due, state = delivery.attempts + 1, now, "delivered" if is_taken else "failed"
        if not is_taken and attempts <= len(target.retry_seconds):
            due, state = now + timedelta(seconds=target.retry_seconds[attempts - 1]), "waiting"
        self._book.run(
            "UPDATE deliveries SET state = ?, due_at = ?, attempts = ?, answers = ?, last_at = ?"
            " WHERE seq = ? AND state <> 'dropped'",
            state,
            stamp(due),
            attempts,
            json.dumps(answers),
            stamp(now),
            delivery.seq,
        )

    def recover(self) -> None:
        """After a restart: what should have come early comes now."""
        self._book.run("UPDATE deliveries SET state = 'waiting' WHERE state = 'early'")

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
        genuine, extra, is_wanted = [_Copy(content, at)], [], True
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
        sent = self._send(kind, payment, [*extra, *genuine], at)
        if payment is not None:
            self._release_held(payment, sent, at)
        return sent

    def _spoil(
        self, rule: Rule, genuine: list[_Copy], payment: Row | None
    ) -> tuple[list[_Copy], list[_Copy]] | None:
        """The genuine copies and those beside them; None where the fault has nothing to hold."""
        first, seconds = genuine[0], float(rule.param.get("seconds", _HOLD_SECONDS))
        match rule.fault:
            case "webhook_dropped":
                return [replace(copy, state="dropped") for copy in genuine], []
            case "webhook_doubled":
                wait = timedelta(seconds=float(rule.param.get("after_seconds", 0)))
                return [*genuine, replace(first, due=first.due + wait)], []
            case "webhook_delayed":
                later = first.due + timedelta(seconds=seconds)
                return [replace(copy, due=later) for copy in genuine], []
            case "webhook_reordered" if payment is not None:
                held = replace(first, state="held", due=first.due + timedelta(seconds=seconds))
                return [replace(held, rule=rule.id)], []
            case "webhook_early" if self._in_request:
                return [replace(copy, state="early") for copy in genuine], []
            case "webhook_forged":
                body = {**first.content["body"], **rule.param.get("body", {})}
                return genuine, [replace(first, content={**first.content, "body": body}, forged=True)]
            case "webhook_stale" if any(each.timestamp_header for each in self._targets.all()):
                age = float(rule.param.get("seconds", 3600))
                return genuine, [replace(first, age_seconds=age)]
            case "webhook_unknown_payment":
                nobody = {"id": new_id(), "unique_request_id": new_id()}
                body = {**first.content["body"], **nobody}
                return genuine, [replace(first, content={**first.content, "body": body})]
            case _:
                return None

    def _send(
        self, kind: str, payment: Row | None, copies: list[_Copy], at: datetime
    ) -> list[int]:
        """Put them into the outbox, one delivery for each target."""
        sent, known = [], payment or {}
        notices: dict[str, int] = {}
        for copy in copies:
            content = json.dumps(copy.content)
            if content not in notices:
                notices[content] = self._book.insert(
                    "notices",
                    at=stamp(at),
                    payment_id=known.get("id"),
                    payment_status=known.get("status"),
                    notification_type=kind,
                    content=content,
                )
            for target in self._targets.all():
                if copy.age_seconds and not target.timestamp_header:
                    continue
                seq = self._book.insert(
                    "deliveries",
                    notice=notices[content],
                    url=target.url,
                    state=copy.state,
                    due_at=stamp(copy.due),
                    forged=int(copy.forged),
                    age_seconds=copy.age_seconds,
                    rule=copy.rule,
                )
                sent.append(seq)
                if copy.state == "early":
                    self._early.append(seq)
        return sent

    def _release_held(self, payment: Row, sent: list[int], at: datetime) -> None:
        """What was held back for the payment follows what was just written."""
        marks = ", ".join("?" * len(sent))
        held = self._book.rows(
            "SELECT deliveries.seq, deliveries.rule, notification_type FROM deliveries"
            " JOIN notices ON notices.seq = notice"
            f" WHERE state = 'held' AND payment_id = ? AND deliveries.seq NOT IN ({marks})",
            payment["id"],
            *sent,
        )
        after = stamp(at + timedelta(microseconds=1))
        for row in held:
            sql = "UPDATE deliveries SET state = 'waiting', due_at = ? WHERE seq = ?"
            self._book.run(sql, after, row["seq"])
        # Once for each notification, however many targets it goes to.
        for rule, kind in {row["rule"]: row["notification_type"] for row in held}.items():
            self._log("webhook_reordered", rule, kind, payment, at)

    def _fire(self, rule: Rule, kind: str, payment: Row | None, at: datetime) -> None:
        if rule.id:
            self._faults.pick(rule)
        # Out of order it is only when another one has overtaken it.
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

    def _about(self, notice: Row) -> dict[str, Any] | None:
        return self._payment(notice["payment_id"]) if notice["payment_id"] else None


def _kind(payment: Row) -> str | None:
    """What they announce of a payment in this status, if anything."""
    match payment["status"]:
        case "ready_to_send":
            return READY
        case "completed":
            # So it is called; what it says is `completed`.
            return RELEASED
        case "failed":
            return COMPLIANCE_FAILED if payment["review_status"] == "rejected" else FAILED
        case _:
            return None


def _message(kind: str, body: Json) -> Json:
    subject = "cash_manager_transaction" if kind == TRANSACTION else "payment"
    return {"header": {"message_type": subject, "notification_type": kind}, "body": body}


def _payment(kind: str, row: Row) -> Json:
    """Times in two formats and a number that is text or not: both stand in their guide."""
    is_compliance = kind == COMPLIANCE_FAILED

    def time(at: datetime) -> str:
        if is_compliance:
            return at.isoformat(timespec="seconds")
        return at.strftime("%Y-%m-%d %H:%M:%S +0000")

    day = datetime.fromisoformat(row["payment_date"]).replace(tzinfo=UTC)
    sent_at = moment(row["transferred_at"]) if row["transferred_at"] else None
    steps = row["steps_required"]
    body = {
        "id": row["id"],
        "amount": to_wire(row["amount_minor"], row["currency"]),
        "failure_returned_amount": to_wire(row["returned_minor"], row["currency"]),
        "beneficiary_id": row["beneficiary_id"],
        "conversion_id": None,
        "currency": row["currency"],
        "reference": row["reference"],
        "reason": row["reason"],
        "status": row["status"],
        "payment_type": row["payment_type"],
        "payment_date": time(day),
        "transferred_at": time(sent_at) if sent_at else None,
        "authorisation_steps_required": steps if is_compliance else str(steps),
        "creator_contact_id": row["contact_id"],
        "last_updater_contact_id": row["contact_id"],
        "short_reference": row["short_reference"],
        "failure_reason": row["failure_reason"],
        "payment_group_id": None,
        "unique_request_id": row["unique_request_id"],
        "fee_amount": None,
        "fee_currency": None,
    }
    return _message(kind, body)


def _delivery(row: Row) -> Delivery:
    age = timedelta(seconds=row["age_seconds"])
    content = row["content"].encode()
    return Delivery(row["seq"], row["url"], content, row["attempts"], bool(row["forged"]), age)
