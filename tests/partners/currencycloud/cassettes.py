"""Recorded exchanges of the official client, served in their order as if by the network."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx

_OWN_FRAMING = ("transfer-encoding", "content-length", "connection")


@dataclass(frozen=True)
class Recorded:
    """One exchange as it was recorded."""

    method: str
    url: httpx.URL
    form: dict[str, str]
    status: int
    headers: dict[str, str]
    body: bytes

    def response(self) -> httpx.Response:
        """As it came over the wire: packed where it was packed."""
        return httpx.Response(self.status, headers=self.headers, content=self.body)


def recordings(specs: Path, name: str) -> list[Recorded]:
    """The exchanges of one recording, such as "payments/create"."""
    file = specs / "currencycloud" / "cassettes" / "python" / f"{name}.json"
    return list(_read(json.loads(file.read_text())))


@dataclass
class Replay:
    """Serves the recordings one after the other; each must be asked for as it was recorded."""

    recorded: list[Recorded]
    forms: list[dict[str, str]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)

    def handle(self, request: httpx.Request) -> httpx.Response:
        assert self.recorded, f"nothing is recorded for {request.method} {request.url.path}"
        expected = self.recorded.pop(0)
        assert (request.method, request.url.path) == (expected.method, expected.url.path)
        self.forms.append(dict(parse_qsl(request.content.decode(), keep_blank_values=True)))
        self.tokens.append(request.headers.get("x-auth-token"))
        return expected.response()


def _read(cassette: dict[str, Any]) -> Iterator[Recorded]:
    for each in cassette["http_interactions"]:
        asked, answered = each["request"], each["response"]
        body = answered["body"]
        packed = body.get("base64_string")
        headers = {
            name: value if isinstance(value, str) else ", ".join(value)
            for name, value in answered["headers"].items()
            if name.lower() not in _OWN_FRAMING
        }
        yield Recorded(
            asked["method"],
            httpx.URL(asked["uri"]),
            dict(parse_qsl(asked["body"]["string"], keep_blank_values=True)),
            answered["status"]["code"],
            headers,
            base64.b64decode(packed) if packed else body["string"].encode(),
        )
