"""Somebody reaches Temporal without our key: nothing becomes final, and nothing stops for good."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle

from activities.messages import ResourceRef
from domain.ids import workflow_id
from domain.lifecycle.resource import Certainty
from domain.payments.report import PaymentState, Source
from local.temporal_server import DevServer
from store.halts import Halts
from tests.attacks.strangers import FORGED_ATTEMPTS, Stranger, clear, forged, stranger
from tests.fakes import profile
from tests.polling import eventually
from tests.words import COMPLETED, REVIEW
from tests.world import World, world
from worker import look_back, workers
from workflows.upkeep import UpkeepWorkflow

QUICK = profile()


async def _step_in_hand(made: World, key: str = "k") -> str:
    """A payment whose first step has had its effect and has not returned."""
    made.partner.says(REVIEW)
    made.partner.gate = asyncio.Event()
    payment_id = (await made.pay(key)).payment_id
    await _sent(made)
    return payment_id


async def _sent(made: World) -> None:
    """Until the partner has the send."""

    async def submitted() -> bool:
        return made.partner.count("submit") > 0

    await eventually(submitted, "the send")


async def _in_history(
    handle: WorkflowHandle[Any, Any], kind: EventType.ValueType, times: int = 1
) -> None:
    """Until the run's history has so many events of a kind."""

    async def found() -> bool:
        events = (await handle.fetch_history()).events
        return sum(one.event_type == kind for one in events) >= times

    await eventually(found, f"{times} x {EventType.Name(kind)}")


async def _goes_on(made: World, payment_id: str) -> None:
    """The truth is in the book and at the partner: sent once, and followed to its end."""
    payment = await made.until(payment_id, PaymentState.AWAITING_PARTNER)
    assert payment.certainty is Certainty.SENT
    made.partner.says(COMPLETED)
    await made.ensure_running(payment_id)
    await made.until(payment_id, PaymentState.SETTLED)
    assert made.partner.count("submit") == 1
    assert len(made.partner.effects) == 1
    assert await Halts(made.assembly.database).in_force() == []


async def _upkeep(made: World, run: str = "finality-upkeep") -> None:
    client = await made.assembly.client()
    await client.execute_workflow(UpkeepWorkflow.run, id=run, task_queue="finality")


@pytest.mark.parametrize(
    ("source", "state"),
    [
        (Source.DECISION, PaymentState.FINAL),
        (Source.DECISION, PaymentState.REJECTED),
        (Source.STATEMENT, PaymentState.SETTLED),
        (Source.READ, PaymentState.SETTLED),
        (Source.REPLY, PaymentState.FINAL),
    ],
)
async def test_a_clear_result_in_place_of_a_steps_own_is_not_believed(
    server: DevServer, tmp_path: Path, source: Source, state: PaymentState
) -> None:
    """`temporal activity complete` by another user of the machine."""
    async with world(tmp_path / "home", server.address, of=QUICK) as made:
        await made.work()
        payment_id = await _step_in_hand(made)
        evil = await stranger(server.address)
        await evil.completes(payment_id, "instruct 1", clear(forged(payment_id, source, state)))
        assert made.partner.gate is not None
        made.partner.gate.set()
        await _goes_on(made, payment_id)
        await _is_the_same_run(evil, payment_id)


async def _is_the_same_run(evil: Stranger, payment_id: str) -> None:
    """One run went through all of it, and none of its workflow tasks failed."""
    handle = evil.client.get_workflow_handle(workflow_id("shop", payment_id))
    assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
    [begun, *_] = events = (await handle.fetch_history()).events
    started = begun.workflow_execution_started_event_attributes
    assert started.first_execution_run_id == started.original_execution_run_id
    assert not [e for e in events if e.HasField("workflow_task_failed_event_attributes")]


async def test_a_sealed_result_of_another_payment_is_not_believed(
    server: DevServer, tmp_path: Path
) -> None:
    async with world(tmp_path / "home", server.address, of=QUICK) as made:
        await made.work()
        settled = (await made.pay("settled")).payment_id
        await made.until(settled, PaymentState.SETTLED)
        evil = await stranger(server.address)
        moved = await evil.result_in_history(settled)
        made.partner.calls.clear()
        made.partner.book.clear()
        made.partner.says(REVIEW)
        made.partner.gate = asyncio.Event()
        other = made.ordered.model_copy(update={"end_to_end_id": "INVOICE-78"})
        payment_id = (await made.pay("other", of=other)).payment_id
        await _sent(made)
        await evil.completes(payment_id, "instruct 1", moved)
        made.partner.gate.set()
        await _goes_on(made, payment_id)


async def test_a_strangers_worker_takes_steps_and_the_payment_goes_on_when_it_has_left(
    server: DevServer, tmp_path: Path
) -> None:
    async with world(tmp_path / "home", server.address, of=QUICK) as made:
        evil = await stranger(server.address)
        made.partner.says(REVIEW)
        client = await made.assembly.client()
        [flows, *steps] = workers(made.assembly, client)
        await made.workers.enter_async_context(flows)
        async with evil.takes_steps():
            payment_id = (await made.pay()).payment_id
            handle = await made.handle(payment_id)
            # The stranger has taken both.
            await _in_history(
                handle, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED, 2
            )  # Taken by the stranger.
            payment = await made.payment(payment_id)
            assert payment.state is PaymentState.CREATED, "only our own store is believed"
        for worker in steps:
            await made.workers.enter_async_context(worker)
        await _goes_on(made, payment_id)


async def test_a_strangers_worker_ends_runs_and_the_next_one_of_ours_goes_on(
    server: DevServer, tmp_path: Path
) -> None:
    async with world(tmp_path / "home", server.address, of=QUICK) as made:
        evil = await stranger(server.address)
        made.partner.says(REVIEW)
        payment_id = (await made.pay()).payment_id
        async with evil.works():
            await evil.client.get_workflow_handle(workflow_id("shop", payment_id)).result()
            await evil.starts(UpkeepWorkflow.__name__, "finality-upkeep-by-hand")
            await evil.client.get_workflow_handle("finality-upkeep-by-hand").result()
        assert (await made.payment(payment_id)).state is PaymentState.CREATED
        # A worker starts: what the stranger's round says of the database is not believed.
        await look_back(made.assembly, await made.assembly.client())
        await made.work()
        await _upkeep(made)
        await made.ensure_running(payment_id)
        await _goes_on(made, payment_id)


@pytest.mark.parametrize("run", ["by-hand", "finality-upkeep-by-hand"])
async def test_a_round_of_upkeep_started_by_a_stranger_halts_nothing(
    server: DevServer, tmp_path: Path, run: str
) -> None:
    async with world(tmp_path / "home", server.address, of=QUICK) as made:
        await made.work()
        payment_id = (await made.pay()).payment_id
        await made.until(payment_id, PaymentState.SETTLED)
        evil = await stranger(server.address)
        known = {"said": "forged", "attempts": FORGED_ATTEMPTS, "at": "2026-01-01T00:00:00Z"}
        await evil.starts(UpkeepWorkflow.__name__, run, last_result=known)
        await (await made.assembly.client()).get_workflow_handle(run).result()
        assert await Halts(made.assembly.database).in_force() == []
        await look_back(made.assembly, await made.assembly.client())
        assert await Halts(made.assembly.database).in_force() == []


@pytest.mark.parametrize("arguments", [0, 1, 2])
async def test_a_run_that_a_stranger_began_ends_and_ours_begins(
    server: DevServer, tmp_path: Path, arguments: int
) -> None:
    async with world(tmp_path / "home", server.address, of=QUICK) as made:
        made.partner.says(REVIEW)
        payment_id = await made.record_only()
        evil = await stranger(server.address)
        run = workflow_id("shop", payment_id)
        ref = ResourceRef(tenant="shop", resource_id=payment_id)
        await evil.starts("PaymentWorkflow", run, *[ref] * arguments)
        await made.work()
        handle = evil.client.get_workflow_handle(run)
        await _in_history(handle, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED)
        assert made.partner.calls == []
        await made.ensure_running(payment_id)
        await _goes_on(made, payment_id)


async def test_signals_updates_and_beats_of_a_stranger_stop_no_run(
    server: DevServer, tmp_path: Path
) -> None:
    async with world(tmp_path / "home", server.address, of=QUICK) as made:
        await made.work()
        payment_id = await _step_in_hand(made)
        evil = await stranger(server.address)
        handle = evil.client.get_workflow_handle(workflow_id("shop", payment_id))
        await handle.signal("look_again", {"state": "final"})
        await handle.signal("unheard_of", "final")
        asked = asyncio.create_task(handle.execute_update("first_news", {"state": "final"}))
        beats = evil.client.get_async_activity_handle(
            workflow_id=handle.id, run_id=None, activity_id="instruct 1"
        )
        await beats.heartbeat("final")
        assert made.partner.gate is not None
        made.partner.gate.set()
        await _goes_on(made, payment_id)
        await _is_the_same_run(evil, payment_id)
        with pytest.raises(KeyError, match="binary/encrypted"):
            await asked


async def test_what_a_stranger_answers_to_first_news_is_no_news(
    server: DevServer, tmp_path: Path
) -> None:
    """An app that pays hears that the payment is recorded, and not what the stranger says."""
    async with world(tmp_path / "home", server.address, of=QUICK) as made:
        evil = await stranger(server.address)
        async with evil.works():
            receipt = await made.pay()
            assert receipt.payment.state is PaymentState.CREATED


async def test_a_run_that_cannot_be_decoded_is_terminated_and_the_next_goes_on(
    server: DevServer, tmp_path: Path
) -> None:
    """By a key that no worker has, as one that was put away. So do runs of the first seals end."""
    async with world(tmp_path / "home", server.address, of=QUICK) as made:
        await made.work()
        settled = (await made.pay("settled")).payment_id
        await made.until(settled, PaymentState.SETTLED)
        evil = await stranger(server.address)
        strange = await evil.result_in_history(settled)
        strange.data = b"lost-key" + strange.data[strange.data.index(b"\0") :]
        made.partner.calls.clear()
        made.partner.book.clear()
        made.partner.says(REVIEW)
        made.partner.gate = asyncio.Event()
        other = made.ordered.model_copy(update={"end_to_end_id": "INVOICE-78"})
        payment_id = (await made.pay("other", of=other)).payment_id
        strange.metadata["sealed-for"] = f"activity instruct of payment/shop/{payment_id}".encode()
        await _sent(made)
        await evil.completes(payment_id, "instruct 1", strange)
        handle = await made.handle(payment_id)
        await _in_history(handle, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
        made.partner.gate.set()
        await handle.terminate("it cannot be decoded; the next run goes on")
        await made.ensure_running(payment_id)
        await _goes_on(made, payment_id)
