"""Whose move it is when a payment stays `ready_to_send`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from domain.lifecycle.answers import Answered
from domain.lifecycle.report import Report
from domain.payments.report import PaymentState
from tests.partners.currencycloud.scripted import (
    ASKED,
    ORDER,
    PAYMENT_ID,
    Answer,
    FakeLoginBook,
    Scripted,
    balance,
    error,
    partner,
    payment,
)

READ = f"GET /v2/payments/{PAYMENT_ID}"
BALANCE = "GET /v2/balances/EUR"


async def read(
    funds: Answer, book: FakeLoginBook | None = None, **changes: Any
) -> tuple[Report, Scripted]:
    script = Scripted().on(READ, (200, payment(**changes))).on(BALANCE, funds)
    told = await partner(script, book).read(ASKED)
    assert isinstance(told, Answered), told
    return told.report, script


@pytest.mark.parametrize(
    ("amount", "state"),
    [
        ("999.99", PaymentState.AWAITING_US),
        ("0.00", PaymentState.AWAITING_US),
        ("-5000.00", PaymentState.AWAITING_US),
        ("1000.00", PaymentState.ACCEPTED),
        ("1000.01", PaymentState.ACCEPTED),
    ],
)
async def test_a_balance_that_does_not_cover_it_is_ours_to_mend(
    amount: str, state: PaymentState
) -> None:
    report, _ = await read(balance(amount))
    assert report.state is state
    assert report.partner_status == "ready_to_send"


async def test_the_balance_asked_for_is_that_of_the_sub_account() -> None:
    contact = "5f2c7c52-3a05-4a7c-9f5b-0d2b6c2f1a01"
    order = ORDER.model_copy(update={"on_behalf_of": contact})
    script = Scripted().on(READ, (200, payment())).on(BALANCE, balance("1.00"))
    told = await partner(script).read(replace(ASKED, order=order))
    assert isinstance(told, Answered)
    assert script.sent[1].query == {"on_behalf_of": contact}
    assert BALANCE.split()[1] in told.exchange.path


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "released"},
        {"status": "suspended"},
        {"status": "awaiting_authorisation"},
        {"review_status": "in_review"},
        {"payment_date": "2026-11-24"},
        {"conversion_id": "9cb2cefb-7bce-4bd8-8d1b-9e1f3f8ab2a7"},
    ],
    ids=str,
)
async def test_where_money_is_not_what_it_waits_for_nobody_asks(changes: dict[str, Any]) -> None:
    _, script = await read(balance("0.00"), **changes)
    assert script.routes == [READ]


@pytest.mark.parametrize(
    "answer",
    [
        (200, "<html></html>"),
        (200, {"amount": 0, "currency": "EUR"}),
        balance("0.00", currency="GBP"),
        (302, ""),
        (403, error("permission_denied")),
        (404, error("nope")),
        (429, error("too_many_requests")),
        (500, ""),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("refused"),
    ],
    ids=str,
)
async def test_a_balance_that_cannot_be_read_claims_nothing(answer: Answer) -> None:
    report, _ = await read(answer)
    assert report.state is PaymentState.ACCEPTED


async def test_a_token_refused_at_the_balance_is_dropped() -> None:
    book = FakeLoginBook()
    report, _ = await read((401, error("auth_failed")), book)
    assert report.state is PaymentState.ACCEPTED
    assert book.calls == ["drop"]
