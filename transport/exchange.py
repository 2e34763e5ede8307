"""One request and its outcome, as values: a network fault is not an exception."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode


@dataclass(frozen=True)
class Request:
    """A request to send. `path` is absolute below the partner's base URL.

    `once` is for requests that must not be executed twice. Such a request gets a new connection: a
    kept one may be dead without our notice, and would leave the send in doubt for nothing.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    content_type: str = ""
    once: bool = False

    @property
    def target(self) -> str:
        """Path and query as they are sent."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


@dataclass(frozen=True)
class Response:
    """A whole answer, unpacked, of any status. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")


@dataclass(frozen=True)
class NeverLeft:
    """Proven: the partner read no byte of the request.

    None was handed to the network, or the partner ended the TLS handshake by an alert.
    """

    why: str


@dataclass(frozen=True)
class Lost:
    """Bytes may have left, and no whole answer came back."""

    why: str


Outcome = Response | NeverLeft | Lost
