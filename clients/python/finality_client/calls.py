"""A request to be made, and how its answer is read. Nothing here sends."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from finality_client.answers import Answer
from finality_client.errors import UnreadableAnswer
from finality_client.orders import text_of, written

T_co = TypeVar("T_co", covariant=True)
A = TypeVar("A", bound=Answer)

#: The version of the API that this release of the client speaks.
VERSION: Final = "2026-11-30"
RELEASE: Final = "0.1.0"
KEY_LENGTH_MAX: Final = 255
#: The longest that the server waits in a long poll.
POLL_SECONDS_MAX: Final = 30


@dataclass(frozen=True)
class Call(Generic[T_co]):
    """One request.

    Attributes:
        key: its Idempotency-Key, kept over retries. Only commands that change nothing when they
            are repeated have none.
        waits: seconds for which the server may hold the answer back.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T_co] = field(repr=False)
    query: tuple[tuple[str, str], ...] = ()
    content: bytes | None = field(default=None, repr=False)
    content_type: str = "application/json"
    key: str | None = None
    waits: float = 0

    @property
    def headers(self) -> dict[str, str]:
        """What this request has beside the headers of all."""
        found = {}
        if self.content is not None:
            found["content-type"] = self.content_type
        if self.key is not None:
            found["idempotency-key"] = self.key
        return found


def get(path: str, model: type[A], *, waits: float = 0, **query: object) -> Call[A]:
    """A read. Parameters that are None are left out."""
    return Call("GET", path, reading(model), query=parameters(query), waits=waits)


def post(path: str, model: type[A], body: Mapping[str, Any], key: str | None) -> Call[A]:
    """A command, once under its key."""
    return Call("POST", path, reading(model), content=written(body), key=usable_key(key))


def ask(
    method: str, path: str, read: Callable[[httpx.Response], T_co], body: Mapping[str, Any]
) -> Call[T_co]:
    """A command that changes nothing when it is repeated, so that it has no key."""
    return Call(method, path, read, content=written(body))


def nothing(_: httpx.Response) -> None:
    """Reads an answer without a body."""


def check_wait(wait: int) -> None:
    """Require seconds that one long poll may last.

    Raises:
        ValueError: they are too many.
    """
    if not 0 <= wait <= POLL_SECONDS_MAX:
        raise ValueError(f"wait: give 0 to {POLL_SECONDS_MAX} seconds; `wait_until` waits longer")


def usable_key(key: str | None) -> str:
    """The key, or a new one.

    Raises:
        ValueError: it is empty, too long, or has characters that a header cannot have.
    """
    if key is None:
        return str(uuid.uuid4())
    if not (1 <= len(key) <= KEY_LENGTH_MAX and key.isascii() and key.isprintable()):
        raise ValueError(
            f"key: give 1 to {KEY_LENGTH_MAX} printable ASCII characters, such as an order number"
        )
    if key != key.strip():
        raise ValueError("key: it begins or ends with a space, which a header does not keep")
    return key


def parameters(query: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """As an address has them."""
    found: list[tuple[str, str]] = []
    for name, value in query.items():
        if isinstance(value, (list, tuple)):
            found += [(name, str(each)) for each in value]
        elif value is not None:
            found.append((name, _parameter(value)))
    return tuple(found)


def _parameter(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case date():
            return text_of(value)
        case _:
            return str(value)


def segment(text: str, name: str = "id") -> str:
    """An id as one part of a path.

    Raises:
        ValueError: it is empty, or would name another address.
    """
    if text in ("", ".", ".."):
        raise ValueError(f"{name}: {text!r} is no id")
    return quote(text, safe="")


def reading(model: type[A]) -> Callable[[httpx.Response], A]:
    """A reader of answers of that shape."""

    def read(response: httpx.Response) -> A:
        try:
            answer = model.model_validate_json(response.content)
        except ValidationError as error:
            places = sorted({".".join(map(str, each["loc"])) or "body" for each in error.errors()})
            request = response.request
            key = request.headers.get("idempotency-key")
            raise UnreadableAnswer(
                f"{request.method} {request.url.path} was answered {response.status_code}, but not "
                f"as Finality does (wrong: {', '.join(places[:5])}). Is the address right?",
                key=key,
                may_be_recorded=key is not None,
            ) from None
        answer._replayed = response.headers.get("idempotent-replayed", "").lower() == "true"
        return answer

    return read
