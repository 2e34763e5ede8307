"""What each shape of an answer proves about what was sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import httpx
import pytest

from domain.lifecycle.answers import (
    Accepted,
    Duplicate,
    InDoubt,
    NotSent,
    Refused,
    TurnedAway,
)
from domain.lifecycle.profile import InstructionKind
from domain.payments.report import PaymentState
from partners.stripe import errors, wire
from partners.stripe.profile import PROFILE
from tests.partners.stripe.scripted import (
    ASKED,
    HELD,
    KEY,
    NEW_PAYOUT,
    TAKEN,
    TAKEN_PAYOUT,
    error,
    intent,
    of_kind,
    payout,
    refund,
    submitted,
)

CAPTURE: Final = of_kind(InstructionKind.CAPTURE, replace(TAKEN, order=HELD))
REFUND: Final = of_kind(InstructionKind.REFUND)
CANCEL: Final = of_kind(InstructionKind.CANCEL)
CANCEL_PAYOUT: Final = of_kind(InstructionKind.CANCEL, TAKEN_PAYOUT)
ALL: Final = (ASKED, NEW_PAYOUT, CAPTURE, REFUND, CANCEL, CANCEL_PAYOUT)
DECLINED: Final = {"type": "card_error", "code": "card_declined", "decline_code": "do_not_honor"}


def name(value: Any) -> str:
    order = getattr(value, "order", None)
    return f"{value.kind} of {order.rail}" if order is not None else str(value)[:40]


@pytest.mark.parametrize("subject", ALL, ids=name)
@pytest.mark.parametrize(
    "answer",
    [
        (500, {"error": {"type": "api_error"}}),
        (500, ""),
        (502, "<html>"),
        (503, {}, {"stripe-should-retry": "false"}),
        (500, {"error": {"type": "api_error"}}, {"idempotent-replayed": "true"}),
    ],
    ids=str,
)
async def test_a_server_error_leaves_it_in_doubt_and_its_key_spent(
    subject: Any, answer: Any
) -> None:
    doubt = await submitted(subject, answer)
    assert isinstance(doubt, InDoubt)
    assert doubt.server_error


@pytest.mark.parametrize("subject", ALL, ids=name)
async def test_a_server_error_that_is_to_be_repeated_was_not_stored(subject: Any) -> None:
    doubt = await submitted(subject, (500, "", {"stripe-should-retry": "true"}))
    assert isinstance(doubt, InDoubt)
    assert not doubt.server_error


@pytest.mark.parametrize("subject", ALL, ids=name)
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, None),
        (403, None),
        (403, "testmode_charges_only"),
        (409, "idempotency_key_in_use"),
        (409, "lock_timeout"),
        (429, "rate_limit"),
        (429, "lock_timeout"),
        (429, None),
    ],
)
async def test_what_was_not_let_in_was_not_executed(
    subject: Any, status: int, code: str | None
) -> None:
    turned_away = await submitted(subject, error(status, code=code))
    assert isinstance(turned_away, TurnedAway)
    assert turned_away.status == status
    assert turned_away.retry_at is not None
    operation = PROFILE.operation(subject.kind)
    assert status in operation.refusals_without_effect


@pytest.mark.parametrize("subject", ALL, ids=name)
async def test_a_key_that_was_used_for_something_else_is_looked_up(subject: Any) -> None:
    duplicate = await submitted(subject, error(400, kind="idempotency_error"))
    assert isinstance(duplicate, Duplicate)
    is_pay = subject.kind is InstructionKind.PAY
    assert duplicate.report.state is (PaymentState.AWAITING_US if is_pay else None)


@pytest.mark.parametrize("subject", ALL, ids=name)
@pytest.mark.parametrize("code", [None, "parameter_invalid_integer", "balance_insufficient"])
async def test_a_failed_check_is_a_refusal_and_says_nothing_about_the_payment_itself(
    subject: Any, code: str | None
) -> None:
    refused = await submitted(subject, error(400, code=code))
    assert isinstance(refused, Refused)
    is_pay = subject.kind is InstructionKind.PAY
    assert refused.report.state is (PaymentState.REJECTED if is_pay else None)
    assert refused.report.reason == "It cannot be done."
    assert refused.report.status_reason == ("AM04" if code == "balance_insufficient" else "NARR")


@pytest.mark.parametrize("subject", ALL, ids=name)
@pytest.mark.parametrize(
    "answer",
    [
        error(400, code="of_a_new_kind"),
        error(400, kind="a_new_error"),
        error(409, code="of_a_new_kind"),
        error(409),
        error(424, code="parameter_missing"),
        error(400, code="terminal_reader_busy"),
        (400, "<html>"),
        (400, {}),
        (404, {"error": "text"}),
        (302, ""),
        (200, "<html>"),
        (200, {}),
        (200, {"error": {"type": "card_error"}}),
    ],
    ids=str,
)
async def test_words_that_nobody_documented_prove_nothing(subject: Any, answer: Any) -> None:
    doubt = await submitted(subject, answer)
    assert isinstance(doubt, InDoubt)
    assert not doubt.server_error


@pytest.mark.parametrize("subject", ALL, ids=name)
async def test_nothing_is_sent_where_nobody_listens(subject: Any) -> None:
    assert isinstance(await submitted(subject, httpx.ConnectError("refused")), NotSent)
    assert isinstance(await submitted(subject, httpx.ReadError("reset")), InDoubt)


async def test_a_decline_was_executed_and_its_intent_says_what_came_of_it() -> None:
    shown = intent(status="requires_payment_method", last_payment_error=DECLINED)
    declined = await submitted(ASKED, error(402, **{**DECLINED, "kind": "card_error"},
                                            payment_intent=shown))  # fmt: skip
    assert isinstance(declined, Accepted)
    assert declined.report.state is PaymentState.REJECTED
    assert declined.report.partner_reference == "pi_1"


@pytest.mark.parametrize(
    ("shown", "state"),
    [
        (intent(), PaymentState.CAPTURED),
        (intent(status="processing"), PaymentState.PROCESSING),
        (intent(status="canceled"), PaymentState.CANCELLED),
    ],
)
async def test_an_intent_that_is_not_to_be_confirmed_any_more_says_why(
    shown: Any, state: PaymentState
) -> None:
    changed = error(400, code="payment_intent_unexpected_state", payment_intent=shown)
    accepted = await submitted(ASKED, changed)
    assert isinstance(accepted, Accepted)
    assert accepted.report.state is state


@pytest.mark.parametrize(
    "shown",
    [
        None,
        intent(id="pi_2"),
        intent(status="parked_elsewhere"),
        intent(status="requires_confirmation"),
    ],
)
async def test_without_the_intent_a_wrong_state_leaves_the_confirmation_in_doubt(
    shown: Any,
) -> None:
    changed = error(400, code="payment_intent_unexpected_state", payment_intent=shown)
    doubt = await submitted(ASKED, changed)
    assert isinstance(doubt, InDoubt)
    assert doubt.drift == ()


async def test_a_cancel_of_what_is_cancelled_is_looked_up_and_of_what_is_paid_refused() -> None:
    code = "payment_intent_unexpected_state"
    gone = error(400, code=code, payment_intent=intent(status="canceled"))
    assert isinstance(await submitted(CANCEL, gone), InDoubt)
    paid = error(400, code=code, payment_intent=intent())
    assert isinstance(await submitted(CANCEL, paid), Refused)
    sent = error(400, code="status_transition_invalid")
    assert isinstance(await submitted(CANCEL_PAYOUT, sent), Refused)


@pytest.mark.parametrize(
    ("subject", "answer"),
    [
        (ASKED, intent(id="pi_2")),
        (ASKED, intent(status="requires_confirmation")),
        (ASKED, {"id": "pi_1"}),
        (NEW_PAYOUT, payout(metadata={"finality_key": "another"})),
        (CAPTURE, intent(id="pi_2", metadata={f"capture_{KEY}": "500"})),
        (CAPTURE, intent()),
        (CAPTURE, intent(metadata={f"capture_{KEY}": "500"}, amount_received=0)),
        (REFUND, refund(metadata={})),
        (REFUND, refund(amount=499)),
        (CANCEL, intent(id="pi_2", status="canceled")),
        (CANCEL, intent(status="requires_capture")),
        (CANCEL_PAYOUT, payout(id="po_2", status="canceled")),
        (CANCEL_PAYOUT, payout()),
    ],
    ids=name,
)
async def test_a_success_that_is_about_something_else_proves_nothing(
    subject: Any, answer: Any
) -> None:
    assert isinstance(await submitted(subject, (200, answer)), InDoubt)


@pytest.mark.parametrize(
    ("subject", "answer", "reference"),
    [
        (ASKED, intent(), "pi_1"),
        (NEW_PAYOUT, payout(), "po_1"),
        (CAPTURE, intent(metadata={f"capture_{KEY}": "500"}), "pi_1"),
        (REFUND, refund(), "re_1"),
        (CANCEL, intent(status="canceled"), "pi_1"),
        (CANCEL_PAYOUT, payout(status="canceled"), "po_1"),
    ],
    ids=name,
)
async def test_a_success_names_the_object(subject: Any, answer: Any, reference: str) -> None:
    accepted = await submitted(subject, (200, answer))
    assert isinstance(accepted, Accepted)
    assert accepted.report.partner_reference == reference
    assert accepted.report.drift == ()


@pytest.mark.parametrize(
    ("code", "is_drift"),
    [(None, False), ("api_key_expired", False), ("lock_timeout", False), ("a_new_code", True)],
)
def test_only_words_that_nobody_documented_are_drift(code: str | None, is_drift: bool) -> None:
    found = errors.drift("/v1/refunds", 400, wire.ApiError(type="api_error", code=code))
    assert bool(found) is is_drift
