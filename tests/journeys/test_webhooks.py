"""Late news: delivered early, late, twice, by nobody, or never; the books agree all the same.

The deliveries come from here, so that each comes at its worst moment; what takes them is the
process of `finality inbound`, and what follows is read from the simulator.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from domain.ids import workflow_id
from domain.payments.report import PaymentState
from tests.journeys.inbound import (
    Inbound,
    all_read,
    booking_of,
    inbox_of,
    listening,
    returned,
)
from tests.proof.case import SEND, Case
from tests.proof.world import WATCHED, World

SETTLED, RETURNED, FINAL = PaymentState.SETTLED, PaymentState.RETURNED, PaymentState.FINAL
#: Nothing of Temporal answers there.
NOWHERE = "127.0.0.1:1"


@pytest_asyncio.fixture(scope="module")
async def inbound(
    running: World, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Inbound]:
    async with listening(running, tmp_path_factory.mktemp("inbound")) as made:
        yield made


async def test_a_return_is_heard_by_webhook_long_before_the_watch_is_over(
    case: Case, inbound: Inbound
) -> None:
    receipt = await case.pay()
    await case.until_state(receipt.payment_id, SETTLED)
    assert await inbound.deliver(await returned(case)) == 200
    await case.until_state(receipt.payment_id, RETURNED, seconds=10)
    await case.agreed(requested=1, booked=0, returned=1, lost=0)


async def test_a_webhook_after_the_end_reopens_the_payment(case: Case, inbound: Inbound) -> None:
    receipt = await case.pay(case.order(account=WATCHED))
    await case.until_state(receipt.payment_id, FINAL)
    client = await case.world.assembly.client()
    first = client.get_workflow_handle(workflow_id("default", receipt.payment_id))
    assert (await first.result()).startswith("final")
    assert await inbound.deliver(await returned(case), account=WATCHED) == 200
    record = await case.until_state(receipt.payment_id, RETURNED)
    assert record.payment.amounts.returned == record.payment.amounts.instructed
    assert "late" in {finding.kind for finding in record.payment.findings}
    again = client.get_workflow_handle(workflow_id("default", receipt.payment_id))
    assert (await again.result()).startswith("returned")
    await case.agreed(requested=1, booked=0, returned=1, lost=0)


async def test_one_that_comes_before_the_reply_waits_for_its_payment(
    case: Case, inbound: Inbound
) -> None:
    """The reply is so slow that we give it up; the lookup brings the reference."""
    await case.fault("delay", SEND, seconds=3, when="after")
    receipt = await case.pay()
    booking = await booking_of(case)
    assert await inbound.deliver(booking) == 200
    (parked,) = await inbox_of(case, booking)
    assert (parked.resource_id, parked.read_at) == (None, None)
    await case.until_state(receipt.payment_id, SETTLED)
    (matched,) = await all_read(case, booking)
    assert matched.resource_id == receipt.payment_id
    await case.agreed(requested=1, booked=1)


async def test_doubled_reordered_and_forged_deliveries_change_nothing(
    case: Case, inbound: Inbound
) -> None:
    receipt = await case.pay()
    early = await booking_of(case)
    await case.until_state(receipt.payment_id, SETTLED)
    late = await booking_of(case)
    assert late["status"] == "completed"
    assert await inbound.deliver(late, secret="a secret that nobody gave us") == 401
    for booking in (late, early, late, early, late):
        assert await inbound.deliver(booking) == 200
    assert await inbound.deliver(late, account="locked_out") == 404
    rows = await all_read(case, late)
    assert len(rows) == len({early["updated_at"], late["updated_at"]})
    record = await case.world.assembly.orchestrator.get(receipt.payment_id, tenant=None)
    assert record.payment.state is SETTLED
    assert not record.payment.is_frozen
    await case.agreed(requested=1, booked=1)


async def test_another_accounts_webhook_leaves_a_payment_alone(
    case: Case, inbound: Inbound
) -> None:
    receipt = await case.pay()
    await case.until_state(receipt.payment_id, SETTLED)
    assert await inbound.deliver(await booking_of(case), account=WATCHED) == 200
    (row,) = await inbox_of(case, await booking_of(case), WATCHED)
    assert row.resource_id is None


async def test_what_was_lost_while_nobody_listened_is_found_by_reads(
    case: Case, inbound: Inbound
) -> None:
    """As long as nobody listens the payment goes on; and what is delivered after all is one."""
    assert inbound.stop() == 0
    try:
        receipt = await case.pay()
        booking = await booking_of(case)
        with pytest.raises(httpx.ConnectError):
            await inbound.deliver(booking)
        await case.until_state(receipt.payment_id, SETTLED)
    finally:
        await inbound.start()
    assert await inbound.deliver(booking) == 200
    await all_read(case, booking)
    await case.agreed(requested=1, booked=1)


async def test_while_temporal_is_away_for_inbound_the_relay_tells_the_payment(
    case: Case, inbound: Inbound
) -> None:
    assert inbound.stop() == 0
    await inbound.start(FINALITY_TEMPORAL_ADDRESS=NOWHERE)
    try:
        receipt = await case.pay()
        await case.until_state(receipt.payment_id, SETTLED)
        assert await inbound.deliver(await returned(case)) == 200
        await case.until_state(receipt.payment_id, RETURNED)
        assert NOWHERE in inbound.log_file.read_text()
        await all_read(case, await booking_of(case))
    finally:
        assert inbound.stop() == 0
        await inbound.start()
    await case.agreed(requested=1, booked=0, returned=1, lost=0)
