"""The smallest partner: takes amounts under a key, and completes each after a while."""

from __future__ import annotations

import argparse
import hmac
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from simulators.kit import book, notices, partner, targets
from simulators.kit.book import new_id
from simulators.kit.clock import stamp
from simulators.kit.command import Command
from simulators.kit.partner import Call
from simulators.kit.replies import Json, Refusal, Reply, Row
from simulators.kit.timers import NotPossible, Timer

TOKEN = "a token of a simulator"
STATUS = {
    "internal_error": 500,
    "unauthorised": 401,
    "rate_limited": 429,
    "service_unavailable": 503,
    "duplicate_word": 409,
    "refused": 400,
}


class Book(book.Book):
    schema = """
    CREATE TABLE IF NOT EXISTS takings (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, unique_request_id TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL, amount_minor INTEGER NOT NULL);
    """

    def contents(self) -> dict[str, Any]:
        takings = self.rows("SELECT * FROM takings ORDER BY seq")
        return {**super().contents(), "takings": takings}


class Notices(notices.Notices):
    table = "takings"
    usual_kind = "taken"

    def kind_of(self, about: Row) -> str | None:
        return "completed" if about["status"] == "completed" else None

    def content(self, kind: str, about: Row) -> Json:
        return {"kind": kind, "id": about["id"]}

    def changed(self, content: Json, fields: Mapping[str, Any]) -> Json:
        return {**content, **fields}


@dataclass(frozen=True)
class Target(targets.Target):
    def headers(self, content: bytes, secret: str, now: datetime, age: timedelta) -> dict[str, str]:
        return {"signature": hmac.digest(secret.encode(), content, "sha256").hex()}


class Till(partner.Partner):
    endpoints = (("POST", "/takings", "take"), ("GET", "/takings/{id}", "read"))
    interventions = ("lose",)
    own_faults = ("drawer_stuck",)
    usual_delays: ClassVar[Mapping[str, float]] = {"complete_after": 10}
    key = "idempotency-key"

    def __init__(self, file: Path) -> None:
        super().__init__(Book(file), Notices, Target)

    def authenticate(self, call: Call, now: datetime) -> str:
        if call.token != TOKEN:
            raise Refusal(401, {"error": "unauthorised"})
        return call.token

    def do(self, call: Call, person: str, now: datetime) -> Json | Reply:
        if self.ordered(call, "drawer_stuck", now) is not None:
            return Reply(423, {"error": "drawer_stuck"})
        found = self.subject(call)
        if call.endpoint == "read":
            if found is None:
                raise Refusal(404, {"error": "unknown"})
            return dict(found)
        if found is None:
            row = {"id": new_id(), "unique_request_id": call.headers[self.key], "status": "taken"}
            self.book.insert("takings", **row, amount_minor=call.fields["amount_minor"])
            self.timers.add(
                row["id"], "complete", now + timedelta(seconds=self.delays["complete_after"])
            )
            found = self.notices.about(row["id"])
        return Reply(201, dict(found))

    def subject(self, call: Call) -> Row | None:
        key = call.headers.get(self.key, "")
        sql = "SELECT * FROM takings WHERE id = ? OR unique_request_id = ?"
        return self.book.row(sql, call.object_id, key)

    def words(self, fault: str, param: Mapping[str, Any]) -> Reply:
        return Reply(STATUS[fault], {"error": fault, **param})

    def step(self, timer: Timer, at: datetime) -> None:
        found = self.notices.about(timer.payment_id)
        if found["status"] != "taken":
            raise NotPossible(timer.step)
        amount = found["amount_minor"]
        self.book.post(stamp(at), "take", "EUR", [("world:guest", -amount), ("till", amount)])
        self.book.change("takings", found["id"], status="completed")
        self.notices.announce(self.notices.about(found["id"]), at)

    def apply(
        self,
        object_id: str,
        intervention: str,
        param: Mapping[str, Any],
        rule: int | None,
        now: datetime,
    ) -> None:
        found = self.notices.about(object_id)
        if found["status"] != "taken":
            raise NotPossible(f"{intervention} what is {found['status']}")
        self.book.fired(stamp(now), intervention, rule, found)
        self.book.change("takings", object_id, status="lost")


def _till(arguments: argparse.Namespace) -> Till:
    return Till(arguments.db)


if __name__ == "__main__":
    sys.exit(Command("Till", Book, Till.usual_delays).run(_till))
