"""What every request passes before a handler sees it: key, rate, version, size, time, strict JSON.

It is plain ASGI, since a body has to be bounded while it arrives. Who has no key is answered before
a byte of the body is read. Nothing of a request is logged but method, path pattern and status.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.clock import Clock
from starter.api.problems import Problem, away
from starter.api.strict_json import NotStrict, parsed
from store.api_keys import ApiKey, ApiKeys
from store.faults import StoreAway

log = logging.getLogger("finality.api")

#: The version of the API that this release speaks, by the day it was fixed.
VERSION: Final = "2026-11-30"
FILES: Final = "/v1/files"
#: Below it users come back from a bank's page, with a cookie and without a key.
CALLBACKS: Final = "/v1/callbacks/"
_VERSION_HEADER: Final = "finality-version"
#: Headers with which a request given twice would have two meanings.
_ONCE: Final = ("authorization", "idempotency-key", "content-type", _VERSION_HEADER)
_RETRIED: Final = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Limits:
    """How much one request, and one key, may ask for.

    Attributes:
        body_within: how long a body may take to arrive.
        per_second: requests of one key, on average, in this process.
        burst: requests of one key at once.
        under_way: requests of one key that are not answered yet; a long poll is one.
    """

    json_bytes_max: int = 64 * 1024
    file_bytes_max: int = 32 * 1024 * 1024
    body_within: timedelta = timedelta(seconds=30)
    per_second: float = 50
    burst: int = 100
    under_way: int = 60


@dataclass
class _Bucket:
    """The requests that a key has left: refilled by time, up to the burst."""

    left: float
    at: float
    under_way: int = 0


class Guard:
    """The application, behind what every request has to pass."""

    def __init__(self, app: ASGIApp, *, keys: ApiKeys, clock: Clock, limits: Limits) -> None:
        self._app = app
        self._keys = keys
        self._clock = clock
        self._limits = limits
        self._buckets: dict[str, _Bucket] = defaultdict(
            lambda: _Bucket(limits.burst, time.monotonic())
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        dressed = _dressed(scope, send)
        try:
            await self._pass(scope, receive, dressed)
        except Problem as problem:
            await problem.response()(scope, receive, dressed)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            raise Problem(400, "malformed", "Malformed address", "The address contains U+0000.")
        if not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        asked = headers.get(_VERSION_HEADER, VERSION)
        if asked != VERSION:
            raise Problem(
                400, "unknown-version", "Unknown version",
                f"Finality-Version is {asked[:20]!r}; this release speaks {VERSION}. "
                "Leave the header out, or give that day.",
            )  # fmt: skip
        for name in _ONCE:
            if len(headers.getlist(name)) > 1:
                raise Problem(
                    400, "malformed", "Malformed headers", f"{name} is given twice; give one."
                )
        if scope["method"] == "GET" and scope["path"].startswith(CALLBACKS):
            # A user's browser, which has no key. All of them share one rate.
            bucket = self._taken(CALLBACKS)
        else:
            key = await self._authenticated(headers)
            bucket = self._taken(key.key_id)
            scope.setdefault("state", {})["key"] = key
        bucket.under_way += 1
        try:
            if scope["method"] in ("POST", "PUT", "PATCH", "DELETE"):
                receive = await self._with_body(scope, headers, receive)
            await self._app(scope, receive, send)
        finally:
            bucket.under_way -= 1

    async def _authenticated(self, headers: Headers) -> ApiKey:
        scheme, _, text = headers.get("authorization", "").partition(" ")
        now = self._clock.now()
        try:
            key = (
                await self._keys.accepted(text.strip(), now) if scheme.lower() == "bearer" else None
            )
        except StoreAway:
            raise away("The database is away, so nothing was stored.") from None
        if key is None:
            raise Problem(
                401, "unauthenticated", "No valid key",
                "Send a key as `Authorization: Bearer fin_…`; `finality api-key new --name NAME` "
                "makes one.",
                headers={"www-authenticate": "Bearer"},
            )  # fmt: skip
        with suppress(StoreAway):  # That the key was used is for people to read, and not needed.
            await self._keys.used(key, now)
        return key

    def _taken(self, name: str) -> _Bucket:
        """The bucket of a key, with one request taken out."""
        limits, bucket, now = self._limits, self._buckets[name], time.monotonic()
        bucket.left = min(limits.burst, bucket.left + (now - bucket.at) * limits.per_second)
        bucket.at = now
        if bucket.left < 1 or bucket.under_way >= limits.under_way:
            raise Problem(
                429, "too-many-requests", "Too many requests",
                f"This key may ask {limits.per_second:g} times a second on average, and have "
                f"{limits.under_way} requests under way. Nothing was stored.",
                headers={"retry-after": "1"},
            )  # fmt: skip
        bucket.left -= 1
        return bucket

    async def _with_body(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        """The body as it was checked, for the handlers to read again."""
        is_file = scope["path"] == FILES
        body = await _body(
            headers,
            receive,
            self._limits.file_bytes_max if is_file else self._limits.json_bytes_max,
            self._limits.body_within,
        )
        _require_type(headers, body, ("application/xml", "text/xml") if is_file else _JSON)
        if not is_file:
            scope["state"]["received"] = _strict(body) if body else {}
            if not body:
                body = b"{}"
                _make_json(scope)
        is_read = False

        async def again() -> Message:
            nonlocal is_read
            if is_read:
                return await receive()
            is_read = True
            return {"type": "http.request", "body": body, "more_body": False}

        return again


_JSON: Final = ("application/json",)


def _strict(body: bytes) -> Any:
    try:
        return parsed(body)
    except NotStrict as error:
        raise Problem(
            400, "malformed", "Malformed body", f"The body {error}. Nothing was stored."
        ) from None


def _make_json(scope: Scope) -> None:
    others = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
    scope["headers"] = [*others, (b"content-type", b"application/json")]


def _require_type(headers: Headers, body: bytes, allowed: tuple[str, ...]) -> None:
    kind, _, parameters = headers.get("content-type", "").partition(";")
    is_utf8 = parameters.strip().lower().replace('"', "") in ("", "charset=utf-8")
    is_plain = headers.get("content-encoding", "identity").lower() == "identity"
    if not body and not headers.get("content-type") and allowed == _JSON:
        return
    if kind.strip().lower() not in allowed or not is_plain or (allowed == _JSON and not is_utf8):
        raise Problem(
            415, "unsupported-type", "Unsupported content type",
            f"Send the body as {allowed[0]}, not compressed. Nothing was stored.",
        )  # fmt: skip


async def _body(headers: Headers, receive: Receive, length_max: int, within: timedelta) -> bytes:
    """The whole body.

    Raises:
        Problem: it is too long, too slow or cut off. The connection is closed then, since the rest
            of the body must not be read as the next request.
    """
    announced = headers.get("content-length", "0")
    if not (announced.isascii() and announced.isdecimal()) or int(announced) > length_max:
        raise _too_long(length_max)
    received = bytearray()
    try:
        async with asyncio.timeout(within.total_seconds()):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                received += message.get("body", b"")
                if len(received) > length_max:
                    raise _too_long(length_max)
                if not message.get("more_body", False):
                    return bytes(received)
    except TimeoutError:
        raise Problem(
            408, "too-slow", "The body took too long",
            f"It has to arrive within {within.total_seconds():g} seconds. Nothing was stored.",
            headers=_CLOSE,
        ) from None  # fmt: skip
    except ClientDisconnect:
        raise Problem(
            400, "malformed", "Malformed body", "The body was cut off.", headers=_CLOSE
        ) from None


_CLOSE: Final = {"connection": "close"}


def _too_long(length_max: int) -> Problem:
    return Problem(
        413, "too-long", "The body is too long",
        f"At most {length_max} bytes are read. Nothing was stored.", headers=_CLOSE,
    )  # fmt: skip


def _dressed(scope: Scope, send: Send) -> Send:
    """Gives every answer the headers that all have, and logs it in one line."""

    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            headers["finality-version"] = VERSION
            headers["cache-control"] = "no-store"
            headers["x-content-type-options"] = "nosniff"
            if scope["method"] == "POST":
                headers["x-should-retry"] = "true" if status in _RETRIED else "false"
            _note(scope, status)
        await send(message)

    return dressed


def _note(scope: MutableMapping[str, Any], status: int) -> None:
    """One line per request. A path may contain anything, so the route's pattern is written."""
    route = scope.get("route")
    pattern = getattr(route, "path", "-")
    key = scope.get("state", {}).get("key")
    who = f"{key.tenant} {key.key_id}" if isinstance(key, ApiKey) else "-"
    log.info("%s %s %d %s", scope["method"], pattern, status, who)
