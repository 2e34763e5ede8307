"""Whole lives of collections whose hold is raised: our store and steps, and Stripe's simulator."""

from __future__ import annotations

import pytest

from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import AttemptResult
from domain.payments.episodes import CaptureState
from domain.payments.report import PaymentState
from store.claims import OverBound
from tests.partners.conformance.bench import Bank
from tests.partners.stripe.payers import card
from tests.partners.stripe.test_lives import PAYMENT, Life, life, served, store

__all__ = ["life", "served", "store"]
S = PaymentState


@pytest.mark.parametrize("fault", ["reply_lost_after", "reply_lost_before", "error_500_cached"])
async def test_a_hold_is_raised_once_though_a_reply_was_lost_and_taken_whole(
    life: Life, bank: Bank, fault: str
) -> None:
    await life.pay(card("pm_card_visa", later=True))
    bank.fault(fault, on="POST /v1/payment_intents/*/increment_authorization")
    with pytest.raises(OverBound):
        await life.claim(InstructionKind.CAPTURE, 12_00, "c1")
    await life.claim(InstructionKind.INCREMENT, 2_50, "i1")
    life.later()
    raised = await life.looks_again()
    assert (raised.state, raised.certainty, raised.findings) == (S.AUTHORISED, Certainty.SENT, ())
    assert (raised.amounts.instructed.minor, raised.amounts.authorised.minor) == (10_00, 12_50)
    assert await life.attempts(InstructionKind.INCREMENT) in (
        [AttemptResult.UNKNOWN], [AttemptResult.UNKNOWN, AttemptResult.ANSWERED],
    )  # fmt: skip
    await life.claim(InstructionKind.CAPTURE, 12_50, "c2")
    life.later()
    taken = await life.looks_again()
    assert (taken.findings, taken.amounts.captured.minor) == ((), 12_50)
    [charge] = [
        each
        for each in bank.control("book")["charges"]
        if each["payment_intent"] == taken.partner_reference
    ]
    assert (charge["amount"], charge["amount_captured"]) == (12_50, 12_50)


async def test_a_declined_increment_leaves_the_hold_and_the_order_can_be_captured(
    life: Life, bank: Bank
) -> None:
    held = await life.pay(card("pm_card_visa", later=True))
    bank.control(f"payments/{held.partner_reference}", {"fault": "decline_increments"})
    same = await life.claim(InstructionKind.INCREMENT, 2_50, "i1")
    assert (same.state, same.certainty, same.findings) == (S.AUTHORISED, Certainty.SENT, ())
    [episode] = await life.claims.episodes(PAYMENT)
    assert (episode.state, episode.in_doubt) == (CaptureState.FAILED, False)
    assert await life.attempts(InstructionKind.INCREMENT) == [AttemptResult.ANSWERED]
    with pytest.raises(OverBound):
        await life.claim(InstructionKind.CAPTURE, 10_01, "c1")
    await life.claim(InstructionKind.CAPTURE, 10_00, "c2")
    life.later()
    taken = await life.looks_again()
    assert (taken.amounts.captured.minor, taken.findings) == (10_00, ())


async def test_a_hold_of_an_account_without_the_feature_is_not_raised(
    life: Life, bank: Bank
) -> None:
    bank.fault(
        "refused", on="POST /v1/payment_intents", status=400, type="invalid_request_error",
        code="payment_intent_invalid_parameter",
    )  # fmt: skip
    held = await life.pay(card("pm_card_visa", later=True))
    assert (held.state, held.findings) == (S.AUTHORISED, ())
    same = await life.claim(InstructionKind.INCREMENT, 2_50, "i1")
    assert (same.state, same.certainty, same.findings) == (S.AUTHORISED, Certainty.SENT, ())
    [episode] = await life.claims.episodes(PAYMENT)
    assert (episode.state, episode.is_open) == (CaptureState.FAILED, False)
    assert "the card allows no increment" in (episode.reason or "")
    assert await life.attempts(InstructionKind.INCREMENT) == []


async def test_a_raised_hold_that_was_cancelled_holds_nothing_any_more(life: Life) -> None:
    await life.pay(card("pm_card_visa", later=True))
    await life.claim(InstructionKind.INCREMENT, 2_50, "i1")
    cancelled = await life.cancel()
    assert (cancelled.state, cancelled.findings, cancelled.is_over) == (S.CANCELLED, (), True)
    assert cancelled.amounts.authorised.minor == 0
