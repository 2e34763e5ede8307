"""The due steps of all objects, stored in the book. `payment_id` is the id of any object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulators.kit.book import Book
from simulators.kit.clock import moment, stamp


class NotPossible(Exception):
    """A step or an intervention that is impossible for an object in that status."""


@dataclass(frozen=True)
class Timer:
    """One step of one object.

    Attributes:
        due: None if it waits for a stage of the object.
        rule: the rule that ordered it, if one did.
    """

    seq: int
    payment_id: str
    step: str
    due: datetime | None
    rule: int | None
    param: Mapping[str, Any]


class Timers:
    def __init__(self, book: Book) -> None:
        self._book = book

    def add(
        self,
        payment_id: str,
        step: str,
        due: datetime | None,
        rule: int | None = None,
        param: Mapping[str, Any] | None = None,
    ) -> int:
        """Add a timer. Returns its number. Without `due` it waits for `take_waiting`."""
        return self._book.insert(
            "timers",
            payment_id=payment_id,
            step=step,
            due_at=None if due is None else stamp(due),
            rule=rule,
            param=json.dumps(dict(param or {})),
        )

    def take_due(self, now: datetime) -> Timer | None:
        """Remove and return the timer that is due first."""
        sql = (
            "SELECT * FROM timers WHERE waits_for_funds = 0 AND due_at <= ?"
            " ORDER BY due_at, seq LIMIT 1"
        )
        return self._take(self._book.row(sql, stamp(now)))

    def take_waiting(self, payment_id: str, *steps: str) -> Timer | None:
        """Remove and return the oldest timer of these steps that waits for a stage."""
        marks = ", ".join("?" * len(steps))
        sql = (
            "SELECT * FROM timers WHERE payment_id = ? AND due_at IS NULL"
            f" AND step IN ({marks}) ORDER BY seq LIMIT 1"
        )
        return self._take(self._book.row(sql, payment_id, *steps))

    def next_due(self) -> datetime | None:
        """When the next timer is due."""
        found = self._book.row("SELECT min(due_at) AS at FROM timers WHERE waits_for_funds = 0")
        return moment(found["at"]) if found and found["at"] else None

    def wait_for_funds(self, payment_id: str, step: str, since: datetime) -> None:
        """Add a timer that is due as soon as money arrives."""
        seq = self.add(payment_id, step, since)
        self._book.run("UPDATE timers SET waits_for_funds = 1 WHERE seq = ?", seq)

    def funds_came(self, at: datetime) -> None:
        """Make the timers due that wait for money."""
        self._book.run(
            "UPDATE timers SET waits_for_funds = 0, due_at = ? WHERE waits_for_funds = 1", stamp(at)
        )

    def stop(self, payment_id: str, *steps: str) -> None:
        """Remove the object's timers of these steps; all of them if no step is given."""
        only = f" AND step IN ({', '.join('?' * len(steps))})" if steps else ""
        self._book.run(f"DELETE FROM timers WHERE payment_id = ?{only}", payment_id, *steps)

    def _take(self, row: dict[str, Any] | None) -> Timer | None:
        if row is None:
            return None
        self._book.run("DELETE FROM timers WHERE seq = ?", row["seq"])
        due = moment(row["due_at"]) if row["due_at"] else None
        param = json.loads(row["param"])
        return Timer(row["seq"], row["payment_id"], row["step"], due, row["rule"], param)
