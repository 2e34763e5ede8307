"""The outbox: deliveries to each target, their due times and their results."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulators.kit.book import Book
from simulators.kit.clock import moment, stamp
from simulators.kit.replies import Json, Row
from simulators.kit.targets import Target, Targets


@dataclass(frozen=True)
class Delivery:
    """One message for one target."""

    seq: int
    url: str
    content: bytes
    attempts: int
    forged: bool
    age: timedelta


@dataclass(frozen=True)
class Copy:
    """One copy of a notification: the genuine one, or one that a fault adds."""

    content: Json
    due: datetime
    state: str = "waiting"
    forged: bool = False
    age_seconds: float = 0
    rule: int | None = None


class Outbox:
    def __init__(self, book: Book, targets: Targets) -> None:
        self._book = book
        self._targets = targets
        self._early: list[int] = []

    def put(self, kind: str, payment: Row | None, copies: list[Copy], at: datetime) -> list[int]:
        """Put the copies into the outbox, as one delivery per target. Returns their numbers."""
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
                if not target.wants(kind) or (copy.age_seconds and not target.is_dated):
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

    def overtake(self, payment: Row, sent: list[int], at: datetime) -> dict[int | None, str]:
        """Let deliveries held back for the payment follow the ones just sent.

        Returns the overtaken kinds of notification by the rule that held them; the number of
        targets does not matter.
        """
        marks = ", ".join("?" * len(sent))
        held = self._book.rows(
            "SELECT deliveries.seq, deliveries.rule, notification_type FROM deliveries"
            " JOIN notices ON notices.seq = notice"
            f" WHERE state = 'held' AND payment_id = ? AND deliveries.seq NOT IN ({marks})",
            payment["id"],
            *sent,
        )
        for row in held:
            # Of two deliveries due at the same moment, the one with the higher number is later.
            self._book.run(
                "UPDATE deliveries SET state = 'waiting', due_at = ?,"
                " seq = (SELECT max(seq) + 1 FROM deliveries) WHERE seq = ?",
                stamp(at),
                row["seq"],
            )
        return {row["rule"]: row["notification_type"] for row in held}

    def take_early(self) -> list[int]:
        """Take the deliveries that have to arrive before the reply leaves."""
        early, self._early = self._early, []
        return early

    def due(self, now: datetime, busy: Collection[str]) -> list[Delivery]:
        """The first due delivery of each target that has none under way."""
        rows = self._book.rows(
            "SELECT deliveries.*, content FROM deliveries JOIN notices ON notices.seq = notice"
            " WHERE state IN ('waiting', 'held') AND due_at <= ? ORDER BY due_at, deliveries.seq",
            stamp(now),
        )
        first: dict[str, Row] = {}
        for row in rows:
            first.setdefault(row["url"], row)
        due = [_delivery(row) for url, row in first.items() if url not in busy]
        for delivery in due:
            # No other delivery overtook it in time, so it goes out normally.
            sql = "UPDATE deliveries SET state = 'waiting' WHERE seq = ? AND state = 'held'"
            self._book.run(sql, delivery.seq)
        return due

    def delivery(self, seq: int) -> Delivery:
        row = self._book.row(
            "SELECT deliveries.*, content FROM deliveries JOIN notices ON notices.seq = notice"
            " WHERE deliveries.seq = ?",
            seq,
        )
        assert row is not None, "deliveries are never deleted"
        return _delivery(row)

    def next_due(self, busy: Collection[str]) -> datetime | None:
        """When the courier has to deliver next."""
        rows = self._book.rows(
            "SELECT url, min(due_at) AS at FROM deliveries WHERE state IN ('waiting', 'held')"
            " GROUP BY url"
        )
        return min((moment(row["at"]) for row in rows if row["url"] not in busy), default=None)

    def answered(
        self, delivery: Delivery, target: Target, answer: int | str, now: datetime
    ) -> None:
        """Record the result of a delivery: a status, or why there is none.

        Any answer but 2xx is retried. Forged and stale deliveries are not retried.
        """
        row = self._book.row("SELECT answers FROM deliveries WHERE seq = ?", delivery.seq)
        answers = [*json.loads(row["answers"] if row else "[]"), answer]
        is_taken = isinstance(answer, int) and 200 <= answer < 300
        attempts, due, state = delivery.attempts + 1, now, "delivered" if is_taken else "failed"
        is_genuine = not (delivery.forged or delivery.age)
        if is_genuine and not is_taken and attempts <= len(target.retry_seconds):
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
        """After a restart, make deliveries due that should have arrived early."""
        self._book.run("UPDATE deliveries SET state = 'waiting' WHERE state = 'early'")


def _delivery(row: Row) -> Delivery:
    age = timedelta(seconds=row["age_seconds"])
    content = row["content"].encode()
    return Delivery(row["seq"], row["url"], content, row["attempts"], bool(row["forged"]), age)
