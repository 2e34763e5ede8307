"""The HTTP server: the partner's routes, and faults that really break connections."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from simulators.kit.control import Control
from simulators.kit.courier import Courier
from simulators.kit.partner import Answer, Call, Partner

_TRANSPORT = "simulator.transport"


class CuttableProtocol(H11Protocol):
    """uvicorn's protocol, which also lets the application reach its connection and cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The parameter's type is narrowed as in uvicorn."""
        super().connection_made(transport)
        app: Callable[..., Awaitable[Any]] = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope[_TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = with_transport


class _Endpoint:
    def __init__(self, partner: Partner, courier: Courier, name: str) -> None:
        self._partner = partner
        self._courier = courier
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        call = await _call(request, self._name, self._partner)
        if (wait := self._partner.wait_before(call)) > 0:
            await asyncio.sleep(wait)
        answer = self._partner.answer(call)
        await self._courier.deliver(answer.after)
        if answer.wait_seconds > 0:
            self._courier.poke()
            await asyncio.sleep(answer.wait_seconds)
        try:
            await _leave(answer, request, scope, receive, send)
        finally:
            self._courier.poke()


async def _call(request: Request, endpoint: str, partner: Partner) -> Call:
    """The request as a `Call`: a GET has its fields in the query, others in body and query."""
    pairs = request.query_params.multi_items()
    written: dict[str, Any] = {}
    raw = await request.body()
    if partner.body == "json":
        written = _object(raw)
    elif request.method != "GET":
        form = await request.form()
        pairs += [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    token = request.headers.get(partner.token_header)
    return Call(
        method=request.method,
        path=request.url.path,
        endpoint=endpoint,
        fields={**dict(pairs), **written},
        lists=lists,
        token=token and token.split(" ", 1)[-1],
        object_id=request.path_params.get("id", ""),
        headers=dict(request.headers),
        address=f"{request.url.scheme}://{request.url.netloc}",
        certificate=_subject(request),
        parts=dict(request.path_params),
        raw=raw,
        certificate_der=_certificate(request),
    )


def _subject(request: Request) -> str:
    """The subject of the client's certificate, in one line."""
    connection: asyncio.Transport = request.scope[_TRANSPORT]
    certificate = connection.get_extra_info("peercert") or {}
    named = (pair for part in certificate.get("subject", ()) for pair in part)
    return ", ".join(f"{name}={value}" for name, value in named)


def _certificate(request: Request) -> bytes:
    """The client's certificate; empty if it presented none."""
    connection: asyncio.Transport = request.scope[_TRANSPORT]
    tls: ssl.SSLObject | None = connection.get_extra_info("ssl_object")
    return (tls.getpeercert(binary_form=True) if tls else None) or b""


def _object(body: bytes) -> dict[str, Any]:
    """The fields of a JSON body; none if it is not an object."""
    try:
        whole = json.loads(body)
    except ValueError:
        return {}
    return whole if isinstance(whole, dict) else {}


def _response(answer: Answer) -> Response:
    headers = {**answer.reply.headers, "X-Request-Id": str(uuid.uuid4().int % 10**19)}
    headers["content-type"] = answer.reply.content_type
    return Response(answer.reply.payload(), answer.reply.status, headers)


async def _leave(
    answer: Answer, request: Request, scope: Scope, receive: Receive, send: Send
) -> None:
    """Send the reply, whole and at once unless a fault rule says otherwise."""
    response, rule = _response(answer), answer.spoiler
    param = rule.param if rule else {}
    match rule.fault if rule else None:
        case "reply_lost_before" | "reply_lost_after":
            await _cut(request, is_reset=bool(param.get("reset")))
        case "cut_mid_body":
            size = int(param.get("bytes", len(response.body) // 2))
            await _begin(response, send)
            await send(_piece(response.body[:size]))
            await _cut(request, is_reset=bool(param.get("reset")))
        case "drip":
            await _drip(
                response, int(param.get("bytes", 1)), float(param.get("seconds", 0.05)), send
            )
        case _:
            await response(scope, receive, send)


async def _begin(response: Response, send: Send) -> None:
    """Send the headers, which announce the whole length."""
    start = {"type": "http.response.start", "status": response.status_code}
    await send({**start, "headers": response.raw_headers})


def _piece(part: bytes | memoryview, *, is_last: bool = False) -> Message:
    return {"type": "http.response.body", "body": part, "more_body": not is_last}


async def _drip(response: Response, size: int, seconds: float, send: Send) -> None:
    await _begin(response, send)
    body = bytes(response.body)
    for start in range(0, len(body), size):
        await asyncio.sleep(seconds)
        await send(_piece(body[start : start + size]))
    await send(_piece(b"", is_last=True))


async def _cut(request: Request, *, is_reset: bool) -> None:
    """End the connection without sending another byte, by a close or a reset."""
    transport: asyncio.Transport = request.scope[_TRANSPORT]
    # Bytes sent so far have to leave first, or they would be dropped.
    while transport.get_write_buffer_size():
        await asyncio.sleep(0)
    if is_reset:
        connection: socket.socket = transport.get_extra_info("socket")
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
    # Wait until uvicorn has noticed, or it takes the missing reply for an error and sends one.
    while not await request.is_disconnected():
        await asyncio.sleep(0)


def listen(port: int) -> socket.socket:
    """A listening socket on this machine only; port 0 takes any free one.

    Raises:
        OSError: the port is taken.
    """
    # With the protocol named, asyncio turns Nagle's algorithm off; with it on, a reply takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


class PartnerServer(uvicorn.Server):
    """Serves with `await server.serve(sockets=[listener])`; the courier runs for as long."""

    def __init__(
        self,
        partner: Partner,
        control: type[Control] = Control,
        certificate: Path | None = None,
        client_authority: Path | None = None,
    ) -> None:
        """Args:
        certificate: a PEM file with key and chain; with it the server speaks HTTPS.
        client_authority: a PEM file with the authorities whose client certificates are accepted.
            A certificate of another authority, or one that has expired, ends the TLS handshake. A
            client without a certificate is let in, because people open pages here in a browser;
            the partner refuses its requests.
        """
        courier = Courier(partner)
        routes = [
            Route(path, _Endpoint(partner, courier, name), methods=[method])
            for method, path, name in partner.endpoints
        ]
        config = uvicorn.Config(
            Starlette(routes=[*routes, *control(partner).routes(courier.poke)]),
            http=CuttableProtocol,
            lifespan="off",
            log_level="warning",
            timeout_graceful_shutdown=1,
            ssl_certfile=certificate,
            ssl_ca_certs=None if client_authority is None else str(client_authority),
            ssl_cert_reqs=ssl.CERT_NONE if client_authority is None else ssl.CERT_OPTIONAL,
        )
        super().__init__(config)
        self._courier = courier

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        running = asyncio.create_task(self._courier.run())
        try:
            await super().serve(sockets)
        finally:
            running.cancel()
