"""Posts webhooks to receivers that tenants name: bounded in time and size, to a pinned address.

This is not `transport/http.py`, which talks to partners: there the question is whether a byte left,
and here it is what the receiver answered. The status decides, and the answer's body is not kept:
shown to the tenant, it would turn our connection into a reader of what it reaches.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

import httpx

from domain.clock import Clock
from transport.targets import BadTarget, Network, Resolve, Target, address_of, checked_target

#: The Standard Webhooks specification recommends 15 to 30 seconds.
ANSWER_SECONDS: Final = 20.0
_CONNECT_SECONDS: Final = 10.0
#: Of an answer's body, so that the connection can be used again. The rest is not read.
_DRAINED_BYTES_MAX: Final = 64 * 1024
_DRAINED_SECONDS: Final = 1.0
_WHY_LENGTH_MAX: Final = 200
_HEADERS: Final = {"accept": "*/*", "user-agent": "finality-webhooks"}


class Answered(NamedTuple):
    """The receiver's status, and how long it asks to be left alone."""

    status: int
    retry_after: timedelta | None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class Unreached(NamedTuple):
    """No answer; `why` is for people."""

    why: str


class Posting:
    """Opens lines to receivers.

    Args:
        allowed: networks that may be reached although they are private, also by plain http.
        clock: for a `Retry-After` that is a date.
        verify: the certificate authorities; None: the public ones, or those of `SSL_CERT_FILE`.
    """

    def __init__(
        self,
        *,
        allowed: Sequence[Network],
        resolve: Resolve,
        clock: Clock,
        verify: ssl.SSLContext | None = None,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._clock = clock
        self._verify = verify
        self._answer_seconds = answer_seconds

    @asynccontextmanager
    async def line(self, url: str) -> AsyncIterator[Line]:
        """A line to one receiver. Its address is resolved at the first post, and stays pinned."""
        if self._verify is None:
            self._verify = httpx.create_ssl_context()  # Loading the authorities is slow.
        network = httpx.AsyncHTTPTransport(
            verify=self._verify, trust_env=False, limits=httpx.Limits(max_connections=1)
        )
        try:
            yield Line(self, network, url)
        finally:
            await network.aclose()

    async def place(self, url: str) -> tuple[Target, str]:
        """The parts of the URL, and the address to connect to.

        Raises:
            BadTarget: it may not be reached.
            OSError: its name cannot be resolved now.
        """
        target = checked_target(url, self._allowed)
        return target, await address_of(target, self._allowed, self._resolve)

    async def send(
        self, network: httpx.AsyncBaseTransport, target: Target, address: str,
        headers: Mapping[str, str], body: bytes,
    ) -> Answered | Unreached:  # fmt: skip
        """One request to a pinned address. Redirects are not followed."""
        host = f"[{address}]" if ":" in address else address
        timeout = httpx.Timeout(self._answer_seconds, connect=_CONNECT_SECONDS)
        request = httpx.Request(
            "POST",
            f"{target.scheme}://{host}:{target.port}{target.path}",
            headers={**_HEADERS, **headers, "host": target.authority},
            content=body,
            # The certificate is checked for the name, although the connection goes to the address.
            extensions={"sni_hostname": target.host, "timeout": timeout.as_dict()},
        )
        try:
            async with asyncio.timeout(self._answer_seconds):
                reply = await network.handle_async_request(request)
        except TimeoutError:
            return Unreached(f"no answer within {self._answer_seconds:g} seconds")
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            return Unreached(_in_words(error))
        try:
            return Answered(reply.status_code, self._retry_after(reply))
        finally:
            await _drain(reply)

    def _retry_after(self, reply: httpx.Response) -> timedelta | None:
        text = reply.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdecimal() and len(text) < _RETRY_DIGITS_MAX:
            return timedelta(seconds=int(text))
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, TypeError):
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max(at - self._clock.now(), timedelta(0))


_RETRY_DIGITS_MAX: Final = 8


class Line:
    """Posts to one receiver, one request at a time."""

    def __init__(self, posting: Posting, network: httpx.AsyncBaseTransport, url: str) -> None:
        self._posting = posting
        self._network = network
        self._url = url
        self._place: tuple[Target, str] | None = None

    async def post(self, headers: Mapping[str, str], body: bytes) -> Answered | Unreached:
        """Post once and say what was answered. Raises nothing that a receiver can cause."""
        if self._place is None:
            try:
                self._place = await self._posting.place(self._url)
            except BadTarget as bad:
                return Unreached(f"the address {bad}")
            except TimeoutError:
                return Unreached("its name could not be resolved in time")
            except (OSError, UnicodeError):
                return Unreached("its name cannot be resolved")
        target, address = self._place
        return await self._posting.send(self._network, target, address, headers, body)


async def _drain(reply: httpx.Response) -> None:
    """Read a short answer to its end, so that the connection can be used again."""
    with suppress(TimeoutError, httpx.HTTPError, httpx.StreamError, OSError):
        async with asyncio.timeout(_DRAINED_SECONDS):
            assert isinstance(reply.stream, httpx.AsyncByteStream)
            read = 0
            async for piece in reply.stream:
                read += len(piece)
                if read > _DRAINED_BYTES_MAX:
                    break
    with suppress(httpx.HTTPError, OSError):
        await reply.aclose()


def _in_words(error: BaseException) -> str:
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {found.verify_message}"[:_WHY_LENGTH_MAX]
        found = found.__cause__ or found.__context__
    return f"{type(error).__name__}: {error}"[:_WHY_LENGTH_MAX]
