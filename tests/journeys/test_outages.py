"""Payments given before, while and after Temporal is away."""

from __future__ import annotations

from domain.payments.report import PaymentState
from tests.proof.case import SEND, Case
from tests.proof.world import World


async def test_a_temporal_server_that_is_killed_and_restarted_loses_no_payment(
    running: World, case: Case
) -> None:
    await case.fault("suspend", SEND, reference="1", resume_after_seconds=1)
    before = await case.pay()
    await case.until_state(before.payment_id, PaymentState.AWAITING_PARTNER)
    running.temporal.kill()
    during = await case.pay()
    assert not during.is_started
    await running.restart_temporal()
    # A step of upkeep that the server lost is missed after half a minute.
    await case.all_settled(seconds=150)
    after = await case.pay()
    assert after.is_started
    await case.all_settled()
    await case.agreed(requested=3, booked=3, in_doubt=0)
