from __future__ import annotations
import pytest
from domain.report import PaymentState
from tests.proof.case import Case
DELETE = "POST /v2/payments/*/delete"

@pytest.mark.parametrize("fault", [None, "reply_lost_after", "error_500_before", "reply_lost_before", "redirect_after", "rate_limited"])
async def test_cancel(case: Case, fault: str | None) -> None:
    await case.fault("suspend")
    receipt = await case.pay()
    await case.until_state(receipt.payment_id, PaymentState.AWAITING_PARTNER)
    rule = await case.fault(fault, on=DELETE) if fault else None
    o = case.world.assembly.orchestrator
    await o.cancel(receipt.payment_id, "c1", by="shop", why="x")
    rec = await case.until_state(receipt.payment_id, PaymentState.CANCELLED, seconds=90)
    print(await case.story(receipt.payment_id))
    if rule: assert await case.fired(rule) == 1
    print(rec.payment.reason, (await o.cancel(receipt.payment_id, "c1", by="shop", why="x")))

async def test_short(case: Case) -> None:
    await case.fault("fail_after_completed")
    receipt = await case.pay()
    await case.until_state(receipt.payment_id, PaymentState.RETURNED)
    print(await case.story(receipt.payment_id))
