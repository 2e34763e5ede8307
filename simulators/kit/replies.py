"""A reply before it is sent, and refusals in the partner's words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]
Json = dict[str, Any]


@dataclass
class Reply:
    """A reply, before any fault of its transmission."""

    status: int
    body: Any
    content_type: str = "application/json;charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)

    def payload(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, separators=(",", ":"), ensure_ascii=False).encode()


class Refusal(Exception):
    """A refusal in the partner's words: a status and its error body."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body

    def reply(self) -> Reply:
        return Reply(self.status, self.body)


def html(status: int, title: str) -> Reply:
    """A page such as a proxy before the API sends if the API is away."""
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Reply(status, page.encode(), "text/html")
