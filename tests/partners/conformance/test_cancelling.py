"""Taking a payment back: in time, twice, without an answer, too late."""

from __future__ import annotations

import pytest

from domain.lifecycle.answers import Absent, Accepted, InDoubt, Refused, TurnedAway
from domain.lifecycle.profile import InstructionKind
from domain.payments.report import PaymentState
from domain.payments.states import DONE
from tests.partners.conformance.bench import Bank, Instruction
from tests.partners.conformance.test_sending import DOUBTFUL


@pytest.fixture
async def cancel(pay: Instruction) -> Instruction:
    """The cancel of a payment that the partner holds, ready to be sent."""
    assert InstructionKind.CANCEL in pay.adapter.profile.operations
    return await (await pay.accepted()).taken_back()


async def _is_cancelled(cancel: Instruction, pay: Instruction) -> None:
    report = await cancel.found()
    assert report.state is PaymentState.CANCELLED
    assert report.partner_reference == pay.subject.partner_reference
    assert [each["status"] for each in pay.held] == [cancel.bank.words.cancelled]
    assert (await pay.was_read()).state is PaymentState.CANCELLED
    assert (await pay.was_read()).movements == ()


async def test_a_payment_is_taken_back_and_the_look_up_proves_it(
    cancel: Instruction, pay: Instruction
) -> None:
    assert isinstance(await cancel.adapter.find(cancel.subject), Absent)
    submitted = await cancel.submit()
    # Some partners show the payment as it was before, which proves nothing.
    assert isinstance(submitted, (Accepted, InDoubt))
    if isinstance(submitted, Accepted):
        assert submitted.report.state is PaymentState.CANCELLED
    await _is_cancelled(cancel, pay)


async def test_a_second_cancel_changes_nothing(cancel: Instruction, pay: Instruction) -> None:
    await cancel.submit()
    assert isinstance(await cancel.submit(), (Accepted, InDoubt))
    await _is_cancelled(cancel, pay)


@pytest.mark.parametrize(
    ("fault", "is_done"),
    [(fault, is_done) for fault, param, is_done in DOUBTFUL if not param],
    ids=str,
)
async def test_whatever_the_answer_the_payment_tells_whether_it_was_taken_back(
    cancel: Instruction, pay: Instruction, bank: Bank, fault: str, is_done: bool
) -> None:
    before = len(bank.fired)
    bank.fault(fault, on=bank.words.cancel)
    answer = await cancel.submit(seconds=1)
    if len(bank.fired) == before:  # An answer without a body cannot be cut in its middle.
        assert fault == "cut_mid_body"
        assert isinstance(answer, Accepted)
    else:
        assert isinstance(answer, InDoubt)
    if not is_done:
        assert isinstance(await cancel.adapter.find(cancel.subject), Absent)
        await cancel.submit()
    await _is_cancelled(cancel, pay)


@pytest.mark.parametrize("fault", ["unauthorised", "rate_limited"])
async def test_a_cancel_that_was_turned_away_may_be_sent_again(
    cancel: Instruction, pay: Instruction, bank: Bank, fault: str
) -> None:
    bank.fault(fault, on=bank.words.cancel)
    turned_away = await cancel.submit()
    assert isinstance(turned_away, TurnedAway)
    assert turned_away.status in cancel.operation.refusals_without_effect
    assert await cancel.adapter.ready() is None
    await cancel.submit()
    await _is_cancelled(cancel, pay)


async def test_a_cancel_that_comes_too_late_is_refused_and_the_payment_goes_on(
    cancel: Instruction, pay: Instruction, bank: Bank
) -> None:
    bank.later()
    refused = await cancel.submit()
    assert isinstance(refused, Refused)
    assert refused.report.state is None, "it says nothing about the payment"
    assert isinstance(await cancel.adapter.find(cancel.subject), Absent)
    assert (await pay.was_read()).state is DONE[pay.subject.order.direction]
