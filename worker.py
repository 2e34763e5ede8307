"""The worker process: runs workflows and steps until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack

from temporalio.client import Client

from assembly import Assembly, assembled
from process import stop_on_signals
from settings import Settings
from starter.away import TemporalAway

log = logging.getLogger("finality.worker")

_TEMPORAL_PAUSE_SECONDS = 2.0


async def work(settings: Settings, *, inbound: bool = False) -> int:
    """Run until SIGTERM or SIGINT, then finish the steps in hand; the exit code.

    Args:
        inbound: also take webhooks, from the first moment: partners repeat them for seconds only.
    """
    stop = stop_on_signals()
    async with assembled(settings) as assembly, AsyncExitStack() as running:
        if inbound:
            from listener import listening

            await running.enter_async_context(listening(assembly))
        client = await _connected(assembly, stop)
        if client is None:
            return 0
        await assembly.look_back(client)
        for worker in assembly.workers(client):
            await running.enter_async_context(worker)
        await assembly.ensure_upkeep(client)
        log.info("worker runs: %s", ", ".join(sorted(_names(assembly))) or "no partners")
        await stop.wait()
        log.info("worker stops: finishing the steps in hand")
    return 0


async def _connected(assembly: Assembly, stop: asyncio.Event) -> Client | None:
    """The client, as soon as there is a server; None when told to stop before."""
    while not stop.is_set():
        try:
            return await assembly.client()
        except TemporalAway as away:
            log.warning("%s; trying again", away)
        try:
            await asyncio.wait_for(stop.wait(), _TEMPORAL_PAUSE_SECONDS)
        except TimeoutError:
            continue
    return None


def _names(assembly: Assembly) -> list[str]:
    return [f"{partner}/{account}" for partner, account in assembly.partners]
