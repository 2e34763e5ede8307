"""The process that serves the operator console."""

from __future__ import annotations

import logging
from ipaddress import ip_address
from typing import Final

from assembly import assembled
from domain.explained import Explained
from process import stop_on_signals
from serving import served
from settings import Settings
from starter.console.application import application
from starter.console.guard import host_of

log = logging.getLogger("finality.console")

#: The names by which a browser on this machine calls it.
_OF_THIS_MACHINE: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class ConsoleExposed(Explained):
    """Other machines could reach the console without TLS; the text says what to do."""


async def serve_console(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then finish the requests under way. Returns the exit code.

    Raises:
        ConsoleExposed: it would listen beyond this machine, and `console_url` is not set.
        PortTaken: another program listens at the address.
        KeyringError, NewerSchema, StoreAway: as `assembled`.
    """
    stop = stop_on_signals()
    host, url = settings.console_host, settings.console_url
    if url is None and not _is_loopback(host):
        raise ConsoleExposed(
            f"{host} can be reached from other machines, and passphrases would travel in the "
            "clear: put a proxy that ends TLS in front, and set FINALITY_CONSOLE_URL to its "
            "https address"
        )
    hosts = {host_of(url)} if url is not None else _OF_THIS_MACHINE
    async with assembled(settings) as assembly:
        pages = application(assembly.console_parts, hosts=hosts, is_secure=url is not None)
        async with served(
            pages, host=host, port=settings.console_port, behind_proxy=url is not None
        ) as port:
            log.info("the console is at %s", url or f"http://{host}:{port}/")
            await stop.wait()
            log.info("no more requests are taken; those under way are finished")
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
