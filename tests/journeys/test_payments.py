"""Payments that meet no fault, and callers that ask more than once."""

from __future__ import annotations

import asyncio

import pytest

from domain.ids import workflow_id
from domain.lifecycle.resource import Certainty
from domain.payments.intent import PossibleDuplicate
from domain.payments.payment import FINAL_BY_WATCH
from domain.payments.report import PaymentState
from domain.payments.states import ENDS
from store.accepting import KeyReused
from tests.proof.case import Case
from tests.proof.world import WATCHED

CALLERS = 50


async def test_a_payment_settles_and_is_final_when_its_watch_is_over(case: Case) -> None:
    receipt = await case.pay(case.order(account=WATCHED))
    settled = await case.until_state(receipt.payment_id, PaymentState.SETTLED)
    assert settled.payment.state not in ENDS
    final = await case.until_state(receipt.payment_id, PaymentState.FINAL)
    assert final.payment.certainty is Certainty.SENT
    assert final.payment.basis == FINAL_BY_WATCH
    assert final.payment.amounts.settled == final.payment.amounts.instructed
    client = await case.world.assembly.client()
    handle = client.get_workflow_handle(workflow_id("default", receipt.payment_id))
    assert (await handle.result()).startswith("final")
    assert await case.tasks(receipt.payment_id) == []
    await case.agreed(requested=1, booked=1)


async def test_two_equal_salaries_of_one_file_are_two_payments(case: Case) -> None:
    salary = case.order()
    first = await case.pay(salary, key=f"{case.prefix}first", file="salaries")
    second = await case.pay(salary, key=f"{case.prefix}second", file="salaries")
    assert first.payment_id != second.payment_id
    await case.all_settled()
    await case.agreed(requested=2, booked=2)


async def test_the_same_salary_of_another_file_is_asked_about_and_not_booked(case: Case) -> None:
    salary = case.order()
    receipt = await case.pay(salary, file="salaries")
    await case.all_settled()
    orchestrator = case.world.assembly.orchestrator
    for key in ("again", "and again"):
        with pytest.raises(PossibleDuplicate) as asked:
            await orchestrator.pay(salary, f"{case.prefix}{key}", patience=None)
        assert asked.value.payment_ids == (receipt.payment_id,)
    await case.agreed(requested=1, booked=1)


async def test_fifty_callers_with_one_key_make_one_payment(case: Case) -> None:
    order = case.order()
    receipts = await asyncio.gather(*(case.pay(order) for _ in range(CALLERS)))
    assert len({receipt.payment_id for receipt in receipts}) == 1
    assert sum(not receipt.is_replay for receipt in receipts) == 1
    await case.all_settled()
    await case.agreed(requested=1, booked=1)


async def test_a_key_does_not_stand_for_another_order(case: Case) -> None:
    order = case.order()
    receipt = await case.pay(order)
    with pytest.raises(KeyReused) as refused:
        await case.pay(case.order(minor=1), key=order.end_to_end_id)
    assert refused.value.payment_id == receipt.payment_id
    again = await case.pay(order)
    assert again.is_replay
    assert again.payment_id == receipt.payment_id
    await case.all_settled()
    await case.agreed(requested=1, booked=1)
