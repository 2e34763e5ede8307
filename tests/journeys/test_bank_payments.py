"""Payments that a payer approves on the bank's page, over mutual TLS, between real processes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from domain.lifecycle.resource import Certainty, FindingKind
from domain.payments.report import ActionKind, PaymentState
from tests.journeys.banking import BRIEF, PAYMENTS, Banking, banking


@pytest_asyncio.fixture(scope="module")
async def bank(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Banking]:
    async with banking(tmp_path_factory.mktemp("banking")) as made:
        yield made


async def test_a_payment_is_approved_on_the_page_and_settles_once(bank: Banking) -> None:
    payment_id, order = await bank.pay()
    action = await bank.asked(payment_id)
    assert action.kind is ActionKind.REDIRECT
    back = await bank.click(action, "approve", sees=order)
    assert back.headers["location"] == "https://app.test/approved"
    record = await bank.until_state(payment_id, PaymentState.SETTLED)
    assert record.payment.certainty is Certainty.SENT
    (booked,) = await bank.booked(order)
    assert (booked["status"], booked["debited"]) == ("ACSC", order.instructed_amount.minor)
    assert booked["tpp"].endswith("commonName=client")
    assert bank.tasks(payment_id) == []


async def test_a_payment_that_the_payer_refuses_is_rejected(bank: Banking) -> None:
    payment_id, order = await bank.pay()
    await bank.click(await bank.asked(payment_id), "refuse", sees=order)
    record = await bank.until_state(payment_id, PaymentState.REJECTED)
    assert record.payment.reason == "the PSU refused"
    assert [each["debited"] for each in await bank.booked(order)] == [0]


async def test_a_payment_that_nobody_approves_is_cancelled_at_its_deadline(bank: Banking) -> None:
    payment_id, order = await bank.pay(BRIEF)
    action = await bank.asked(payment_id)
    assert action.expires_at is not None
    record = await bank.until_state(payment_id, PaymentState.CANCELLED)
    assert record.payment.certainty is Certainty.SENT
    (booked,) = await bank.booked(order)
    assert (booked["status"], booked["debited"]) == ("CANC", 0)
    assert await bank.open(action) == 410, "the link is dead"


async def test_a_lost_initiation_is_parked_and_not_sent_again(bank: Banking) -> None:
    number = len(bank.numbers) + 1
    await bank.fault("reply_lost_after", f"BANK-{number}")
    payment_id, order = await bank.pay()
    record = await bank.until(payment_id, lambda _: "parked" in bank.tasks(payment_id), "parked")
    assert record.payment.certainty is Certainty.UNKNOWN
    assert len(await bank.booked(order)) == 1, "nothing is resent"


async def test_the_payer_confirms_the_cancel_of_a_payment_that_was_approved(bank: Banking) -> None:
    payment_id, order = await bank.pay()
    await bank.control("delays", {"check_after": 60})
    try:
        first = await bank.asked(payment_id)
        await bank.click(first, "approve", sees=order)
        await bank.until_state(payment_id, PaymentState.ACCEPTED)
    finally:
        await bank.control("delays", {"check_after": 0.1})
    await bank.assembly.orchestrator.cancel(payment_id, "c1", tenant=None, by="test")
    action = await bank.asked(payment_id)
    assert action.url != first.url
    await bank.click(action, "approve", sees=order)
    await bank.until_state(payment_id, PaymentState.CANCELLED)
    assert [each["debited"] for each in await bank.booked(order)] == [0]


@pytest.mark.parametrize("fault", ["another_amount", "another_creditor"])
async def test_what_the_payer_approved_is_compared_with_the_order(
    bank: Banking, fault: str
) -> None:
    number = len(bank.numbers) + 1
    await bank.control(
        "faults", [{"fault": fault, "on": f"GET {PAYMENTS}/*", "times": None,
                    "match": {"amount_minor": str(100_00 + number)}}]
    )  # fmt: skip
    payment_id, _ = await bank.pay()
    record = await bank.until(payment_id, lambda seen: seen.payment.is_frozen, "frozen")
    assert FindingKind.DIFFERS in [each.kind for each in record.payment.findings]
    assert record.payment.certainty is Certainty.UNKNOWN
    assert "differs" in bank.tasks(payment_id)
