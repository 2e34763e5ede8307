"""HTTP inside a process of ours: served as long as the context lasts, signals left to us."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn
from starlette.applications import Starlette

from domain.explained import Explained

#: At once; beyond it callers hear 503 and come again.
_CONNECTIONS_MAX: Final = 500
#: For requests in hand when it is told to stop.
_STOP_SECONDS: Final = 10


class PortTaken(Explained):
    """Another program listens at the address; the text names it."""


class _Served(uvicorn.Server):
    """Leaves signals to us: uvicorn would raise them again when it ends, as if sent twice."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(application: Starlette, *, host: str, port: int) -> AsyncIterator[int]:
    """Serve until the context ends, then finish the requests in hand; gives the port.

    Args:
        port: 0 takes a free one.

    Raises:
        PortTaken: the address is not to be had.
    """
    listener = _listen(host, port)
    server = _Served(
        uvicorn.Config(
            application,
            log_level="warning",
            access_log=False,
            lifespan="off",
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
    """Bound here, since uvicorn ends the whole process where a port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle on and each answer waits.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise PortTaken(f"cannot listen at {host}:{port}: {error.strerror}") from error
    return listener
