"""The targets of notifications, and how notifications to each are signed."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from simulators.currencycloud.book import Book

#: Notification version -> content type, by which the two versions differ.
CONTENT_TYPES = {"2021-01-01": "text/plain", "2021-02-01": "application/json"}
#: The secret that forged notifications are signed with; no target has it.
STRANGERS_SECRET = "a secret of somebody else"

_ENCODINGS = ("hex", "base64")
_DIGESTS = ("sha256", "sha384", "sha512")
_HMAC_KEY = "hmac_key"


@dataclass(frozen=True)
class Target:
    """One URL to which every notification is sent.

    Attributes:
        secret: signs; without one, the key of `contacts/generate_hmac_key` does.
        timestamp_header: has Unix seconds, signed as `seconds.body`; Currencycloud has none.
        retry_seconds: the pauses after failed attempts; after the last, delivery is given up.
    """

    url: str
    secret: str = ""
    header: str = "x-hmac-digest-sha-512"
    encoding: str = "hex"
    digest: str = "sha512"
    version: str = "2021-02-01"
    timestamp_header: str | None = None
    retry_seconds: Sequence[float] = (1, 2, 4, 8, 16)
    timeout_seconds: float = 5

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"not a URL: {self.url!r}")
        for value, known in (
            (self.encoding, _ENCODINGS),
            (self.digest, _DIGESTS),
            (self.version, tuple(CONTENT_TYPES)),
        ):
            if value not in known:
                raise ValueError(f"not one of {', '.join(known)}: {value!r}")
        if not all(float(wait) >= 0 for wait in (*self.retry_seconds, self.timeout_seconds)):
            raise ValueError("a wait is less than nothing")

    def headers(self, content: bytes, secret: str, now: datetime, age: timedelta) -> dict[str, str]:
        """The headers of one delivery, signed with `secret` and dated `age` before now."""
        headers = {"content-type": CONTENT_TYPES[self.version], "user-agent": "Ruby"}
        signed = content
        if self.timestamp_header:
            seconds = str(int((now - age).timestamp()))
            headers[self.timestamp_header] = seconds
            signed = seconds.encode() + b"." + content
        mac = hmac.digest(secret.encode(), signed, self.digest)
        is_hex = self.encoding == "hex"
        headers[self.header] = mac.hex() if is_hex else base64.b64encode(mac).decode()
        return headers


class Targets:
    def __init__(self, book: Book) -> None:
        self._book = book

    def put(self, asked: Sequence[Mapping[str, Any]]) -> None:
        """Add targets; a target replaces one with the same URL.

        Raises:
            TypeError, ValueError: one of them is invalid; none is added.
        """
        targets = [Target(**one) for one in asked]
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
        return [Target(**json.loads(row["target"])) for row in rows]

    def at(self, url: str) -> Target | None:
        return next((target for target in self.all() if target.url == url), None)

    def shown(self) -> list[dict[str, Any]]:
        """All targets, without their secrets."""
        shown = [asdict(target) for target in self.all()]
        return [{name: each[name] for name in each if name != "secret"} for each in shown]

    def keep_key(self, key: str) -> None:
        """Store the key that signs for targets without a secret of their own."""
        self._book.keep_setting(_HMAC_KEY, key)

    def secret_of(self, target: Target) -> str:
        return target.secret or self._book.setting(_HMAC_KEY) or ""
