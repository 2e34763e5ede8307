"""The process that serves the HTTP API."""

from __future__ import annotations

import logging

from assembly import assembled
from process import stop_on_signals
from serving import served
from settings import Settings
from starter.api.application import application

log = logging.getLogger("finality.api")


async def serve_api(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then finish the requests under way. Returns the exit code.

    Raises:
        PortTaken: another program listens at the address.
        KeyringError, NewerSchema, StoreAway: as `assembled`.
    """
    stop = stop_on_signals()
    host = settings.api_host
    async with (
        assembled(settings) as assembly,
        served(application(assembly.api_parts), host=host, port=settings.api_port) as port,
    ):
        log.info("the API is served at %s:%d", host, port)
        await stop.wait()
        log.info("no more requests are taken; those under way are finished")
    return 0
