"""Sub-accounts, approvals, funds and quotas at the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from domain.lifecycle.answers import (
    Absent,
    Accepted,
    Answered,
    CannotTell,
    Found,
    InDoubt,
    TurnedAway,
    Unanswered,
)
from domain.payments.report import MovementKind, PaymentState
from tests.partners.currencycloud.lives import CREATE, Bank, Life, living
from tests.partners.currencycloud.scripted import ORDER


@pytest.fixture
def sub_account(bank: Bank) -> dict[str, Any]:
    """A client's account with money in it."""
    opened: dict[str, Any] = bank.control("accounts", {"name": "Client"})
    funds = {"account_id": opened["id"], "amount": "1000.00", "currency": "EUR"}
    bank.control("funds", funds)
    return opened


@pytest.fixture
async def for_client(
    bank: Bank, sub_account: dict[str, Any], request: pytest.FixtureRequest
) -> AsyncIterator[Life]:
    order = ORDER.model_copy(update={"on_behalf_of": sub_account["contact_id"]})
    async with living(bank, request.node.name, order) as life:
        yield life


def as_ourselves(life: Life) -> Life:
    """The same instruction, asked about without saying for whom."""
    order = life.subject.order.model_copy(update={"on_behalf_of": None})
    return replace(life, subject=replace(life.subject, order=order))


# On behalf of


async def test_a_clients_payment_lives_its_whole_life_in_the_clients_account(
    for_client: Life, sub_account: dict[str, Any]
) -> None:
    assert isinstance(await for_client.adapter.find(for_client.subject), Absent)
    await for_client.accepted()
    assert for_client.held[0]["account_id"] == sub_account["id"]
    assert (await for_client.found()).partner_reference == for_client.held[0]["id"]
    for_client.bank.later(4)
    report = await for_client.read_report()
    assert report.state is PaymentState.SETTLED
    assert [each.kind for each in report.movements] == [MovementKind.DEBIT]


async def test_asked_for_nobody_a_clients_payment_is_not_taken_for_absent(
    for_client: Life,
) -> None:
    await for_client.accepted()
    ours = as_ourselves(for_client)
    unanswered = await ours.adapter.read(ours.subject)
    assert isinstance(unanswered, Unanswered)
    assert isinstance(await ours.adapter.find(ours.subject), Found), "the search is of all scopes"


async def test_a_cancel_for_nobody_neither_deletes_nor_believes_it_did(
    for_client: Life,
) -> None:
    await for_client.accepted()
    right, wrong = for_client.taken_back(), as_ourselves(for_client.taken_back())
    await right.prepared()
    await wrong.prepared()
    assert isinstance(await wrong.submit(), InDoubt)
    assert isinstance(await wrong.adapter.find(wrong.subject), CannotTell)
    assert for_client.held[0]["status"] == "ready_to_send"
    await right.submit()
    assert (await right.found()).state is PaymentState.CANCELLED
    assert (await for_client.read_report()).state is PaymentState.CANCELLED


async def test_a_clients_payment_that_failed_shows_the_clients_bookings(for_client: Life) -> None:
    for_client.bank.fault("fail_after_completed", param={"fee": "2.50"})
    await for_client.accepted()
    for_client.bank.later(5)
    report = await for_client.read_report()
    assert report.state is PaymentState.RETURNED
    assert [each.kind for each in report.movements] == [MovementKind.DEBIT, MovementKind.RETURN]


# Funds


async def test_a_payment_without_funds_waits_for_us_and_goes_once_there_are_some(
    bank: Bank, request: pytest.FixtureRequest
) -> None:
    opened = bank.control("accounts", {"name": "Without money"})
    order = ORDER.model_copy(update={"on_behalf_of": opened["contact_id"]})
    async with living(bank, request.node.name, order) as life:
        await life.accepted()
        bank.later(1.5)
        report = await life.read_report()
        assert (report.state, report.status_reason) == (PaymentState.AWAITING_US, "AM04")
        assert report.partner_status == "ready_to_send"
        funds = {"account_id": opened["id"], "amount": "1000.00", "currency": "EUR"}
        bank.control("funds", funds)
        bank.later(5)
        assert (await life.read_report()).state is PaymentState.SETTLED


# Approvals, reviews, and money called back


async def test_approvals_are_awaited_from_us_until_people_gave_them(life: Life) -> None:
    life.bank.control("authorisation", {"steps": 2})
    try:
        await life.accepted()
        report = await life.read_report()
        assert report.state is PaymentState.AWAITING_US
        assert "(2 in all)" in (report.reason or "")
        life.intervene("authorise_by_hand")
        assert (await life.read_report()).state is not PaymentState.AWAITING_US
    finally:
        life.bank.control("authorisation", {"steps": 0})


async def test_a_review_is_theirs_and_a_suspension_too(life: Life) -> None:
    await life.accepted()
    states = [(await life.read_report()).state]
    life.intervene("suspend")
    states.append((await life.read_report()).state)
    assert states == [PaymentState.AWAITING_PARTNER] * 2
    life.bank.later(1)
    life.intervene("resume")
    assert (await life.read_report()).state is PaymentState.ACCEPTED


async def test_a_payment_released_called_back_and_queued_again_steps_back(life: Life) -> None:
    await life.accepted()
    life.bank.later(1.5)
    states = [(await life.read_report()).state]
    for intervention in ("unrelease", "resume"):
        life.intervene(intervention)
        states.append((await life.read_report()).state)
    assert states == [
        PaymentState.PROCESSING,
        PaymentState.AWAITING_PARTNER,
        PaymentState.ACCEPTED,
    ]


# Quotas


@pytest.fixture
def no_quotas(bank: Bank) -> Any:
    yield
    httpx.delete(f"{bank.address}/_control/quotas")


@pytest.mark.usefixtures("no_quotas")
async def test_too_many_calls_were_not_executed_and_wait_for_the_next_minute(life: Life) -> None:
    life.bank.control("quotas", [{"on": CREATE, "limit": 0, "seconds": 60}])
    before = datetime.now(UTC)
    submitted = await life.submit()
    assert isinstance(submitted, TurnedAway)
    assert submitted.retry_at is not None
    assert submitted.retry_at - before >= timedelta(seconds=30)
    assert life.held == []
    life.bank.control("quotas", [])
    assert isinstance(await life.submit(), Accepted)


@pytest.mark.usefixtures("no_quotas")
async def test_too_many_reads_leave_the_state_as_it_is(life: Life) -> None:
    await life.accepted()
    life.bank.control("quotas", [{"on": "GET /v2/payments/*", "limit": 1, "seconds": 60}])
    assert isinstance(await life.adapter.read(life.subject), Answered)
    unanswered = await life.adapter.read(life.subject)
    assert isinstance(unanswered, Unanswered)
    assert unanswered.retry_at is not None
    assert isinstance(await life.adapter.find(life.subject), CannotTell)
