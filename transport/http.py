"""HTTP to a partner: values instead of exceptions, and whether a byte of the request left."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import httpx

from domain.answers import Deadline
from domain.clock import Clock
from transport.address import checked_address
from transport.body import UnreadableBody, read_body
from transport.exchange import Lost, NeverLeft, Outcome, Request, Response
from transport.time_left import TimeLeft, boottime

BODY_BYTES_MAX: Final = 2 * 1024 * 1024
_KEEPALIVE_SECONDS: Final = 2.0
#: What an `httpx` transport in place of the network raises to say that it never began.
_BEFORE_ANYTHING: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_CLOSE_POLITELY: Final = struct.pack("ii", 0, 0)


class Transport:
    """One partner's base URL. Redirects are not followed, and nothing is ever sent twice.

    Args:
        base_url: scheme, host and port; http only to this machine.
        clock: the wall clock by which deadlines are meant.
        verify: True for the public authorities, or a context with own ones.
        connections_max: at once; more requests wait for their turn until it is too late.
        instead: an `httpx` transport to use in place of the network, for recorded exchanges.
        boottime: seconds since boot, given so that a test can let the machine sleep.

    Raises:
        BadAddress: the base URL would send credentials in the clear.
    """

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        verify: ssl.SSLContext | Literal[True] = True,
        connections_max: int = 50,
        body_bytes_max: int = BODY_BYTES_MAX,
        instead: httpx.AsyncBaseTransport | None = None,
        boottime: Callable[[], float] = boottime,
    ) -> None:
        checked_address(base_url)
        self._clock = clock
        self._boottime = boottime
        self._body_bytes_max = body_bytes_max
        self._is_network = instead is None
        context = verify
        if context is True and instead is None:
            context = httpx.create_ssl_context()  # One for both: reading the authorities is slow.

        def client(keepalive_max: int, headers: Mapping[str, str]) -> httpx.AsyncClient:
            limits = httpx.Limits(
                max_connections=connections_max,
                max_keepalive_connections=keepalive_max,
                keepalive_expiry=_KEEPALIVE_SECONDS,
            )
            return httpx.AsyncClient(
                base_url=base_url,
                transport=instead
                or httpx.AsyncHTTPTransport(verify=context, limits=limits, trust_env=False),
                headers={"accept-encoding": "gzip", "user-agent": "finality", **headers},
                follow_redirects=False,
                trust_env=False,
            )

        self._keeping = client(connections_max, {})
        self._once = client(0, {"connection": "close"})

    async def exchange(self, request: Request, deadline: Deadline) -> Outcome:
        """Send the request once and read the whole answer.

        Nothing is written after `deadline.write_before`, nothing awaited after `ends_by`. What
        is given up is reset, so that the kernel drops the bytes it has not delivered yet.

        Raises:
            asyncio.CancelledError: cancelled meanwhile; the connection was reset.
        """
        time_left = TimeLeft(deadline, self._clock, self._boottime)
        if time_left.is_too_late_to_write:
            return NeverLeft("its time to be sent was over before it began")
        sending = _Sending(time_left, has_body=bool(request.body), is_network=self._is_network)
        try:
            async with asyncio.timeout(time_left.answer_seconds):
                return await self._exchange(request, time_left, sending)
        except _TooLate:
            why = "its time to be sent was over before it was written"
        except UnreadableBody as unreadable:
            why = str(unreadable)
        except TimeoutError:
            why = "no whole answer in time"
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            # OSError: TLS alerts on reading come as they are.
            why = _in_words(error)
            if not self._is_network and isinstance(error, _BEFORE_ANYTHING):
                return NeverLeft(why)
        return Lost(why) if sending.may_have_left else NeverLeft(why)

    async def close(self) -> None:
        await self._keeping.aclose()
        await self._once.aclose()

    async def _exchange(self, request: Request, time_left: TimeLeft, sending: _Sending) -> Response:
        client = self._once if request.once else self._keeping
        headers = dict(request.headers)
        if request.content_type:
            headers["content-type"] = request.content_type
        async with client.stream(
            request.method,
            request.target,
            headers=headers,
            content=request.body or None,
            timeout=httpx.Timeout(
                connect=time_left.write_seconds,
                pool=time_left.write_seconds,
                write=time_left.answer_seconds,
                read=None,  # Bounded as a whole: a dripping answer never lets a read run out.
            ),
            extensions={"trace": sending.trace},
        ) as reply:
            names = {name.lower(): value for name, value in reply.headers.items()}
            assert isinstance(reply.stream, httpx.AsyncByteStream)
            # As it came: httpx would unpack each piece whole, however much that is.
            encoding = names.get("content-encoding", "")
            body = await read_body(reply.stream, encoding, self._body_bytes_max)
            return Response(reply.status_code, names, body)


class _TooLate(Exception):
    """The moment to write has passed."""


class _Sending:
    """Follows one request through httpcore's `trace` extension down to its socket."""

    def __init__(self, time_left: TimeLeft, *, has_body: bool, is_network: bool) -> None:
        self._time_left = time_left
        self._has_body = has_body
        self._socket: socket.socket | None = None
        # In place of the network there is no trace to prove anything.
        self.may_have_left = not is_network

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by httpcore at each step; what is raised here ends the request."""
        match event:
            case "connection.connect_tcp.complete":
                self._socket = info["return_value"].get_extra_info("socket")
                # From here on whatever ends this connection early, our own death included,
                # makes the kernel drop the bytes it still holds.
                self._linger(_RESET_ON_CLOSE)
            case "http11.send_request_headers.started":
                self._check_time()
                self._limit_delivery()
                self.may_have_left = True
            case "http11.send_request_body.started" if self._has_body:
                # A second write: a partner cannot execute the headers alone.
                self._check_time()
            case "http11.receive_response_body.complete":
                self._linger(_CLOSE_POLITELY)

    def _check_time(self) -> None:
        if self._time_left.is_too_late_to_write:
            raise _TooLate

    def _linger(self, option: bytes) -> None:
        if self._socket is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)

    def _limit_delivery(self) -> None:
        """Let the kernel give up unacknowledged bytes when nobody waits for an answer any more."""
        if self._socket is not None and sys.platform == "linux":
            milliseconds = max(int(self._time_left.answer_seconds_left * 1000), 1)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
