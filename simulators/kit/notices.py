"""Notifications: when one is made, and what fault rules do to it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from simulators.kit.book import Book, new_id
from simulators.kit.clock import stamp
from simulators.kit.faults import Faults, Rule
from simulators.kit.menu import NOTICE_FAULTS
from simulators.kit.outbox import Copy, Outbox
from simulators.kit.replies import Json, Row
from simulators.kit.targets import Targets

_LATE_SECONDS = 60.0
_STALE_SECONDS = 3600.0


class Notices(ABC):
    """A partner's notifications. A subclass says which statuses are announced, in which words.

    Class attributes:
        table: the partner's objects, in the book.
        usual_kind: the kind of a notification ordered by hand, if nothing else tells it.
    """

    table: ClassVar[str]
    usual_kind: ClassVar[str]

    @abstractmethod
    def kind_of(self, about: Row) -> str | None:
        """The kind of notification for an object in this status; None if there is none."""

    @abstractmethod
    def content(self, kind: str, about: Row) -> Json:
        """The message about an object as it is now.

        Raises:
            ValueError: there is none of that kind about it.
        """

    @abstractmethod
    def changed(self, content: Json, fields: Mapping[str, Any]) -> Json:
        """The message with other fields in the object that it shows."""

    def __init__(self, book: Book, faults: Faults, targets: Targets) -> None:
        self._book = book
        self._faults = faults
        self._targets = targets
        self._in_request = False
        self.outbox = Outbox(book, targets)

    def announce(self, about: Row, at: datetime) -> None:
        """Announce an object's new status, if the partner announces that status."""
        if (kind := self.kind_of(about)) is not None:
            self.write(kind, about, self.content(kind, about), at)

    def resend(self, payment_id: str, kind: str, at: datetime) -> None:
        """Resend the last notification of that kind; if there was none, make one of the present."""
        sql = (
            "SELECT * FROM notices WHERE payment_id = ? AND notification_type = ?"
            " ORDER BY seq DESC LIMIT 1"
        )
        last = self._book.row(sql, payment_id, kind)
        about = self.about(payment_id)
        content = json.loads(last["content"]) if last else self.content(kind, about)
        self.write(kind, about, content, at)

    def order(self, asked: Mapping[str, Any], at: datetime) -> list[int]:
        """Send one notification by hand, now. Returns the numbers of its deliveries.

        `notice` resends that one; `content` is sent word for word; otherwise `payment_id` makes
        one, with `notification_type`, changed fields in `body`, and `fault` with its `param`.

        Raises:
            KeyError, ValueError: there is no such notice, object, fault or message.
        """
        if "notice" in asked:
            found = self._book.row("SELECT * FROM notices WHERE seq = ?", asked["notice"])
            if found is None:
                raise ValueError(f"no such notice: {asked['notice']}")
            about = self.about(found["payment_id"]) if found["payment_id"] else None
            copies = [Copy(json.loads(found["content"]), at)]
            return self.outbox.put(found["notification_type"], about, copies, at)
        if "content" in asked:
            kind = str(asked.get("notification_type", "by_hand"))
            return self.outbox.put(kind, None, [Copy(asked["content"], at)], at)
        about = self.about(str(asked["payment_id"]))
        kind = str(asked.get("notification_type") or self.kind_of(about) or self.usual_kind)
        content = self.changed(self.content(kind, about), asked.get("body", {}))
        rules = []
        if "fault" in asked:
            if asked["fault"] not in NOTICE_FAULTS:
                raise ValueError(f"not one of {', '.join(NOTICE_FAULTS)}: {asked['fault']}")
            rules = [Rule(asked["fault"], param=asked.get("param", {}))]
        return self.write(kind, about, content, at, rules)

    @contextmanager
    def during_request(self) -> Iterator[None]:
        """Notifications announced in this context may arrive early, before the reply."""
        self._in_request = True
        try:
            yield
        finally:
            self._in_request = False

    def write(
        self,
        kind: str,
        about: Row | None,
        content: Json,
        at: datetime,
        rules: list[Rule] | None = None,
    ) -> list[int]:
        """Put a notification into the outbox, as the fault rules change it."""
        if not self._targets.all():
            return []
        if rules is None:
            known = {name: str(value) for name, value in (about or {}).items()}
            rules = self._faults.fitting("NOTIFY", kind, known, "notice")
        genuine, extra, is_wanted = [Copy(content, at)], [], True
        for rule in rules:
            made = self._spoil(rule, genuine, about)
            if made is None:
                continue
            self._fire(rule, kind, about, at)
            genuine, more = made
            extra += more
            is_wanted = is_wanted and not rule.param.get("instead")
        if not is_wanted:
            genuine = [replace(copy, state="dropped") for copy in genuine]
        sent = self.outbox.put(kind, about, [*extra, *genuine], at)
        if about is not None and genuine[0].state in ("waiting", "early"):
            for held_by, overtaken in self.outbox.overtake(about, sent, at).items():
                self._log("webhook_reordered", held_by, overtaken, about, at)
        return sent

    def _spoil(
        self, rule: Rule, genuine: list[Copy], about: Row | None
    ) -> tuple[list[Copy], list[Copy]] | None:
        """The genuine copies and the additional ones; None if the fault does not apply."""
        first, param = genuine[0], rule.param

        def wait(name: str, seconds: float) -> timedelta:
            return timedelta(seconds=float(param.get(name, seconds)))

        def other(body: Mapping[str, Any]) -> Json:
            return self.changed(first.content, body)

        match rule.fault:
            case "webhook_dropped":
                return [replace(copy, state="dropped") for copy in genuine], []
            case "webhook_doubled":
                return [*genuine, replace(first, due=first.due + wait("after_seconds", 0))], []
            case "webhook_delayed":
                later = first.due + wait("seconds", _LATE_SECONDS)
                return [replace(copy, due=later) for copy in genuine], []
            case "webhook_reordered" if about is not None:
                at_latest = first.due + wait("seconds", _LATE_SECONDS)
                return [replace(first, state="held", due=at_latest, rule=rule.id or None)], []
            case "webhook_early" if self._in_request:
                return [replace(copy, state="early") for copy in genuine], []
            case "webhook_forged":
                return genuine, [replace(first, content=other(param.get("body", {})), forged=True)]
            case "webhook_stale" if any(each.is_dated for each in self._targets.all()):
                age = wait("seconds", _STALE_SECONDS)
                return genuine, [replace(first, age_seconds=age.total_seconds())]
            case "webhook_unknown_payment":
                nobody = {"id": new_id(), "unique_request_id": new_id()}
                return genuine, [replace(first, content=other(nobody))]
            case _:
                return None

    def _fire(self, rule: Rule, kind: str, about: Row | None, at: datetime) -> None:
        if rule.id:
            self._faults.pick(rule)
        # `webhook_reordered` counts as fired only when another notification has overtaken it.
        if rule.fault != "webhook_reordered":
            self._log(rule.fault, rule.id or None, kind, about, at)

    def _log(
        self, fault: str, rule: int | None, kind: str, about: Row | None, at: datetime
    ) -> None:
        self._book.fired(stamp(at), fault, rule, about, request=f"NOTIFY {kind}")

    def about(self, object_id: str) -> dict[str, Any]:
        """The object.

        Raises:
            ValueError: there is no such object.
        """
        found = self._book.row(f"SELECT * FROM {self.table} WHERE id = ?", object_id)
        if found is None:
            raise ValueError(f"no such object: {object_id}")
        return found
