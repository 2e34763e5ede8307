"""What a run hands over to be recorded: only what a step can have heard, and of its own payment."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.messages import NOT_OF_A_STEP
from domain.lifecycle.heard import Heard
from domain.lifecycle.resource import Certainty
from domain.payments.report import PaymentState, Report, Source
from tests.activities.steps import in_its_run
from tests.clock import SteppedClock
from tests.store.books import INSTRUCTION, PAYMENT, Store, accepted, report


def _heard(store: Store, of: Report, **fields: Any) -> Heard:
    values = {"payment_id": PAYMENT, "instruction_id": INSTRUCTION, **fields}
    return Heard(heard_at=store.clock.now(), report=of, **values)


async def _sent(store: Store, clock: SteppedClock) -> None:
    await store.accept()
    await store.begin()
    await store.sent(accepted(clock.now()))
    clock.step(timedelta(minutes=1))


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        (Source.DECISION, {}),
        (Source.GATE, {}),
        (Source.STATEMENT, {}),
        (Source.READ, {"settles": ("in doubt",)}),
        (Source.READ, {"decided_on": PaymentState.SUBMITTING}),
        (Source.READ, {"instruction": "pay_2/pay/1"}),
    ],
    ids=["a decision", "a check", "a statement", "settles", "decided on", "another's report"],
)
async def test_what_no_step_can_hear_is_refused_and_people_are_told(
    store: Store,
    clock: SteppedClock,
    caplog: pytest.LogCaptureFixture,
    source: Source,
    fields: dict[str, Any],
) -> None:
    await _sent(store, clock)
    before = await store.payments.view(PAYMENT)
    forged = report(clock.now(), PaymentState.FINAL, source=source, **fields)
    with (
        caplog.at_level(logging.ERROR, "finality.steps"),
        pytest.raises(ApplicationError) as refused,
    ):
        await in_its_run().run(store.payment_store().record, _heard(store, forged))
    assert refused.value.type == NOT_OF_A_STEP
    assert refused.value.non_retryable
    assert PAYMENT in caplog.text
    assert await store.payments.view(PAYMENT) == before


async def test_an_instruction_of_another_payment_is_refused(
    store: Store, clock: SteppedClock
) -> None:
    await _sent(store, clock)
    heard = _heard(
        store,
        report(clock.now(), instruction="pay_2/pay/1", source=Source.READ),
        instruction_id="pay_2/pay/1",
    )
    with pytest.raises(ApplicationError, match="an instruction of another resource"):
        await in_its_run().run(store.payment_store().record, heard)


async def test_the_run_of_another_payment_records_nothing(
    store: Store, clock: SteppedClock
) -> None:
    await _sent(store, clock)
    told = report(clock.now(), PaymentState.SETTLED, source=Source.READ)
    with pytest.raises(ApplicationError, match="the run of 'pay_2'"):
        await in_its_run("pay_2").run(store.payment_store().record, _heard(store, told))
    assert (await store.payments.view(PAYMENT)).payment.state is PaymentState.ACCEPTED


async def test_what_a_step_did_hear_is_recorded(store: Store, clock: SteppedClock) -> None:
    await _sent(store, clock)
    told = report(clock.now(), PaymentState.PROCESSING, source=Source.READ)
    await in_its_run().run(store.payment_store().record, _heard(store, told))
    payment = (await store.payments.view(PAYMENT)).payment
    assert (payment.state, payment.certainty) == (
        PaymentState.PROCESSING,
        Certainty.SENT,
    )
