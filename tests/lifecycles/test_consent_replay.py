"""A consent's history replays on today's workflow: whole, and cut off after any event."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from local.temporal_server import DevServer
from starter.plugin import plugin
from tests.lifecycles.consent import ConsentWorkflow
from tests.lifecycles.home import KEYRING, consents


async def test_its_history_replays_cut_off_anywhere(server: DevServer, tmp_path: Path) -> None:
    async with consents(tmp_path / "home", server.address) as made:
        await made.work()
        await made.ask("consent_1", confirm_within=timedelta(days=1))
        run = await made.start("consent_1")
        await made.until("consent_1", "awaiting_user")
        made.bank.says = "valid"
        await made.until("consent_1", "valid")
        made.bank.says = "revoked"
        await run.result()
        history = await run.fetch_history()
    replayer = Replayer(workflows=[ConsentWorkflow], plugins=[plugin(KEYRING)])
    for count in range(2, len(history.events) + 1):
        async with asyncio.timeout(10):
            await replayer.replay_workflow(
                WorkflowHistory(history.workflow_id, history.events[:count])
            )
