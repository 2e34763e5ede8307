"""Replies that are lost, late, wrong or not of this partner: booked once all the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from domain.lifecycle.next_step import Owed
from domain.lifecycle.resource import Certainty, FindingKind
from domain.lifecycle.sending import AttemptResult
from domain.payments.due import due
from domain.payments.report import PaymentState
from store.records import PaymentRecord
from tests.proof.case import READ, SEND, Case
from tests.proof.world import World

Fault = tuple[str, dict[str, Any]]

#: Before the effect, then after it.
SENDS: list[Fault] = [
    ("reply_lost_before", {}),
    ("reply_lost_before", {"reset": True}),
    ("error_500_before", {}),
    ("html_502", {}),
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
READS: list[Fault] = [
    ("reply_lost_after", {}),
    ("error_500_before", {}),
    ("html_502", {}),
    ("html_200", {}),
    ("missing_field", {"field": "amount"}),
    ("number_for_string", {"field": "amount"}),
]


@dataclass
class Met:
    """A payment that meets one fault, and one beside it that meets none."""

    case: Case
    payment_id: str
    rule: int


async def _met(world: World, on: str, fault: Fault) -> Met:
    case = Case(world, "REPLY")
    rule = await case.fault(fault[0], on, reference="1", **fault[1])
    receipt = await case.pay()
    await case.pay()
    return Met(case, receipt.payment_id, rule)


# All of them go at the same time, as payments do; each test then looks at its own.


@pytest_asyncio.fixture(scope="module")
async def sends(running: World) -> list[Met]:
    return [await _met(running, SEND, fault) for fault in SENDS]


@pytest_asyncio.fixture(scope="module")
async def reads(running: World) -> list[Met]:
    return [await _met(running, READ, fault) for fault in READS]


@pytest.mark.parametrize("number", range(len(SENDS)), ids=[name for name, _ in SENDS])
async def test_whatever_the_send_is_answered_it_is_booked_once(
    sends: list[Met], number: int
) -> None:
    met = sends[number]
    await met.case.all_settled()
    assert await met.case.fired(met.rule) == 1
    assert await met.case.tasks(met.payment_id) == []
    assert len(await met.case.bookings()) == 2
    await met.case.agreed(requested=2, booked=2, in_doubt=0)


@pytest.mark.parametrize("number", range(len(READS)), ids=[name for name, _ in READS])
async def test_a_read_that_brings_nothing_is_asked_again(reads: list[Met], number: int) -> None:
    met = reads[number]
    await met.case.all_settled()
    assert await met.case.fired(met.rule) == 1
    await met.case.agreed(requested=2, booked=2, in_doubt=0)


async def test_a_partner_that_asks_for_patience_gets_it(case: Case) -> None:
    await case.fault("rate_limited", SEND)
    receipt = await case.pay()

    def heard(record: PaymentRecord) -> bool:
        (instruction,) = record.view.instructions
        return [one.result for one in instruction.book.attempts] == [AttemptResult.TURNED_AWAY]

    record = await case.until(receipt.payment_id, heard, "an attempt without effect")
    assert record.payment.certainty is Certainty.NOT_SENT
    owed = due(record.view, datetime.now(UTC))
    assert owed.owed is Owed.WAIT
    assert owed.until is not None
    assert owed.until - datetime.now(UTC) > timedelta(seconds=30)
    await case.agreed(requested=1, booked=0, lost=0, open=1)


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
