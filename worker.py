"""The worker process: runs workflows and steps until a signal stops it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from contextlib import AsyncExitStack

from temporalio.client import Client
from temporalio.service import RPCError

import workers
from assembly import Assembly, assembled
from domain.clock import ClocksApart
from process import stop_on_signals
from settings import Settings
from starter.away import TemporalAway
from starter.connecting import missing_search_attributes
from starter.server_clock import server_time
from store.faults import StoreAway

log = logging.getLogger("finality.worker")

_TEMPORAL_PAUSE_SECONDS = 2.0
_CLOCKS_PAUSE_SECONDS = 5.0


async def work(settings: Settings, *, inbound: bool = False) -> int:
    """Run until SIGTERM or SIGINT, then finish the steps under way. Returns the exit code.

    Args:
        inbound: also take webhooks. They are taken before anything else is ready, because a
            partner may repeat a delivery for only a few seconds.
    """
    stop = stop_on_signals()
    async with assembled(settings) as assembly, AsyncExitStack() as running:
        if inbound:
            from listener import listening

            await running.enter_async_context(listening(assembly))
        client = await _connected(assembly, stop)
        if client is None or not await _registered(client, stop):
            return 0
        while await _clocks_agree(assembly, client, stop):
            await workers.look_back(assembly, client)
            async with AsyncExitStack() as steps:
                for worker in workers.workers(assembly, client):
                    await steps.enter_async_context(worker)
                await workers.ensure_upkeep(assembly, client)
                log.info("worker runs: %s", ", ".join(sorted(_names(assembly))) or "no partners")
                await _first(stop, assembly.clocks.apart)
                log.info("worker stops: it finishes the steps that it has begun")
    return 0


async def _clocks_agree(assembly: Assembly, client: Client, stop: asyncio.Event) -> bool:
    """Wait until our clock can be trusted. False: the stop came first.

    Until then this worker takes no steps, so that workers with a right clock get them all.
    """
    while not stop.is_set():
        try:
            if (theirs := await server_time(client)) is None:
                assembly.clocks.apart.clear()  # Each step compares the clocks itself.
            else:
                await assembly.clocks.compare(theirs)
            return True
        except ClocksApart as apart:
            log.error("this worker waits: %s", apart)
        except (RPCError, StoreAway) as away:
            log.warning("the clocks cannot be compared: %s; trying again", away)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _CLOCKS_PAUSE_SECONDS)
    return False


async def _first(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


async def _connected(assembly: Assembly, stop: asyncio.Event) -> Client | None:
    """The client, as soon as Temporal answers. None: the stop came first."""
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


async def _registered(client: Client, stop: asyncio.Event) -> bool:
    """Wait until the namespace has our search attributes. False: the stop came.

    Without them every payment's run would fail at its first step, again and again.
    """
    said = ""
    while (command := await missing_search_attributes(client)) and not stop.is_set():
        if command != said:
            log.error("the namespace lacks search attributes; make them with: %s", command)
            said = command
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _TEMPORAL_PAUSE_SECONDS)
    return not stop.is_set()


def _names(assembly: Assembly) -> list[str]:
    return [f"{partner}/{account}" for partner, account in assembly.partners]
