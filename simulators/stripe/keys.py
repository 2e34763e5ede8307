"""Idempotency keys: the first answer under a key is the answer to all requests under it.

Rule: docs.stripe.com/api/idempotent_requests and docs.stripe.com/error-low-level. An answer is kept
as soon as execution has begun, errors and 500s included; parameters that are refused before, 401,
429 and a conflict with a request that still runs keep nothing.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from simulators.kit.clock import moment, stamp
from simulators.kit.delays import Delays
from simulators.kit.partner import Call
from simulators.kit.replies import Refusal, Reply
from simulators.stripe.book import Book
from simulators.stripe.wire import IDEMPOTENCY, Invalid, error, invalid

_LENGTH = 255


class Keys:
    def __init__(self, book: Book, delays: Delays) -> None:
        self._book = book
        self._delays = delays
        self._held_until: dict[tuple[str, str], float] = {}

    def replay(self, account: str, key: str, call: Call, now: datetime) -> Reply | None:
        """The kept answer; None if the key is new, or so old that it was forgotten.

        Raises:
            Refusal: the key was used for something else, or its request still runs.
        """
        if len(key) > _LENGTH:
            raise invalid(f"Idempotency keys have at most {_LENGTH} characters.")
        if self._held_until.get((account, key), 0.0) > monotonic():
            message = "A request with this key is still running."
            raise Refusal(409, error(IDEMPOTENCY, message, code="idempotency_key_in_use"))
        kept = self._kept(account, key)
        if kept is None:
            return None
        if now - moment(kept["at"]) >= timedelta(seconds=self._delays["key_kept"]):
            self._book.run("DELETE FROM keys WHERE account = ? AND key = ?", account, key)
            return None
        for what, told in (("request", _request(call)), ("params", _params(call))):
            if kept[what] != told:
                message = f"This key was first used with another {what}."
                raise Invalid(400, error(IDEMPOTENCY, message))
        headers = {"Idempotent-Replayed": "true", "Original-Request": kept["request_id"]}
        return Reply(kept["status"], json.loads(kept["body"]), headers=headers)

    def keep(
        self, account: str, key: str, call: Call, reply: Reply, request_id: str, now: datetime
    ) -> None:
        """Keep an answer. `subject` finds the object that it is about by its key."""
        body: Any = reply.body
        about = body.get("error", {}).get("payment_intent") or body
        self._book.insert(
            "keys",
            account=account,
            key=key,
            request=_request(call),
            params=_params(call),
            status=reply.status,
            body=json.dumps(body),
            request_id=request_id,
            object_id=about.get("id"),
            at=stamp(now),
        )

    def hold(self, account: str, key: str, seconds: float) -> None:
        """Let requests under this key conflict for so many real seconds."""
        self._held_until[account, key] = monotonic() + seconds

    def object_id(self, key: str) -> str | None:
        """The object that the kept answer under a key is about."""
        found = self._book.row("SELECT object_id FROM keys WHERE key = ? ORDER BY at DESC", key)
        return None if found is None else found["object_id"]

    def _kept(self, account: str, key: str) -> dict[str, Any] | None:
        return self._book.row("SELECT * FROM keys WHERE account = ? AND key = ?", account, key)


def _request(call: Call) -> str:
    return f"{call.method} {call.path}"


def _params(call: Call) -> str:
    told = json.dumps(sorted(call.lists.items()))
    return hashlib.sha256(told.encode()).hexdigest()
