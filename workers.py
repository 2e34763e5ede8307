"""What a worker runs: its workflows and steps, and the rounds of upkeep.

Not in `assembly`, so that a command that only reads the store need not import these.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
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
from temporalio.worker import Worker
from temporalio.workflow import NondeterminismError

from activities.checks import Checks
from activities.partner_steps import PartnerSteps
from activities.payment_store import PaymentStore
from assembly import STORE_AWAY, Assembly
from domain.ids import TASK_QUEUE, UPKEEP, partner_queue
from starter.running import LIFECYCLES, Running
from store.folding import Folding
from store.turns import ReadTurns
from workflows.upkeep import UpkeepWorkflow

#: How long the server waits for the worker that has a run in memory before it gives the task to
#: another. After a kill this is most of a payment's delay. Loading a run again is quick.
_STICKY: Final = timedelta(seconds=2)


async def look_back(assembly: Assembly, client: Client) -> None:
    """Before any step, compare the database with what the last round of upkeep left in Temporal.

    If the database was set back, everything is halted.

    Raises:
        NotProven: no round in Temporal is ours, although the database has rounds.
        WrongKeyring: the last rounds in Temporal cannot be opened.
    """
    known = await assembly.last_round(client)
    await assembly.rounds.require_ours(known)
    if known.mark is not None or known.attempts:
        await assembly.rounds.prove(known, assembly.clock.now())


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
    upkeep = assembly.upkeep(Running(client, lifecycles))
    steps = PartnerSteps(
        kinds=assembly.kinds,
        partners=assembly.partners,
        book=assembly.book,
        inbox=assembly.inbox,
        turns=ReadTurns(assembly.database, Folding(assembly.keyring, assembly.kinds)),
        checks=Checks(assembly.clock, assembly.checks),
        witness=assembly.witness,
        clocks=assembly.clocks,
        future=assembly.future,
        store_away=STORE_AWAY,
        leaves_after=assembly.settings.leave_temporal_after,
    )
    made = [
        Worker(
            client,
            task_queue=TASK_QUEUE,
            workflows=[*lifecycles.values(), UpkeepWorkflow],
            activities=[
                store.load,
                store.record,
                store.cancel,
                upkeep.prove,
                upkeep.compare_with_partners,
                upkeep.relay,
                upkeep.sweep,
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
            activities=[steps.instruct, steps.read],
            max_concurrent_activities=50,
            graceful_shutdown_timeout=assembly.settings.graceful_shutdown,
        )
        for partner in sorted({partner for partner, _ in assembly.partners})
    ]
    return made


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
