"""Upkeep starts a consent that nobody started; a process refuses a kind that it does not know."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from local.temporal_server import DevServer
from store.folding import Folding
from store.kind import UnknownKind
from store.tables.lifecycles import LifecycleRow
from tests.lifecycles.home import KEYRING, consents
from tests.store.books import PAYMENTS
from workflows.upkeep import UpkeepWorkflow

DAY = timedelta(days=1)


async def test_upkeep_starts_a_consent_by_its_own_workflow(
    server: DevServer, tmp_path: Path
) -> None:
    async with consents(tmp_path / "home", server.address) as made:
        await made.work()
        await made.ask("consent_1", confirm_within=DAY, ago=timedelta(minutes=1))
        client = await made.assembly.client()
        await client.execute_workflow(UpkeepWorkflow.run, id="upkeep", task_queue="finality")
        await made.until("consent_1", "awaiting_user")
        run = await client.get_workflow_handle("consent/shop/consent_1").describe()
        assert run.workflow_type == "ConsentWorkflow"


async def test_a_process_that_knows_payments_alone_leaves_a_consent_as_it_is(
    tmp_path: Path,
) -> None:
    async with consents(tmp_path / "home", "localhost:1") as made:
        await made.ask("consent_1", confirm_within=DAY)
        folding = Folding(KEYRING, PAYMENTS)
        with pytest.raises(UnknownKind, match="'consent', which this process does not know"):
            await made.assembly.database.read(
                lambda session: folding.view(session, session.get_one(LifecycleRow, "consent_1"))
            )
