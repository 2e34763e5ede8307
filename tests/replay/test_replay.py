"""Saved histories replay on today's workflows: whole, and cut off after any event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from domain.payments.report import PaymentState
from local.temporal_server import DevServer
from starter.plugin import plugin
from starter.running import LIFECYCLES
from tests.fakes import profile
from tests.polling import eventually
from tests.replay.changed import ChangedAtItsBeginning, ChangedAtItsEnd
from tests.replay.shapes import HISTORIES, KEYRING, SHAPES
from tests.servers import dev_server
from tests.words import COMPLETED, REVIEW
from tests.world import world
from workflows.consent import ConsentWorkflow
from workflows.feed import FeedWorkflow
from workflows.payment import PaymentWorkflow
from workflows.upkeep import UpkeepWorkflow

#: Of payments, before decision 0027.
EARLIER = HISTORIES.parent / "earlier"
NAMES = sorted(path.stem for path in HISTORIES.glob("*.json"))
ONE_REPLAY_SECONDS = 10


def saved(name: str, folder: Path = HISTORIES) -> WorkflowHistory:
    """By the id it ran under: its payloads were sealed for that and open nowhere else."""
    history = WorkflowHistory.from_json("", (folder / f"{name}.json").read_text())
    workflow_id = history.events[0].workflow_execution_started_event_attributes.workflow_id
    return WorkflowHistory(workflow_id, history.events)


def replayer(*workflows: type) -> Replayer:
    return Replayer(
        workflows=workflows or (PaymentWorkflow, ConsentWorkflow, FeedWorkflow, UpkeepWorkflow),
        plugins=[plugin(KEYRING)],
    )


async def replay(history: WorkflowHistory, *workflows: type) -> None:
    async with asyncio.timeout(ONE_REPLAY_SECONDS):
        await replayer(*workflows).replay_workflow(history)


def test_every_shape_has_its_history() -> None:
    assert set(SHAPES) <= set(NAMES), "play it: python -m tests.replay.save NAME"


@pytest.mark.parametrize("name", NAMES)
async def test_a_saved_history_replays(name: str) -> None:
    await replay(saved(name))


@pytest.mark.parametrize("name", NAMES)
async def test_a_history_cut_off_anywhere_replays(name: str) -> None:
    history = saved(name)
    for count in range(2, len(history.events)):
        await replay(WorkflowHistory(history.workflow_id, history.events[:count]))


@pytest.mark.parametrize("changed", [ChangedAtItsBeginning, ChangedAtItsEnd])
async def test_a_workflow_changed_without_a_patch_is_caught(changed: type) -> None:
    with pytest.raises(NondeterminismError):
        await replay(saved("settled_and_final"), changed)


def test_saved_histories_are_small_and_tell_nothing_of_where_they_were_saved() -> None:
    for path in HISTORIES.glob("*.json"):
        text = path.read_text()
        assert len(text) < 100_000, path.name
        identities = {part.partition('"')[0] for part in text.split('"identity": "')[1:]}
        assert identities <= {"saved", ""}, path.name


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[DevServer]:
    started = await dev_server(tmp_path / "temporal.log")
    yield started
    started.kill()


async def test_a_run_that_cannot_replay_fails_and_the_next_goes_on_from_the_store(
    server: DevServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_often = profile(read_pause_max=timedelta(milliseconds=500))
    async with world(tmp_path / "home", server.address, of=asked_often) as made:
        made.partner.says(REVIEW)
        await made.work()
        payment_id = (await made.pay()).payment_id
        await made.until(payment_id, PaymentState.AWAITING_PARTNER)
        await made.rest()

        monkeypatch.setitem(LIFECYCLES, "payment", ChangedAtItsBeginning)
        await made.work()
        stuck = await made.handle(payment_id)

        async def failed() -> bool:
            return (await stuck.describe()).status is WorkflowExecutionStatus.FAILED

        await eventually(failed, "the end of the run that cannot replay")
        assert (await made.payment(payment_id)).state is PaymentState.AWAITING_PARTNER
        made.partner.says(COMPLETED)
        await made.ensure_running(payment_id)
        await made.until(payment_id, PaymentState.SETTLED)
        assert made.attempts() == 1
        assert made.partner.count("submit") == 1
        assert len(made.partner.effects) == 1


@pytest.mark.parametrize("path", sorted(EARLIER.glob("*.json")), ids=lambda path: path.stem)
async def test_a_history_of_before_the_store_said_what_is_due_ends_its_run(path: Path) -> None:
    """Such a run fails, as the one above does, and a fresh one takes over."""
    with pytest.raises(NondeterminismError):
        await replay(saved(path.stem, path.parent))
