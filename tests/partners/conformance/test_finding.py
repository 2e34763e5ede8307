"""Look-ups, reads and the list: what they find, and when they cannot tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from domain.lifecycle.answers import Absent, CannotTell, Found, Listed, Unanswered
from domain.payments.order import Direction
from domain.payments.report import MovementKind
from domain.payments.states import DONE
from partners.interface import PaymentLister, PaymentPartner
from tests.partners.conformance.bench import Bank, Instruction, new_key, payment

#: What moves the whole amount.
_MOVES: Final = {
    Direction.OUTGOING: MovementKind.DEBIT,
    Direction.INCOMING: MovementKind.CAPTURE,
}
BROKEN = ["error_500_after", "html_200", "cut_mid_body", "unauthorised", "rate_limited"]


async def test_the_profile_is_of_this_partner_and_survives_being_stored(
    bank: Bank, adapter: PaymentPartner
) -> None:
    profile = adapter.profile
    assert profile.partner == bank.words.name, "the registry's field and the profile differ"
    assert type(profile).model_validate_json(profile.model_dump_json()) == profile
    assert profile.environment
    assert profile.spec_version


async def test_the_times_of_an_account_override_the_profile(bank: Bank) -> None:
    second = timedelta(seconds=1)
    times = {"write_within": second, "answer_within": second, "watch": second}
    adapter = bank.adapter(**times)
    operations = adapter.profile.operations.values()
    assert {(each.write_within, each.answer_within) for each in operations} == {(second, second)}
    assert set(adapter.profile.watch.values()) == {second}
    await adapter.close()


async def test_a_look_up_finds_what_was_sent_and_nothing_else(
    findable: Instruction, bank: Bank
) -> None:
    pay = findable
    assert isinstance(await pay.adapter.find(pay.subject), Absent)
    other = await (await payment(bank, pay.adapter).prepared()).accepted()
    assert isinstance(await pay.adapter.find(pay.subject), Absent)
    await pay.accepted()
    report = await pay.found()
    assert report.partner_reference == pay.held[0]["id"] != other.held[0]["id"]
    assert report.observed.amount == pay.subject.order.instructed_amount
    assert report.drift == ()


async def test_a_look_up_finds_what_an_earlier_key_sent(findable: Instruction) -> None:
    await findable.accepted()
    later = replace(findable.subject, keys=(*findable.subject.keys, new_key(findable.adapter)))
    findable.subject = later
    assert (await findable.found()).partner_reference == findable.held[0]["id"]


async def test_a_look_up_that_shows_somebody_else_cannot_tell(
    findable: Instruction, bank: Bank
) -> None:
    await (await payment(bank, findable.adapter).prepared()).accepted()
    await findable.accepted()
    bank.fault("finds_another", on=bank.words.find)
    found = await findable.adapter.find(findable.subject)
    if "finds_another" in bank.fired:
        assert isinstance(found, CannotTell)
    else:  # A list without a filter cannot show another in its place.
        assert isinstance(found, Found)
        assert found.report.partner_reference == findable.held[0]["id"]


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_look_up_without_a_whole_answer_cannot_tell(
    pay: Instruction, bank: Bank, fault: str
) -> None:
    bank.fault(fault, on=bank.words.find or bank.words.parent)
    assert isinstance(await pay.adapter.find(pay.subject), CannotTell)


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_read_without_a_whole_answer_says_nothing(
    pay: Instruction, bank: Bank, fault: str
) -> None:
    await pay.accepted()
    bank.fault(fault, on=bank.words.read)
    assert isinstance(await pay.adapter.read(pay.subject), Unanswered)


async def test_a_payment_is_read_until_it_is_settled_and_its_debit_equals_the_order(
    pay: Instruction, bank: Bank
) -> None:
    await pay.accepted()
    report = await pay.was_read()
    assert report.state not in (None, *DONE.values())
    assert report.movements == ()
    bank.later()
    report = await pay.was_read()
    direction = pay.subject.order.direction
    assert report.state is DONE[direction]
    assert report.observed.amount == pay.subject.order.instructed_amount
    if pay.adapter.profile.shows_bookings:
        amount = pay.subject.order.instructed_amount
        moved = [each for each in report.movements if each.kind is not MovementKind.FEE]
        assert [(each.kind, each.amount) for each in moved] == [(_MOVES[direction], amount)]
        again = await pay.was_read()
        assert again.movements == report.movements, "a booking has one id, however often it is read"


async def test_an_unknown_status_is_never_guessed(pay: Instruction, bank: Bank) -> None:
    await pay.accepted()
    bank.fault("unknown_status", on=bank.words.read, status="parked_elsewhere")
    report = await pay.was_read()
    assert (report.state, report.partner_status) == (None, "parked_elsewhere")


async def test_an_adapter_dates_its_reports_by_when_it_asked(pay: Instruction) -> None:
    before = datetime.now(UTC)
    await pay.accepted()
    report = await pay.was_read()
    assert before <= report.as_of <= datetime.now(UTC)


async def test_a_partner_that_lists_payments_says_by_which_request(
    adapter: PaymentPartner, bank: Bank
) -> None:
    assert isinstance(adapter, PaymentLister) == bool(bank.words.lists)


async def test_the_list_has_every_payment_the_oldest_first(
    pay: Instruction, bank: Bank, lister: PaymentLister
) -> None:
    bank.later(1)  # The list's beginning is a whole second with some partners.
    since = datetime.fromisoformat(bank.control("clock")["now"])
    sent = [await pay.accepted()]
    for _ in range(2):
        bank.later(1)
        sent.append(await (await payment(bank, pay.adapter).prepared()).accepted())
    listed = await lister.created_since(since)
    assert isinstance(listed, Listed)
    assert listed.is_complete
    assert [(each.partner_reference, each.key) for each in listed.payments] == [
        (each.subject.partner_reference, each.subject.keys[0]) for each in sent
    ]
    assert isinstance(await lister.created_since(since + timedelta(hours=1)), Listed)


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_list_without_a_whole_answer_says_nothing(
    lister: PaymentLister, bank: Bank, fault: str
) -> None:
    bank.fault(fault, on=bank.words.lists)
    since = datetime.now(UTC) - timedelta(hours=1)
    assert isinstance(await lister.created_since(since), Unanswered)
