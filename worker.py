"""The worker process: what it runs and on which queues, from its start until a signal stops it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from typing import Any, Final

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.service import RPCError
from temporalio.worker import Worker
from temporalio.workflow import NondeterminismError

from activities.checks import Checks
from activities.feed_steps import FeedRelay, FeedSteps
from activities.partner_steps import PartnerSteps
from activities.payment_store import PaymentStore
from activities.upkeep import Upkeep
from assembly import STORE_AWAY, Assembly, assembled
from domain.clock import Clock, ClocksApart
from domain.consents.instructions import KIND as CONSENT
from domain.ids import TASK_QUEUE, UPKEEP, partner_queue
from process import stop_on_signals
from settings import Settings
from starter.away import TemporalAway
from starter.connecting import missing_search_attributes
from starter.last_round import known_round
from starter.running import LIFECYCLES, Running
from starter.server_clock import server_time
from store.faults import StoreAway
from store.folding import Folding
from store.notifications import Notifications
from store.tasks import Tasks
from store.turns import ReadTurns
from store.webhooks.retention import DeliveryRetention
from workflows.feed import FeedWorkflow
from workflows.upkeep import UpkeepWorkflow

log = logging.getLogger("finality.worker")

_TEMPORAL_PAUSE_SECONDS = 2.0
_CLOCKS_PAUSE_SECONDS = 5.0
#: How long the server waits for the worker that has a run in memory before it gives the task to
#: another. After a kill this is most of a payment's delay. Loading a run again is quick.
_STICKY: Final = timedelta(seconds=2)


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
        # Imported here, since it loads httpx. Webhooks go out while Temporal is away, too.
        from starter.webhooks.delivering import delivering

        await running.enter_async_context(delivering(assembly.deliverer))
        client = await _connected(assembly, stop)
        if client is None or not await _registered(client, stop):
            return 0
        while await _clocks_agree(assembly, client, stop):
            await look_back(assembly, client)
            async with AsyncExitStack() as steps:
                for worker in workers(assembly, client):
                    await steps.enter_async_context(worker)
                await ensure_upkeep(assembly, client)
                log.info("worker runs: %s", ", ".join(sorted(_names(assembly))) or "no partners")
                await _first(stop, assembly.clocks.apart)
                log.info("worker stops: it finishes the steps that it has begun")
    return 0


def workers(
    assembly: Assembly, client: Client, lifecycles: Mapping[str, Any] = LIFECYCLES
) -> list[Worker]:
    """One worker for workflows and store steps, and one per partner.

    So a slow partner cannot hold up another one.

    Args:
        lifecycles: the workflow of each kind that the assembly has.
    """
    store = PaymentStore(
        kinds=assembly.kinds,
        payments=assembly.payments,
        book=assembly.book,
        commands=assembly.commands,
        set_back=assembly.set_back,
        clock=assembly.clock,
        leaves_after=assembly.settings.leave_temporal_after,
    )
    rounds = upkeep(assembly, client, lifecycles=lifecycles)
    steps = PartnerSteps(
        kinds=assembly.kinds,
        partners=assembly.partners,
        book=assembly.book,
        turns=ReadTurns(assembly.database, Folding(assembly.keyring, assembly.kinds)),
        checks=Checks(assembly.clock, assembly.checks),
        witness=assembly.witness,
        clocks=assembly.clocks,
        future=assembly.future,
        store_away=STORE_AWAY,
        leaves_after=assembly.settings.leave_temporal_after,
        others={CONSENT: assembly.consent_partners},
    )
    feed_steps = FeedSteps(
        feeds=assembly.account_feeds,
        pages=assembly.account_pages,
        partners=assembly.data_partners,
        runner=Running(client, lifecycles),
        clocks=assembly.clocks,
    )
    made = [
        Worker(
            client,
            task_queue=TASK_QUEUE,
            workflows=[*lifecycles.values(), FeedWorkflow, UpkeepWorkflow],
            activities=[
                store.load,
                store.record,
                store.cancel,
                rounds.prove,
                rounds.compare_with_partners,
                rounds.relay,
                rounds.sweep,
            ],
            # A run that cannot replay fails. A fresh one goes on from the store (decision 0027).
            workflow_failure_exception_types=[NondeterminismError],
            max_cached_workflows=assembly.settings.max_cached_workflows,
            sticky_queue_schedule_to_start_timeout=_STICKY,
            graceful_shutdown_timeout=assembly.settings.graceful_shutdown,
        )
    ]
    made += [
        Worker(
            client,
            task_queue=partner_queue(partner),
            activities=[steps.instruct, steps.read, feed_steps.read_accounts],
            max_concurrent_activities=50,
            graceful_shutdown_timeout=assembly.settings.graceful_shutdown,
        )
        for partner in sorted(
            {
                name
                for name, _ in (
                    *assembly.partners,
                    *assembly.consent_partners,
                    *assembly.data_partners,
                )
            }
        )
    ]
    return made + _door_workers(assembly, client)


def _door_workers(assembly: Assembly, client: Client) -> list[Worker]:
    """One for each door of another team. Loads what they need only if there is one."""
    if not assembly.settings.nexus:
        return []
    from starter.nexus.serving import door_worker

    parts, settings = assembly.api_parts, assembly.settings
    return [
        door_worker(
            client,
            door,
            parts,
            max_cached_workflows=settings.max_cached_workflows,
            graceful_shutdown=settings.graceful_shutdown,
        )
        for door in assembly.doors
    ]


def upkeep(
    assembly: Assembly,
    client: Client,
    clock: Clock | None = None,
    *,
    lifecycles: Mapping[str, Any] = LIFECYCLES,
) -> Upkeep:
    """The activities of upkeep: relay, sweep and the comparisons."""
    running = Running(client, lifecycles)
    return Upkeep(
        payments=assembly.payments,
        inbox=assembly.inbox,
        notifications=Notifications(assembly.database),
        tasks=Tasks(assembly.database),
        rounds=assembly.rounds,
        witness=assembly.witness,
        back_fill=assembly.back_fill,
        runner=running,
        clock=clock or assembly.clock,
        clocks=assembly.clocks,
        future=assembly.future,
        last_round=partial(known_round, client, assembly.database, assembly.keyring),
        feeds=FeedRelay(
            assembly.account_feeds, assembly.data_partners, running, clock or assembly.clock
        ),
        retention=DeliveryRetention(assembly.database),
    )


async def ensure_upkeep(assembly: Assembly, client: Client) -> None:
    """Create the schedule that starts rounds of upkeep, unless it exists; all workers share it."""
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            UpkeepWorkflow.run,
            id=UPKEEP,
            task_queue=TASK_QUEUE,
            static_summary="start what should run, find what runs no more",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=assembly.settings.upkeep_every)]),
        policy=SchedulePolicy(
            overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)
        ),
    )
    try:
        await client.create_schedule(UPKEEP, schedule, trigger_immediately=True)
    except ScheduleAlreadyRunningError:
        return


async def look_back(assembly: Assembly, client: Client) -> None:
    """Before any step, compare the database with what the last round of upkeep left in Temporal.

    If the database was set back, everything is halted.

    Raises:
        NotProven: no round in Temporal is ours, although the database has rounds.
        WrongKeyring: the last rounds in Temporal cannot be opened.
    """
    known = await known_round(client, assembly.database, assembly.keyring)
    await assembly.rounds.require_ours(known)
    if known.mark is not None or known.attempts:
        await assembly.rounds.prove(known, assembly.clock.now())


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
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _TEMPORAL_PAUSE_SECONDS)
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
