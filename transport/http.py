"""HTTP to a partner: returns values instead of exceptions, and knows whether a byte left."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

import httpx

from domain.clock import Clock
from domain.lifecycle.answers import Deadline
from transport.address import checked_address
from transport.body import UnreadableBody, read_body
from transport.exchange import Lost, NeverLeft, Outcome, Request, Response
from transport.handshake import refusal, refused_by_alert
from transport.identity import BadIdentity, Credential, Identity
from transport.time_left import TimeLeft, boottime

BODY_BYTES_MAX: Final = 2 * 1024 * 1024
_KEEPALIVE_SECONDS: Final = 2.0
_GREETING_SECONDS: Final = 10.0
#: A certificate can be revoked at any moment, but not so often that each request needs a greeting.
_GREETING_HOLDS: Final = timedelta(minutes=5)
#: What an `httpx` transport that replaces the network raises if the request never began.
_BEFORE_ANYTHING: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_HEADERS: Final = {"accept": "*/*", "accept-encoding": "gzip", "user-agent": "finality"}
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_CLOSE_POLITELY: Final = struct.pack("ii", 0, 0)


class Transport:
    """One partner's base URL. Redirects are not followed, and nothing is ever sent twice.

    Args:
        base_url: scheme, host and port; http only to this machine.
        clock: the wall clock that deadlines refer to.
        verify: True for the public certificate authorities, or a context with others.
        identity: our client certificate, with whom it trusts; replaces `verify`.
        connections_max: open at once; further requests wait until their write deadline.
        body_bytes_max: limit of an answer's body, received and unpacked.
        instead: an `httpx` transport that replaces the network, for recorded exchanges.
        boottime: seconds since boot; a parameter so that a test can simulate a suspend.

    Raises:
        BadAddress: `checked_address` refuses the base URL.
    """

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        verify: ssl.SSLContext | Literal[True] = True,
        identity: Identity | None = None,
        connections_max: int = 50,
        body_bytes_max: int = BODY_BYTES_MAX,
        instead: httpx.AsyncBaseTransport | None = None,
        boottime: Callable[[], float] = boottime,
    ) -> None:
        self._address = checked_address(base_url)
        self._clock = clock
        self._boottime = boottime
        self._body_bytes_max = body_bytes_max
        self._is_network = instead is None
        self._credential = Credential(identity) if identity is not None else None
        self._greeted: tuple[ssl.SSLContext, datetime] | None = None
        self._retired: list[_Connections] = []

        def connections(context: ssl.SSLContext | Literal[True]) -> _Connections:
            def kept(keepalive_max: int) -> httpx.AsyncBaseTransport:
                limits = httpx.Limits(
                    max_connections=connections_max,
                    max_keepalive_connections=keepalive_max,
                    keepalive_expiry=_KEEPALIVE_SECONDS,
                )
                return instead or httpx.AsyncHTTPTransport(
                    verify=context, limits=limits, trust_env=False
                )

            # httpx's connections without its client, which would merge, follow redirects and
            # remember cookies. So nothing is sent but what the request says, in less processor
            # time.
            return _Connections(context, kept(connections_max), kept(0))

        self._base_url = base_url.rstrip("/")
        self._connections = connections
        self._current: _Connections | None = None
        if self._credential is None:
            context = verify
            if context is True and instead is None:
                context = httpx.create_ssl_context()  # Shared: loading the authorities is slow.
            self._current = connections(context)

    async def greet(self) -> str | None:
        """Why the partner does not accept our client certificate, or we not its own; None: both do.

        Opens a connection without a request, and remembers for a while that it was accepted.
        """
        if self._credential is None or not self._is_network:
            return None
        now = self._clock.now()
        try:
            context = self._credential.context(now)
        except BadIdentity as bad:
            return str(bad)
        if self._greeted is not None:
            accepted, at = self._greeted
            if accepted is context and at <= now < at + _GREETING_HOLDS:
                return None
        if (why := await refusal(self._address, context, _GREETING_SECONDS)) is None:
            self._greeted = (context, now)
        return why

    async def exchange(self, request: Request, deadline: Deadline) -> Outcome:
        """Send the request once and read the whole answer.

        Nothing is written after `deadline.write_before`, and no answer is awaited after `ends_by`.
        A connection that is given up is reset, so that the kernel drops undelivered bytes.

        Raises:
            asyncio.CancelledError: the caller was cancelled; the connection was reset.
        """
        time_left = TimeLeft(deadline, self._clock, self._boottime)
        if time_left.is_too_late_to_write:
            return NeverLeft("its time to be sent was over before it began")
        try:
            connections = self._usable()
        except BadIdentity as bad:
            return NeverLeft(str(bad))
        sending = _Sending(time_left, has_body=bool(request.body), is_network=self._is_network)
        try:
            async with asyncio.timeout(time_left.answer_seconds):
                return await self._exchange(connections, request, time_left, sending)
        except _TooLate:
            why = "its time to be sent was over before it was written"
        except UnreadableBody as unreadable:
            why = str(unreadable)
        except TimeoutError:
            why = "no whole answer in time"
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            # OSError: httpx does not wrap TLS alerts that come while reading.
            why = _in_words(error)
            refused = refused_by_alert(error)
            if refused is not None and not sending.is_answered:
                # The server ended the handshake, so it never read what we had written meanwhile.
                return NeverLeft(refused)
            if not self._is_network and isinstance(error, _BEFORE_ANYTHING):
                return NeverLeft(why)
        return Lost(why) if sending.may_have_left else NeverLeft(why)

    async def close(self) -> None:
        for each in (self._current, *self._retired):
            if each is not None:
                await each.keeping.aclose()
                await each.once.aclose()

    def _usable(self) -> _Connections:
        """The connections to use now. A renewed client certificate gets new ones.

        Raises:
            BadIdentity: our client certificate cannot be used.
        """
        if self._credential is not None:
            context = self._credential.context(self._clock.now())
            if self._current is None or self._current.context is not context:
                # Requests under way keep theirs.
                self._retired += [self._current] if self._current is not None else []
                self._current = self._connections(context)
        assert self._current is not None
        return self._current

    async def _exchange(
        self, made: _Connections, request: Request, time_left: TimeLeft, sending: _Sending
    ) -> Response:
        connections = made.once if request.once else made.keeping
        headers = {**_HEADERS, "connection": "close" if request.once else "keep-alive"}
        headers |= {name.lower(): value for name, value in request.headers.items()}
        if request.content_type:
            headers["content-type"] = request.content_type
        timeout = httpx.Timeout(
            connect=time_left.write_seconds,
            pool=time_left.write_seconds,
            write=time_left.answer_seconds,
            read=None,  # The whole exchange has a limit; a slow drip never ends a read limit.
        )
        reply = await connections.handle_async_request(
            httpx.Request(
                request.method,
                self._base_url + request.target,
                headers=headers,
                content=request.body or None,
                extensions={"trace": sending.trace, "timeout": timeout.as_dict()},
            )
        )
        try:
            names = {name.lower(): value for name, value in reply.headers.items()}
            assert isinstance(reply.stream, httpx.AsyncByteStream)
            # The raw stream: httpx would unpack each piece without any limit.
            encoding = names.get("content-encoding", "")
            body = await read_body(reply.stream, encoding, self._body_bytes_max)
            return Response(reply.status_code, names, body)
        finally:
            await reply.aclose()


class _Connections(NamedTuple):
    """Kept ones, and new ones for what must not be executed twice; with the context of both."""

    context: ssl.SSLContext | Literal[True]
    keeping: httpx.AsyncBaseTransport
    once: httpx.AsyncBaseTransport


class _TooLate(Exception):
    """The moment to write has passed."""


class _Sending:
    """Follows one request through httpcore's `trace` extension down to its socket."""

    def __init__(self, time_left: TimeLeft, *, has_body: bool, is_network: bool) -> None:
        self._time_left = time_left
        self._has_body = has_body
        self._socket: socket.socket | None = None
        # A replacement for the network makes no trace, so nothing proves that no byte left.
        self.may_have_left = not is_network
        self.is_answered = False

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by httpcore at each step. An exception raised here ends the request."""
        match event:
            case "connection.connect_tcp.complete":
                self._socket = info["return_value"].get_extra_info("socket")
                # From now on, if the connection ends early, even because this process dies, the
                # kernel drops the bytes that it still holds.
                self._linger(_RESET_ON_CLOSE)
            case "http11.send_request_headers.started":
                self._check_time()
                self._limit_delivery()
                self.may_have_left = True
            case "http11.send_request_body.started" if self._has_body:
                # A second write. The partner cannot execute the headers alone, so stopping
                # between the two is safe.
                self._check_time()
            case "http11.receive_response_headers.complete":
                self.is_answered = True
            case "http11.receive_response_body.complete":
                self._linger(_CLOSE_POLITELY)

    def _check_time(self) -> None:
        if self._time_left.is_too_late_to_write:
            raise _TooLate

    def _linger(self, option: bytes) -> None:
        if self._socket is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)

    def _limit_delivery(self) -> None:
        """Have the kernel drop unacknowledged bytes once the time for the answer is over."""
        if self._socket is not None and sys.platform == "linux":
            milliseconds = max(int(self._time_left.answer_seconds_left * 1000), 1)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
