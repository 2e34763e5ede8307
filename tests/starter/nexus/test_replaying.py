"""Saved histories of runs that wait for a payment's end replay: whole, and cut off anywhere."""

from __future__ import annotations

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from starter.nexus.border import border_plugin
from tests.replay.shapes import KEYRING
from tests.starter.nexus.save import FOLDER
from workflows.payment_end import PaymentEndWorkflow

NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


async def test_each_shape_is_saved() -> None:
    assert NAMES == ["cancelled", "continued_as_new", "ended"]


@pytest.mark.parametrize("name", NAMES)
async def test_a_saved_history_replays_also_cut_off(name: str) -> None:
    history = WorkflowHistory.from_json("", (FOLDER / f"{name}.json").read_text())
    started = history.events[0].workflow_execution_started_event_attributes
    replayer = Replayer(workflows=[PaymentEndWorkflow], plugins=[border_plugin(KEYRING)])
    for count in range(2, len(history.events) + 1):
        await replayer.replay_workflow(WorkflowHistory(started.workflow_id, history.events[:count]))
