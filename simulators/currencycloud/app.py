"""The HTTP surface: their routes, and connections that really break."""

from __future__ import annotations

import asyncio
import socket
import struct
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from simulators.currencycloud.control import control_routes
from simulators.currencycloud.partner import ENDPOINTS, Answer, Call, Partner

_TRANSPORT = "simulator.transport"


class CuttableProtocol(H11Protocol):
    """uvicorn's own, except that the application can reach its connection to cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The type is uvicorn's own narrowing of the base class."""
        super().connection_made(transport)
        app: Callable[..., Awaitable[Any]] = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope[_TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = with_transport


class _Endpoint:
    def __init__(self, partner: Partner, name: str) -> None:
        self._partner = partner
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        call = await _call(request, self._name)
        if (wait := self._partner.wait_before(call)) > 0:
            await asyncio.sleep(wait)
        answer = self._partner.answer(call)
        if answer.wait_seconds > 0:
            await asyncio.sleep(answer.wait_seconds)
        if answer.cut:
            await _cut(request, answer)
            return
        await _response(answer)(scope, receive, send)


async def _call(request: Request, endpoint: str) -> Call:
    """Their parameters are in the query of a GET and in the form of a POST."""
    pairs = request.query_params.multi_items()
    if request.method == "POST":
        form = await request.form()
        pairs = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    return Call(
        method=request.method,
        path=request.url.path,
        endpoint=endpoint,
        fields=dict(pairs),
        lists=lists,
        token=request.headers.get("X-Auth-Token"),
        object_id=request.path_params.get("id", ""),
    )


def _response(answer: Answer) -> Response:
    headers = {**answer.reply.headers, "X-Request-Id": str(uuid.uuid4().int % 10**19)}
    headers["content-type"] = answer.reply.content_type
    return Response(answer.reply.payload(), answer.reply.status, headers)


async def _cut(request: Request, answer: Answer) -> None:
    """End the connection without a byte of an answer: closed, or reset."""
    transport: asyncio.Transport = request.scope[_TRANSPORT]
    if answer.reset:
        connection: socket.socket = transport.get_extra_info("socket")
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
    # uvicorn must have seen it, else it takes our silence for an error and answers that.
    while not await request.is_disconnected():
        await asyncio.sleep(0)


def listen(port: int) -> socket.socket:
    """A listening socket on this machine only; port 0 takes any free one.

    Raises:
        OSError: the port is taken.
    """
    # Named as TCP, or asyncio leaves Nagle on and each reply costs 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


def build_server(partner: Partner) -> uvicorn.Server:
    """Serves with `await server.serve(sockets=[listener])`."""
    config = uvicorn.Config(
        build_app(partner),
        http=CuttableProtocol,
        lifespan="off",
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def build_app(partner: Partner) -> Starlette:
    routes = [
        Route(path, _Endpoint(partner, name), methods=[method]) for method, path, name in ENDPOINTS
    ]
    return Starlette(routes=[*routes, *control_routes(partner)])
