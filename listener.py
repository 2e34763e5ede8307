"""The process that takes webhooks into the inbox."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from assembly import STORE_AWAY, Assembly, assembled
from inbound.endpoint import endpoint
from process import stop_on_signals
from serving import served
from settings import Settings

log = logging.getLogger("finality.inbound")


async def listen(settings: Settings) -> int:
    """Take webhooks until SIGTERM or SIGINT, then finish those under way. Returns the exit code.

    Raises:
        PortTaken: another program listens at the address.
        KeyringError, NewerSchema, StoreAway: as `assembled`.
    """
    stop = stop_on_signals()
    async with assembled(settings) as assembly, listening(assembly):
        await stop.wait()
        log.info("no more webhooks are received; those under way are finished")
    return 0


@asynccontextmanager
async def listening(assembly: Assembly) -> AsyncIterator[None]:
    """Take webhooks as long as the context lasts.

    Raises:
        PortTaken: another program listens at the address.
    """
    settings = assembly.settings
    application = endpoint(assembly.webhooks, store_away=STORE_AWAY)
    async with served(application, host=settings.inbound_host, port=settings.inbound_port) as port:
        names = sorted(f"{partner}/{account}" for partner, account in assembly.webhook_readers)
        log.info(
            "webhooks are received at %s:%d for %s",
            settings.inbound_host,
            port,
            ", ".join(names) or "no account, since none has a webhook secret",
        )
        yield
