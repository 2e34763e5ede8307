"""Replies that are lost, late, wrong or not of this partner: booked once all the same."""

from __future__ import annotations

from typing import Any

import pytest

from domain.payment import Certainty, FindingKind
from domain.report import PaymentState
from tests.proof.case import READ, SEND, Case

NOT_EXECUTED = [
    ("reply_lost_before", {}),
    ("reply_lost_before", {"reset": True}),
    ("error_500_before", {}),
    ("html_502", {}),
    ("rate_limited", {}),
    ("unauthorised", {}),
]
EXECUTED = [
    ("reply_lost_after", {}),
    ("reply_lost_after", {"reset": True}),
    ("error_500_after", {}),
    ("error_500_after", {"body": "html"}),
    ("html_200", {}),
    ("missing_field", {"field": "id"}),
    ("missing_field", {"field": "status"}),
    ("number_for_string", {"field": "amount"}),
    ("unknown_status", {"status": "teleported"}),
]


@pytest.mark.parametrize(("fault", "param"), NOT_EXECUTED + EXECUTED)
async def test_whatever_the_send_is_answered_it_is_booked_once(
    case: Case, fault: str, param: dict[str, Any]
) -> None:
    rule = await case.fault(fault, SEND, reference="1", **param)
    hit = await case.pay()
    await case.pay()
    await case.all_settled()
    assert await case.fired(rule) == 1
    assert await case.tasks(hit.payment_id) == []
    assert len(await case.bookings()) == 2
    await case.agreed(requested=2, booked=2, in_doubt=0)


@pytest.mark.parametrize(
    ("fault", "param"),
    [
        ("reply_lost_after", {}),
        ("error_500_before", {}),
        ("html_502", {}),
        ("html_200", {}),
        ("unauthorised", {}),
        ("missing_field", {"field": "amount"}),
    ],
)
async def test_a_read_that_brings_nothing_is_asked_again(
    case: Case, fault: str, param: dict[str, Any]
) -> None:
    rule = await case.fault(fault, READ, **param)
    await case.pay()
    await case.all_settled()
    assert await case.fired(rule) == 1
    await case.agreed(requested=1, booked=1)


async def test_an_unknown_word_is_shown_to_a_person_until_a_known_one_comes(case: Case) -> None:
    await case.fault("unknown_status", READ, times=2, status="teleported")
    receipt = await case.pay()
    record = await case.until(
        receipt.payment_id, lambda seen: seen.payment.is_frozen, "frozen by the unknown word"
    )
    assert record.payment.certainty is Certainty.UNKNOWN
    assert [finding.kind for finding in record.payment.findings] == [FindingKind.UNMAPPED]
    assert record.payment.state is not PaymentState.SETTLED
    assert await case.tasks(receipt.payment_id) == ["unmapped"]
    await case.all_settled()
    assert await case.tasks(receipt.payment_id) == []
    await case.agreed(requested=1, booked=1, in_doubt=0)
