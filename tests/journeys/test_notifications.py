"""The simulator's own notifications, as it sends, repeats, loses and mixes them up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from domain.payments.report import PaymentState
from tests.journeys.inbound import (
    SECRET,
    Inbound,
    all_read,
    booking_of,
    inbox_of,
    listening,
    returned,
)
from tests.proof.case import Case
from tests.proof.world import MAIN, WATCHED, World

SETTLED, RETURNED, FINAL = PaymentState.SETTLED, PaymentState.RETURNED, PaymentState.FINAL
ANY, READY = "NOTIFY *", "NOTIFY payment_ready_to_send_notification"


@pytest_asyncio.fixture(scope="module", autouse=True)
async def inbound(
    running: World, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Inbound]:
    """The simulator delivers to both of our accounts with it: they share a login."""
    async with listening(running, tmp_path_factory.mktemp("inbound")) as made:
        targets = [{"url": made.url(name), "secret": SECRET} for name in (MAIN, WATCHED)]
        await running.simulator.control("POST", "webhooks", targets)
        yield made
        await running.simulator.control("DELETE", "webhooks")


async def test_a_payment_settles_and_its_notifications_are_read(case: Case) -> None:
    receipt = await case.pay()
    await case.until_state(receipt.payment_id, SETTLED)
    rows = await all_read(case, await booking_of(case))
    assert {row.resource_id for row in rows} == {receipt.payment_id}
    parked = await inbox_of(case, await booking_of(case), WATCHED)
    assert {row.resource_id for row in parked} == {None}
    await case.agreed(requested=1, booked=1)


async def test_a_return_is_heard_long_before_the_watch_is_over(case: Case) -> None:
    receipt = await case.pay()
    await case.until_state(receipt.payment_id, SETTLED)
    await returned(case)
    await case.until_state(receipt.payment_id, RETURNED, seconds=15)
    await case.agreed(requested=1, booked=0, returned=1, lost=0)


async def test_a_return_after_the_end_reopens_the_payment(case: Case) -> None:
    receipt = await case.pay(case.order(account=WATCHED))
    await case.until_state(receipt.payment_id, FINAL)
    await returned(case)
    await case.until_state(receipt.payment_id, RETURNED, seconds=15)
    await case.agreed(requested=1, booked=0, returned=1, lost=0)


async def test_a_payment_whose_notifications_are_all_lost_settles_by_reads(case: Case) -> None:
    rule = await case.fault("webhook_dropped", ANY, times=None)
    receipt = await case.pay()
    await case.until_state(receipt.payment_id, SETTLED)
    assert await case.fired(rule) >= 1
    assert await inbox_of(case, await booking_of(case)) == []
    await case.agreed(requested=1, booked=1)


@pytest.mark.parametrize(
    ("fault", "on", "param"),
    [
        ("webhook_doubled", ANY, {}),
        ("webhook_reordered", READY, {"seconds": 10}),
        ("webhook_delayed", READY, {"seconds": 2}),
        ("webhook_forged", ANY, {}),
        ("webhook_early", READY, {}),
        ("webhook_unknown_payment", ANY, {}),
    ],
)
async def test_notifications_gone_wrong_change_nothing(
    case: Case, fault: str, on: str, param: dict[str, Any]
) -> None:
    rule = await case.fault(fault, on, times=None, **param)
    receipt = await case.pay()
    await case.until_state(receipt.payment_id, SETTLED)
    booking = await booking_of(case)
    assert await case.fired(rule) >= 1
    rows = await inbox_of(case, booking)
    assert len({row.event_key for row in rows}) == len(rows)
    record = await case.world.assembly.orchestrator.get(receipt.payment_id, tenant=None)
    assert not record.payment.is_frozen
    await case.agreed(requested=1, booked=1)
