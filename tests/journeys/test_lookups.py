"""Doubt that a lookup has to end: it may be empty for the wrong reason, or show a stranger."""

from __future__ import annotations

from dataclasses import dataclass

import pytest_asyncio

from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import AttemptResult
from domain.payments.report import PaymentState
from store.records import PaymentRecord
from tests.proof.case import FIND, SEND, Case
from tests.proof.world import World


@dataclass
class Doubt:
    """One payment and the rules it meets."""

    case: Case
    payment_id: str
    rules: list[int]

    async def parked(self) -> PaymentRecord:
        """Visible as a question to a person, and never sent again."""

        def there(record: PaymentRecord) -> bool:
            return record.payment.certainty is Certainty.UNKNOWN and len(_lookups(record)) >= 3

        record = await self.case.until(self.payment_id, there, "in doubt after three lookups")
        assert await self.case.tasks(self.payment_id) == ["parked"], await self.case.story(
            self.payment_id
        )
        return record


def _lookups(record: PaymentRecord) -> list[object]:
    return [looked for one in record.view.instructions for looked in one.book.lookups]


async def _doubt(world: World, *faults: tuple[str, str, int | None]) -> Doubt:
    case = Case(world, "DOUBT")
    rules = [await case.fault(fault, on, times=times) for fault, on, times in faults]
    return Doubt(case, (await case.pay()).payment_id, rules)


# Absence takes its time to be proven: these wait together instead of one after the other.


@pytest_asyncio.fixture(scope="module")
async def doubts(running: World) -> dict[str, Doubt]:
    lost = ("reply_lost_after", SEND, 1)
    return {
        "hidden for ever": await _doubt(running, lost, ("hidden_from_find", FIND, None)),
        "hidden for a while": await _doubt(running, lost, ("hidden_from_find", FIND, 2)),
        "shows a stranger": await _doubt(running, lost, ("finds_another", FIND, 2)),
        "deleted by hand": await _doubt(running, lost, ("delete_by_hand", SEND, 1)),
        "duplicate at first": await _doubt(running, ("duplicate_word", SEND, 1)),
        "duplicate at second": await _doubt(
            running, ("reply_lost_before", SEND, 1), ("duplicate_word", SEND, 1)
        ),
        "executed at second": await _doubt(running, ("reply_lost_before", SEND, 2)),
    }


async def test_a_lookup_that_never_shows_it_parks_it_and_nothing_is_sent_again(
    doubts: dict[str, Doubt],
) -> None:
    doubt = doubts["hidden for ever"]
    record = await doubt.parked()
    assert len(record.view.instructions[0].book.attempts) == 2
    assert await doubt.case.fired(doubt.rules[1]) >= 3
    # The partner has it and the lookup hides it: the one thing that must not be done is resend.
    await doubt.case.agreed(requested=1, booked=1, in_doubt=1)


async def test_a_lookup_that_is_empty_for_a_while_finds_it_later(doubts: dict[str, Doubt]) -> None:
    doubt = doubts["hidden for a while"]
    await doubt.case.all_settled()
    assert await doubt.case.fired(doubt.rules[1]) == 2
    await doubt.case.agreed(requested=1, booked=1, in_doubt=0)


async def test_a_lookup_that_shows_anothers_payment_is_not_believed(
    doubts: dict[str, Doubt],
) -> None:
    doubt = doubts["shows a stranger"]
    (record,) = await doubt.case.all_settled()
    assert await doubt.case.fired(doubt.rules[1]) == 2
    (booking,) = await doubt.case.bookings()
    assert record.payment.partner_reference == booking["id"]
    await doubt.case.agreed(requested=1, booked=1, in_doubt=0)


async def test_a_payment_that_was_deleted_by_hand_is_cancelled_and_not_sent_again(
    doubts: dict[str, Doubt],
) -> None:
    doubt = doubts["deleted by hand"]
    await doubt.case.until_state(doubt.payment_id, PaymentState.CANCELLED)
    (booking,) = await doubt.case.bookings()
    assert booking["status"] == "deleted"
    await doubt.case.agreed(requested=1, booked=0, lost=0, in_doubt=0)


async def test_duplicate_at_the_first_send_parks_it(doubts: dict[str, Doubt]) -> None:
    doubt = doubts["duplicate at first"]
    record = await doubt.parked()
    assert len(record.view.instructions[0].book.attempts) == 1
    await doubt.case.agreed(requested=1, booked=0, in_doubt=1)


async def test_duplicate_at_the_second_send_without_a_first_parks_it(
    doubts: dict[str, Doubt],
) -> None:
    doubt = doubts["duplicate at second"]
    record = await doubt.parked()
    results = [attempt.result for attempt in record.view.instructions[0].book.attempts]
    assert results == [AttemptResult.UNKNOWN, AttemptResult.ANSWERED]
    await doubt.case.agreed(requested=1, booked=0, in_doubt=1)


async def test_two_sends_without_effect_are_followed_by_one_with(doubts: dict[str, Doubt]) -> None:
    doubt = doubts["executed at second"]
    await doubt.case.all_settled()
    assert await doubt.case.fired(doubt.rules[0]) == 2
    await doubt.case.agreed(requested=1, booked=1, in_doubt=0)
