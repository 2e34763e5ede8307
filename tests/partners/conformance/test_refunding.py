"""Refunds: partial, several, more than is left, and whatever the answer to one may be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.lifecycle.answers import Absent, Accepted, Found, InDoubt, Refused, TurnedAway
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.reversals import ReversalKind
from domain.payments.report import MovementKind
from tests.partners.conformance.bench import Bank, Instruction, new_key
from tests.partners.conformance.test_sending import DOUBTFUL, REPLAYS


@pytest.fixture
async def paid(pay: Instruction) -> Instruction:
    """A payment that is settled, and can be refunded."""
    assert InstructionKind.REFUND in pay.adapter.profile.operations
    await pay.accepted()
    pay.bank.later()
    return pay


def _third(paid: Instruction) -> int:
    return paid.subject.order.instructed_amount.minor // 3


async def test_a_refund_is_an_object_of_its_own_and_says_nothing_about_the_payment(
    paid: Instruction,
) -> None:
    refund = await paid.given_back(_third(paid))
    assert isinstance(await refund.adapter.find(refund.subject), Absent)
    submitted = await refund.submit()
    assert isinstance(submitted, Accepted)
    report = submitted.report
    assert report.state is None
    assert report.partner_reference == refund.held[0]["id"] != paid.subject.partner_reference
    assert [(each.kind, each.amount.minor) for each in report.reversals] == [
        (ReversalKind.REFUND, _third(paid))
    ]
    assert (await refund.found()).partner_reference == report.partner_reference


async def test_two_refunds_of_one_payment_are_two_and_both_are_shown(paid: Instruction) -> None:
    refunds = [await (await paid.given_back(_third(paid))).accepted() for _ in range(2)]
    ids = {refund.held[0]["id"] for refund in refunds}
    paid.bank.later()
    report = await paid.was_read()
    assert {each.reference for each in report.reversals} == ids
    moved = [each for each in report.movements if each.kind is MovementKind.REFUND]
    assert {each.reference for each in moved} == ids
    assert [each.amount.minor for each in moved] == [_third(paid)] * 2


async def test_more_than_is_left_is_refused_and_nothing_is_given_back(paid: Instruction) -> None:
    await (await paid.given_back(_third(paid))).accepted()
    refund = await paid.given_back(3 * _third(paid))
    refused = await refund.submit()
    assert isinstance(refused, Refused), refused
    assert refused.report.state is None
    assert refused.report.reason
    assert refund.held == []
    assert isinstance(await refund.adapter.find(refund.subject), Absent)


@pytest.mark.parametrize(("fault", "param", "is_executed"), DOUBTFUL, ids=str)
async def test_whatever_the_answer_a_refund_is_given_once(
    paid: Instruction, bank: Bank, fault: str, param: dict[str, Any], is_executed: bool
) -> None:
    refund = await paid.given_back(_third(paid))
    bank.fault(fault, on=bank.words.refund, **param)
    assert isinstance(await refund.submit(seconds=1), InDoubt)
    assert len(refund.held) == is_executed
    found = await refund.adapter.find(refund.subject)
    assert isinstance(found, Found if is_executed else Absent)
    if not is_executed or refund.operation.idempotency.kind in REPLAYS:
        await refund.accepted()
    assert len(refund.held) == 1


@pytest.mark.parametrize("fault", ["unauthorised", "rate_limited"])
async def test_a_refund_that_was_turned_away_may_be_sent_again(
    paid: Instruction, bank: Bank, fault: str
) -> None:
    refund = await paid.given_back(_third(paid))
    bank.fault(fault, on=bank.words.refund)
    turned_away = await refund.submit()
    assert isinstance(turned_away, TurnedAway)
    assert turned_away.status in refund.operation.refusals_without_effect
    assert refund.held == []
    await refund.accepted()


async def test_a_refund_is_found_by_an_earlier_key(paid: Instruction) -> None:
    refund = await (await paid.given_back(_third(paid))).accepted()
    later = (*refund.subject.keys, new_key(refund.adapter, refund.subject.kind))
    reference = refund.held[0]["id"]
    refund.subject = replace(refund.subject, keys=later)
    assert (await refund.found()).partner_reference == reference
