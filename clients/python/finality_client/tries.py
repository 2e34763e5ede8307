"""When a request is sent again: the one place that decides it, for both clients.

A POST has one key, which is made before the first try and kept over all of them, so a repeat is
safe: the server finds what it recorded. A command without a key changes nothing when it is
repeated. `x-should-retry` is obeyed. Without it (a proxy answered), only statuses that say nothing
of the request are repeated.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from finality_client.calls import Call
from finality_client.errors import NoAnswer, api_error

_RETRIED: Final = frozenset({408, 429, 500, 502, 503, 504})
#: Failures before a connection stood: no byte of the request left.
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True)
class Retries:
    """How often and how long a request is repeated.

    Attributes:
        tries_max: with the first one.
        pause_seconds: before the second try; it doubles, with a random part, up to `pause_max`.
        retry_after_max: if the server asks for more seconds than this, the error is raised instead.
    """

    tries_max: int = 5
    pause_seconds: float = 0.5
    pause_max: float = 8
    retry_after_max: float = 60

    def __post_init__(self) -> None:
        if self.tries_max < 1:
            raise ValueError(f"tries_max is {self.tries_max}; give 1 for no retry, or more")


DEFAULT: Final = Retries()


class Tries:
    """The tries of one request."""

    def __init__(self, call: Call[object], retries: Retries) -> None:
        self._call = call
        self._retries = retries
        self._count = 0
        self._in_doubt = False

    def failed(self, error: httpx.RequestError) -> float:
        """No answer came. Returns the seconds to wait before the next try.

        Raises:
            NoAnswer: there is no next one.
        """
        call = self._call
        self._in_doubt |= call.key is not None and not isinstance(error, _NOT_SENT)
        pause = self._pause()
        if pause is not None:
            return pause
        text = f"{call.method} {call.path} got no answer: {type(error).__name__}"
        if str(error):
            text = f"{text}: {error}"
        if self._in_doubt:
            text = f"{text}. It may be recorded: repeat it with the key {call.key!r} and no other"
        raise NoAnswer(f"{text}.", key=call.key, may_be_recorded=self._in_doubt) from error

    def answered(self, response: httpx.Response) -> float | None:
        """An answer came. Returns the seconds to wait before the next try; None: it is a success.

        Raises:
            ApiError: it is an error, and the last word.
        """
        if response.is_success:
            return None
        should_retry = _should_retry(response)
        wait = _retry_after(response.headers)
        if self._call.key is not None and response.status_code in (408, 500, 502, 503, 504):
            self._in_doubt = True
        if should_retry and (wait is None or wait <= self._retries.retry_after_max):
            pause = self._pause()
            if pause is not None:
                return max(pause, wait or 0)
        raise api_error(
            response, key=self._call.key, may_be_recorded=self._in_doubt, retry_after=wait
        )

    def _pause(self) -> float | None:
        self._count += 1
        if self._count >= self._retries.tries_max:
            return None
        doubled = self._retries.pause_seconds * 2.0 ** (self._count - 1)
        whole = min(self._retries.pause_max, doubled)
        # Callers that failed together must not come back together.
        return whole * random.uniform(0.5, 1)


def _should_retry(response: httpx.Response) -> bool:
    match response.headers.get("x-should-retry", "").lower():
        case "true":
            return True
        case "false":
            return False
        case _:
            return response.status_code in _RETRIED


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from either form of RFC 9110; None if there is none that can be read."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
