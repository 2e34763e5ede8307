"""Serves HTTP inside one of our processes, as long as a context lasts; signals stay ours."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn
from starlette.applications import Starlette

from domain.explained import Explained

#: Open at once; further callers get 503 and retry.
_CONNECTIONS_MAX: Final = 500
#: Time for requests under way to end when the server stops.
_STOP_SECONDS: Final = 10


class PortTaken(Explained):
    """Another program listens at the address; the text names it."""


class _Served(uvicorn.Server):
    """Leaves signals alone: uvicorn would raise them again at its end, as if sent twice."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(
    application: Starlette, *, host: str, port: int, behind_proxy: bool = False
) -> AsyncIterator[int]:
    """Serve until the context ends, then finish the requests under way. Yields the port.

    Args:
        port: 0 takes a free one.
        behind_proxy: a proxy on this machine says who calls. Otherwise every program here could
            claim to call from elsewhere, or as another user's program.

    Raises:
        PortTaken: the address cannot be listened on.
    """
    listener = _listen(host, port)
    server = _Served(
        uvicorn.Config(
            application,
            log_level="warning",
            access_log=False,
            lifespan="off",
            proxy_headers=behind_proxy,
            limit_concurrency=_CONNECTIONS_MAX,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


def _listen(host: str, port: int) -> socket.socket:
    """Bind here, because uvicorn ends the whole process if the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off; with it on, each answer waits.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise PortTaken(f"cannot listen at {host}:{port}: {error.strerror}") from error
    return listener
