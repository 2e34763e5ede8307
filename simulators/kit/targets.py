"""The targets of notifications; a partner adds how its deliveries are signed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from simulators.kit.book import Book

#: The secret that forged notifications are signed with; no target has it.
STRANGERS_SECRET = "a secret of somebody else"

_KEY = "hmac_key"


@dataclass(frozen=True)
class Target:
    """One URL to which every notification is sent.

    Attributes:
        secret: signs; without one, the key that the partner keeps with `Targets.keep_key`.
        retry_seconds: the pauses after failed attempts; after the last, delivery is given up.
    """

    url: str
    secret: str = ""
    retry_seconds: Sequence[float] = (1, 2, 4, 8, 16)
    timeout_seconds: float = 5

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"not a URL: {self.url!r}")
        if not all(float(wait) >= 0 for wait in (*self.retry_seconds, self.timeout_seconds)):
            raise ValueError("a wait is negative; correct retry_seconds or timeout_seconds")

    @property
    def is_dated(self) -> bool:
        """Whether deliveries have a signed timestamp, so that one can be stale."""
        return False

    def wants(self, kind: str) -> bool:
        """Whether notifications of that kind go to this target."""
        return True

    def headers(self, content: bytes, secret: str, now: datetime, age: timedelta) -> dict[str, str]:
        """The headers of one delivery, signed with `secret` and dated `age` before now."""
        return {"content-type": "application/json"}


class Targets:
    def __init__(self, book: Book, target: type[Target]) -> None:
        self._book = book
        self._target = target

    def put(self, asked: Sequence[Mapping[str, Any]]) -> None:
        """Add targets; a target replaces one with the same URL.

        Raises:
            TypeError, ValueError: one of them is invalid; none is added.
        """
        targets = [self._target(**one) for one in asked]
        for target in targets:
            self._book.run(
                "INSERT OR REPLACE INTO targets (url, target) VALUES (?, ?)",
                target.url,
                json.dumps(asdict(target)),
            )

    def remove(self, url: str | None) -> None:
        """Remove one target, or all; their waiting deliveries are dropped."""
        gone = [target.url for target in self.all() if url in (None, target.url)]
        for each in gone:
            self._book.run("DELETE FROM targets WHERE url = ?", each)
            self._book.run(
                "UPDATE deliveries SET state = 'dropped'"
                " WHERE url = ? AND state IN ('waiting', 'held', 'early')",
                each,
            )

    def all(self) -> list[Target]:
        rows = self._book.rows("SELECT target FROM targets ORDER BY rowid")
        return [self._target(**json.loads(row["target"])) for row in rows]

    def at(self, url: str) -> Target | None:
        return next((target for target in self.all() if target.url == url), None)

    def shown(self) -> list[dict[str, Any]]:
        """All targets, without their secrets."""
        shown = [asdict(target) for target in self.all()]
        return [{name: each[name] for name in each if name != "secret"} for each in shown]

    def keep_key(self, key: str) -> None:
        """Store the key that signs for targets without a secret of their own."""
        self._book.keep_setting(_KEY, key)

    def secret_of(self, target: Target) -> str:
        return target.secret or self._book.setting(_KEY) or ""
