"""The control's worker, watched as the product's is."""

from __future__ import annotations

import json
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

from assembly import MachineClock
from process import stop_on_signals
from starter.plugin import plugin
from store.keyring import Keyring
from tests.proof.control import CONTROL_QUEUE, ControlSteps, ControlWorkflow
from tests.proof.points import Watch
from tests.proof.watched import WatchPlugin, let_workflows_stand_still, watch_transport
from transport.http import Transport


async def work_for_control(home: Path, watch: Watch) -> int:
    """Until it is killed, or told to stop."""
    stop = stop_on_signals()
    watch_transport(watch)
    settings = json.loads((home / "up.json").read_text())
    (bank, *_) = settings["partners"]["bank"].values()
    transport = Transport(bank["base_url"], clock=MachineClock())
    client = await Client.connect(
        settings["temporal_address"],
        plugins=[plugin(Keyring.read(home / "keyring")), WatchPlugin(watch, quick=True)],
    )
    worker = Worker(
        client,
        task_queue=CONTROL_QUEUE,
        workflows=[ControlWorkflow],
        activities=[ControlSteps(transport).control],
    )
    let_workflows_stand_still(worker)
    async with worker:
        await stop.wait()
    return 0
