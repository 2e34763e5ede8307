"""What became of a payment: above all, what `failed` means."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from domain.lifecycle.answers import Answered, Read, Unanswered
from domain.money import Money
from domain.payments.report import MovementKind, PaymentState
from tests.partners.currencycloud.scripted import (
    ASKED,
    IBAN,
    NOW,
    ORDER,
    PAYMENT_ID,
    SUBJECT,
    Answer,
    FakeLoginBook,
    Scripted,
    balance,
    error,
    page,
    partner,
    payment,
    transaction,
)

READ = f"GET /v2/payments/{PAYMENT_ID}"
FIND = "GET /v2/payments/find"
TRANSACTIONS = "GET /v2/transactions/find"
BALANCE = "GET /v2/balances/EUR"
D, R, F = MovementKind.DEBIT, MovementKind.RETURN, MovementKind.FEE

debit = transaction(1, "payment", "debit")
failure = transaction(5, "payment_failure", "credit", amount="997.50")


async def read(status: str, *bookings: Answer, **changes: Any) -> tuple[Read, Scripted]:
    script = Scripted().on(READ, (200, payment(status=status, **changes)))
    script.on(TRANSACTIONS, *(bookings or [page("transactions")])).on(BALANCE, balance())
    return await partner(script).read(ASKED), script


async def test_the_question_shows_deleted_ones_and_names_the_sub_account() -> None:
    contact = "5f2c7c52-3a05-4a7c-9f5b-0d2b6c2f1a01"
    order = ORDER.model_copy(update={"on_behalf_of": contact})
    script = Scripted().on(READ, (200, payment(status="completed")))
    script.on(TRANSACTIONS, page("transactions", debit))
    await partner(script).read(replace(ASKED, order=order))
    assert script.sent[0].query == {"with_deleted": "true", "on_behalf_of": contact}
    assert script.sent[1].query == {
        "related_entity_id": PAYMENT_ID,
        "scope": "all",
        "per_page": "100",
        "on_behalf_of": contact,
        "page": "1",
    }


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("new", PaymentState.ACCEPTED),
        ("ready_to_send", PaymentState.ACCEPTED),
        ("authorised", PaymentState.ACCEPTED),
        ("awaiting_authorisation", PaymentState.AWAITING_US),
        ("suspended", PaymentState.AWAITING_PARTNER),
        ("released", PaymentState.PROCESSING),
        ("submitted", PaymentState.PROCESSING),
        ("parked_elsewhere", None),
    ],
)
async def test_a_word_before_the_bookings_is_reported_at_once(
    status: str, state: PaymentState | None
) -> None:
    told, script = await read(status)
    assert isinstance(told, Answered)
    assert told.report.state is state
    assert told.report.as_of == NOW
    assert TRANSACTIONS not in script.routes


async def test_completed_carries_their_bookings() -> None:
    told, _ = await read("completed", page("transactions", debit))
    assert isinstance(told, Answered)
    assert told.report.state is PaymentState.SETTLED
    (movement,) = told.report.movements
    assert (movement.movement_id, movement.kind) == ("transaction-1", D)
    assert movement.amount == ORDER.instructed_amount
    assert TRANSACTIONS.split()[1] in told.exchange.path


async def test_completed_stands_even_if_its_bookings_cannot_be_read() -> None:
    told, _ = await read("completed", (503, ""))
    assert isinstance(told, Answered)
    assert told.report.state is PaymentState.SETTLED
    assert told.report.movements == ()


async def test_failed_after_money_left_is_returned_with_what_came_back() -> None:
    told, _ = await read(
        "failed",
        page("transactions", debit, failure),
        failure_reason=f"account {IBAN} closed",
        failure_returned_amount="997.50",
    )
    assert isinstance(told, Answered)
    report = told.report
    assert report.state is PaymentState.RETURNED
    assert [(each.kind, each.amount.minor) for each in report.movements] == [
        (D, 100_000),
        (R, 99_750),
    ]
    assert report.reason == "account …0189 closed"


async def test_a_fee_that_is_booked_is_a_movement() -> None:
    fee = transaction(6, "payment_fee", "debit", amount="2.50")
    told, _ = await read("failed", page("transactions", debit, failure, fee))
    assert isinstance(told, Answered)
    assert told.report.movements[-1].kind is F
    assert told.report.movements[-1].amount == Money(minor=250, currency="EUR")


async def test_failed_with_a_return_that_is_not_booked_yet_says_so() -> None:
    told, _ = await read("failed", page("transactions", debit), failure_returned_amount="997.50")
    assert isinstance(told, Answered)
    assert told.report.state is PaymentState.RETURNED
    assert "997.50 EUR announced" in (told.report.reason or "")


async def test_failed_without_any_booking_is_rejected() -> None:
    told, _ = await read("failed", page("transactions"), failure_reason="Compliance review")
    assert isinstance(told, Answered)
    assert told.report.state is PaymentState.REJECTED
    assert told.report.transaction_status == "RJCT"
    assert told.report.reason == "Compliance review"


async def test_money_called_back_before_it_left_never_moved() -> None:
    unrelease = transaction(2, "payment_unrelease", "credit")
    told, _ = await read("failed", page("transactions", debit, unrelease))
    assert isinstance(told, Answered)
    assert told.report.state is PaymentState.REJECTED
    assert told.report.movements == ()
    assert told.report.lists_all_movements, "so a debit that was read before does not count"


async def test_without_its_bookings_a_report_says_nothing_of_what_is_not_in_it() -> None:
    told, _ = await read("submitted")
    assert isinstance(told, Answered)
    assert not told.report.lists_all_movements


async def test_money_called_back_and_released_again_left_once() -> None:
    unrelease = transaction(2, "payment_unrelease", "credit")
    again = transaction(3, "payment", "debit")
    told, _ = await read("completed", page("transactions", again, unrelease, debit))
    assert isinstance(told, Answered)
    assert [each.movement_id for each in told.report.movements] == ["transaction-3"]


async def test_a_deleted_booking_never_happened() -> None:
    gone = transaction(1, "payment", "debit", status="deleted")
    told, _ = await read("failed", page("transactions", gone))
    assert isinstance(told, Answered)
    assert told.report.state is PaymentState.REJECTED


async def test_bookings_are_read_to_their_last_page() -> None:
    told, script = await read(
        "failed",
        page("transactions", debit, total_entries=2, total_pages=2, next_page=2),
        page("transactions", failure, total_entries=2, total_pages=2, current_page=2),
    )
    assert isinstance(told, Answered)
    assert told.report.state is PaymentState.RETURNED
    assert [sent.query["page"] for sent in script.sent[1:]] == ["1", "2"]


@pytest.mark.parametrize(
    "answer",
    [
        page("transactions", transaction(1, "payment", "debit", status="pending")),
        page("transactions", transaction(1, "manual_transaction", "credit")),
        page("transactions", transaction(1, "payment_unrelease", "credit")),
        page("transactions", transaction(1, "payment", "debit", amount=1000)),
        page("transactions", transaction(1, "payment", "debit", related_entity_id="other")),
        page("transactions", total_entries=1),
        page("transactions", debit, total_entries=2),
        (200, {"transactions": []}),
        (200, "<html></html>"),
        (500, ""),
        (429, error("too_many_requests")),
        httpx.ReadTimeout("slow"),
    ],
    ids=str,
)
async def test_failed_means_nothing_until_all_bookings_tell(answer: Answer) -> None:
    unanswered, _ = await read("failed", answer)
    assert isinstance(unanswered, Unanswered)
    assert "failed" in unanswered.why


async def test_a_deleted_payment_is_cancelled_when_the_complete_search_says_so() -> None:
    script = Scripted().on(READ, (404, error("payment_not_found")))
    script.on(FIND, page("payments", payment(status="deleted")))
    told = await partner(script).read(ASKED)
    assert isinstance(told, Answered)
    assert told.report.state is PaymentState.CANCELLED


@pytest.mark.parametrize("first", [(404, error("payment_not_found")), (200, payment())], ids=str)
@pytest.mark.parametrize(
    "search",
    [
        page("payments"),
        page("payments", payment()),
        page("payments", payment(id="another", status="deleted")),
        (500, ""),
    ],
    ids=str,
)
async def test_a_payment_that_is_gone_is_not_cancelled_by_that(
    first: Answer, search: Answer
) -> None:
    if isinstance(first, tuple) and first[0] == 200:
        first = (200, payment(status="deleted"))
    script = Scripted().on(READ, first).on(FIND, search)
    assert isinstance(await partner(script).read(ASKED), Unanswered)


@pytest.mark.parametrize(
    "answer",
    [
        (200, payment(id="another")),
        (200, payment(unique_request_id="OTHER")),
        (200, payment(status=None)),
        (200, payment(amount=1000.0)),
        (200, "<html></html>"),
    ],
    ids=str,
)
async def test_an_answer_outside_the_contract_changes_nothing_and_is_told(answer: Answer) -> None:
    unanswered = await partner(Scripted().on(READ, answer)).read(ASKED)
    assert isinstance(unanswered, Unanswered)
    assert unanswered.drift


@pytest.mark.parametrize(
    ("status", "pause"),
    [(401, timedelta(seconds=2)), (429, timedelta(seconds=60)), (500, None)],
)
async def test_a_read_that_failed_is_asked_again_later(
    status: int, pause: timedelta | None
) -> None:
    book = FakeLoginBook()
    unanswered = await partner(Scripted().on(READ, (status, error("no"))), book).read(ASKED)
    assert isinstance(unanswered, Unanswered)
    assert unanswered.retry_at == (None if pause is None else NOW + pause)
    assert book.calls == (["drop"] if status == 401 else [])


async def test_without_a_reference_nothing_is_asked() -> None:
    script = Scripted()
    assert isinstance(await partner(script).read(SUBJECT), Unanswered)
    assert script.sent == []
