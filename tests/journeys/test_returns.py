"""What happens to a payment at the partner after it was accepted."""

from __future__ import annotations

from domain.lifecycle.resource import Certainty, FindingKind
from domain.payments.report import PaymentState
from tests.proof.case import SEND, Case
from tests.proof.checker import report
from tests.proof.world import WATCHED

FEE_MINOR = 250


async def test_money_that_comes_back_less_a_fee_after_it_was_settled_is_returned(
    case: Case,
) -> None:
    await case.fault("fail_after_completed", SEND, after_seconds=2, fee="2.50")
    receipt = await case.pay(case.order(account=WATCHED))
    await case.until_state(receipt.payment_id, PaymentState.SETTLED)
    record = await case.until_state(receipt.payment_id, PaymentState.RETURNED)
    amounts = record.payment.amounts
    assert amounts.settled == amounts.instructed
    assert amounts.returned.minor == amounts.instructed.minor - FEE_MINOR
    assert amounts.net.minor == FEE_MINOR
    assert record.payment.funds_back
    await case.agreed(requested=1, booked=0, returned=1, lost=0)


async def test_a_payment_that_fails_before_its_release_is_rejected(case: Case) -> None:
    await case.fault("fail_before_release", SEND, reason="Sanctions")
    receipt = await case.pay()
    record = await case.until_state(receipt.payment_id, PaymentState.REJECTED)
    assert record.payment.reason is not None
    assert "Sanctions" in record.payment.reason
    assert record.payment.amounts.net.minor == 0
    await case.agreed(requested=1, booked=0, returned=1, lost=0)


async def test_a_suspended_payment_waits_for_the_partner_and_goes_on(case: Case) -> None:
    await case.fault("suspend", SEND, resume_after_seconds=3)
    receipt = await case.pay()
    await case.until_state(receipt.payment_id, PaymentState.AWAITING_PARTNER)
    await case.agreed(requested=1, booked=0, held=1)
    await case.all_settled()
    await case.agreed(requested=1, booked=1)


async def test_an_amount_changed_by_hand_is_shown_to_a_person(case: Case) -> None:
    await case.fault("suspend", SEND, resume_after_seconds=3600)
    await case.fault("change_amount_by_hand", SEND, amount="999.99", after_seconds=0.3)
    receipt = await case.pay()
    record = await case.until(
        receipt.payment_id, lambda seen: seen.payment.is_frozen, "frozen by the difference"
    )
    assert record.payment.certainty is Certainty.UNKNOWN
    assert FindingKind.DIFFERS in {finding.kind for finding in record.payment.findings}
    assert "differs" in await case.tasks(receipt.payment_id)
    comparison = await case.compared()
    assert comparison.changed == comparison.in_doubt == 1, report(comparison)
    # Somebody finds out and takes it back, so that it troubles no other test.
    (booking,) = await case.bookings()
    await case.world.simulator.control(
        "POST", f"payments/{booking['id']}", {"fault": "delete_by_hand"}
    )
