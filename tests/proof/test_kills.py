"""Eight points at which a process is killed with SIGKILL; every payment is still booked once."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from domain.sending import Answer, AttemptResult
from tests.proof.case import SEND, Case
from tests.proof.checker import report
from tests.proof.killable_client import BETWEEN_ROW_AND_START
from tests.proof.killable_worker import (
    AFTER_BEGIN,
    AFTER_CLOSE,
    AFTER_EFFECT,
    AFTER_REPLY,
    BEFORE_BEGIN,
    BYTES_LEFT,
    WORKFLOW_TASK,
)
from tests.proof.world import World, ended, world

PAYMENTS = 4
#: Longer than the test takes to look at the book after the kill.
HOLD_UP_SECONDS = 5

OPEN = (AttemptResult.OPEN, None)
ACCEPTED = (AttemptResult.ANSWERED, Answer.ACCEPTED)

#: What is in our book of the payment in hand, and how often the partner has it, at the kill.
AT_THE_KILL = {
    BEFORE_BEGIN: ([], 0),
    AFTER_BEGIN: ([OPEN], 0),
    BYTES_LEFT: ([OPEN], 0),
    AFTER_EFFECT: ([OPEN], 1),
    AFTER_REPLY: ([OPEN], 1),
    AFTER_CLOSE: ([ACCEPTED], 1),
}


@pytest_asyncio.fixture(scope="module")
async def killed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One world for all kills; at its end all its books must agree."""
    async with world(tmp_path_factory.mktemp("kills")) as made:
        yield made
        comparison = await made.compared()
        assert comparison.agrees, report(comparison)


def last_words(marker: Path, point: str) -> str:
    """What the process was about when it died at that point."""
    said: dict[str, str] = json.loads(marker.read_text())
    assert said["point"] == point
    return said["about"]


async def attempts(case: Case, payment_id: str) -> list[tuple[Any, Any]]:
    record = await case.world.assembly.orchestrator.get(payment_id)
    (instruction,) = record.view.instructions
    return [(attempt.result, attempt.answer) for attempt in instruction.book.attempts]


@pytest.mark.parametrize("point", [*AT_THE_KILL, WORKFLOW_TASK])
async def test_killed_at_this_point_every_payment_is_booked_once(
    killed: World, tmp_path: Path, point: str
) -> None:
    case, marker = Case(killed, "KILL"), tmp_path / "marker"
    orders = [case.order() for _ in range(PAYMENTS)]
    if point in (BYTES_LEFT, AFTER_EFFECT):
        when = "before" if point == BYTES_LEFT else "after"
        await case.fault("delay", SEND, reference="2", seconds=HOLD_UP_SECONDS, when=when)
    doomed = killed.start_worker(
        "tests.proof.killable_worker", point, str(marker), killed.simulator.base_url
    )
    await asyncio.gather(*(case.pay(order) for order in orders))
    assert await ended(doomed) == -signal.SIGKILL
    about = last_words(marker, point)
    if point in AT_THE_KILL:
        payment_id = about.partition("/")[0]
        reference = next(key for key, one in case.payments.items() if one == payment_id)
        booked = [one for one in await case.bookings() if one["reference"] == reference]
        assert (await attempts(case, payment_id), len(booked)) == AT_THE_KILL[point]
    killed.start_worker()
    await case.all_settled()
    await case.agreed(requested=PAYMENTS, booked=PAYMENTS, in_doubt=0)
    killed.kill_workers()


async def test_killed_between_payment_row_and_start_it_is_started_by_the_relay(
    killed: World, tmp_path: Path
) -> None:
    case, marker = Case(killed, "KILL"), tmp_path / "marker"
    order = case.order()
    key = order.end_to_end_id
    command = [sys.executable, "-m", "tests.proof.killable_client", key, str(marker)]
    client = await asyncio.create_subprocess_exec(
        *command, env=killed.environment, stdin=subprocess.PIPE
    )
    await client.communicate(order.model_dump_json().encode())
    assert client.returncode == -signal.SIGKILL
    case.payments[key] = last_words(marker, BETWEEN_ROW_AND_START)
    assert not await killed.runs(case.payments[key])
    killed.start_worker()
    await case.all_settled()
    await case.agreed(requested=1, acknowledged=0, booked=1)
    killed.kill_workers()
