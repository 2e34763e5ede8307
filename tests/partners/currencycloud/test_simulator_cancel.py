"""Taking payments back at the simulator: in time, twice, unheard, too late, for somebody else."""

from __future__ import annotations

from typing import Any

import pytest

from domain.lifecycle.answers import (
    Absent,
    Accepted,
    Answered,
    CannotTell,
    Found,
    InDoubt,
    Prepared,
    Refused,
    TurnedAway,
)
from domain.payments.report import PaymentState
from tests.partners.currencycloud.lives import Life

DELETE = "POST /v2/payments/*/delete"


@pytest.fixture
async def cancel(life: Life) -> Life:
    """The cancel of a payment that they hold, ready to be sent."""
    await life.accepted()
    cancel = life.taken_back()
    await cancel.prepared()
    return cancel


def status(life: Life) -> str:
    (held,) = life.held
    return str(held["status"])


async def is_deleted(cancel: Life, life: Life) -> None:
    """Everybody who asks hears the same."""
    report = await cancel.found()
    assert report.state is PaymentState.CANCELLED
    assert report.partner_reference == life.held[0]["id"]
    assert status(cancel) == "deleted"


async def test_a_payment_is_taken_back_and_the_lookup_proves_it(cancel: Life, life: Life) -> None:
    assert isinstance(await cancel.adapter.find(cancel.subject), Absent)
    submitted = await cancel.submit()
    assert isinstance(submitted, InDoubt), "they show it as it was before"
    assert submitted.drift == ()
    await is_deleted(cancel, life)


async def test_a_second_deletion_finds_nothing_and_changes_nothing(
    cancel: Life, life: Life
) -> None:
    await cancel.submit()
    again = await cancel.submit()
    assert isinstance(again, InDoubt)
    assert "payment_not_found" in again.why
    await is_deleted(cancel, life)


@pytest.mark.parametrize(
    ("fault", "param", "is_done"),
    [
        ("reply_lost_before", {}, False),
        ("reply_lost_after", {}, True),
        ("error_500_before", {}, False),
        ("error_500_after", {}, True),
        ("service_unavailable", {}, False),
        ("html_502", {}, False),
        ("html_502_after", {}, True),
        ("html_200", {}, True),
        ("redirect_before", {"status": 302}, False),
        ("redirect_after", {"status": 302}, True),
        ("cut_mid_body", {"bytes": 40}, True),
        ("missing_field", {"field": "status"}, True),
        ("number_for_string", {"field": "amount"}, True),
    ],
    ids=str,
)
async def test_whatever_the_answer_the_payment_tells_whether_it_was_deleted(
    cancel: Life, life: Life, fault: str, param: dict[str, Any], is_done: bool
) -> None:
    cancel.bank.fault(fault, on=DELETE, param=param)
    assert isinstance(await cancel.submit(), InDoubt)
    looked = await cancel.adapter.find(cancel.subject)
    if not is_done:
        assert isinstance(looked, Absent)
        await cancel.submit()
    await is_deleted(cancel, life)


@pytest.mark.parametrize("fault", ["unauthorised", "rate_limited"])
async def test_what_was_turned_away_may_be_asked_again(
    cancel: Life, life: Life, fault: str
) -> None:
    cancel.bank.fault(fault, on=DELETE)
    assert isinstance(await cancel.submit(), TurnedAway)
    assert status(cancel) == "ready_to_send"
    assert await cancel.adapter.ready() is None
    await cancel.submit()
    await is_deleted(cancel, life)


@pytest.mark.parametrize("seconds", [1, 2, 3], ids=["released", "submitted", "completed"])
async def test_a_cancel_that_comes_too_late_is_refused_and_the_payment_goes_on(
    cancel: Life, life: Life, seconds: int
) -> None:
    cancel.bank.later(seconds)
    refused = await cancel.submit()
    assert isinstance(refused, Refused)
    assert refused.report.state is None
    assert isinstance(await cancel.adapter.find(cancel.subject), Absent)
    cancel.bank.later(3)
    assert (await life.read_report()).state is PaymentState.SETTLED


async def test_a_suspended_payment_can_be_taken_back(cancel: Life, life: Life) -> None:
    life.intervene("suspend")
    await cancel.submit()
    await is_deleted(cancel, life)


async def test_one_that_a_person_deleted_first_is_found_deleted(cancel: Life, life: Life) -> None:
    life.intervene("delete_by_hand")
    assert isinstance(await cancel.submit(), InDoubt)
    await is_deleted(cancel, life)


async def test_one_deleted_before_the_cancel_was_prepared_is_found_too(life: Life) -> None:
    await life.accepted()
    life.intervene("delete_by_hand")
    cancel = life.taken_back()
    assert isinstance(await cancel.adapter.prepare(cancel.subject), Prepared)
    assert isinstance(await cancel.adapter.find(cancel.subject), Found)
    assert isinstance(await life.adapter.read(life.subject), Answered)


async def test_deleted_says_the_reply_itself_where_it_does(cancel: Life, life: Life) -> None:
    cancel.bank.fault("unknown_status", on=DELETE, param={"status": "deleted"})
    submitted = await cancel.submit()
    assert isinstance(submitted, Accepted)
    assert submitted.report.state is PaymentState.CANCELLED
    await is_deleted(cancel, life)


async def test_an_unknown_word_at_the_lookup_cannot_tell(cancel: Life) -> None:
    cancel.bank.fault("unknown_status", on="GET /v2/payments/*", param={"status": "parked"})
    assert isinstance(await cancel.adapter.find(cancel.subject), CannotTell)
