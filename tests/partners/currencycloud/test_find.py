"""What asking by our own keys proves."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from domain.lifecycle.answers import Absent, CannotTell, Found, LookedFor
from domain.payments.report import MovementKind, PaymentState, Source
from tests.partners.currencycloud.scripted import (
    KEY,
    NOW,
    ORDER,
    PAYMENT_ID,
    SUBJECT,
    Answer,
    FakeLoginBook,
    Scripted,
    error,
    page,
    partner,
    payment,
    transaction,
)

FIND = "GET /v2/payments/find"
TRANSACTIONS = "GET /v2/transactions/find"
BOTH = replace(SUBJECT, keys=(KEY, "SEC0ND"))


async def find(*answers: Answer, book: FakeLoginBook | None = None) -> tuple[LookedFor, Scripted]:
    script = Scripted().on(FIND, *answers)
    return await partner(script, book).find(SUBJECT), script


async def test_the_question_is_complete() -> None:
    contact = "5f2c7c52-3a05-4a7c-9f5b-0d2b6c2f1a01"
    order = ORDER.model_copy(update={"on_behalf_of": contact})
    script = Scripted().on(FIND, page("payments"))
    await partner(script).find(replace(SUBJECT, order=order))
    assert script.sent[0].query == {
        "unique_request_id": KEY,
        "scope": "all",
        "with_deleted": "true",
        "on_behalf_of": contact,
    }


async def test_a_complete_empty_answer_is_absence() -> None:
    looked, _ = await find(page("payments"))
    assert isinstance(looked, Absent)
    assert looked.asked_at == NOW


async def test_absence_needs_every_key() -> None:
    script = Scripted().on(FIND, page("payments"))
    assert isinstance(await partner(script).find(BOTH), Absent)
    assert [sent.query["unique_request_id"] for sent in script.sent] == [KEY, "SEC0ND"]


async def test_one_key_that_cannot_be_asked_leaves_all_in_doubt() -> None:
    script = Scripted().on(FIND, page("payments"), (503, "<html></html>"))
    assert isinstance(await partner(script).find(BOTH), CannotTell)


async def test_one_payment_under_an_old_key_is_found() -> None:
    script = Scripted().on(FIND, page("payments", payment()), page("payments"))
    looked = await partner(script).find(BOTH)
    assert isinstance(looked, Found)
    assert looked.report.partner_reference == PAYMENT_ID
    assert looked.report.source is Source.READ
    assert looked.report.as_of == NOW


async def test_what_was_found_shows_where_it_differs_from_the_order() -> None:
    changed = payment(amount="1200.00", beneficiary_id="other", payment_date="2026-11-24")
    looked, _ = await find(page("payments", changed))
    assert isinstance(looked, Found)
    observed = looked.report.observed
    assert observed.amount != ORDER.instructed_amount
    assert observed.beneficiary_is_ours is False
    assert str(observed.requested_execution_date) == "2026-11-24"


async def test_a_deleted_payment_is_found_and_cancelled() -> None:
    looked, _ = await find(page("payments", payment(status="deleted")))
    assert isinstance(looked, Found)
    assert looked.report.state is PaymentState.CANCELLED


async def test_a_completed_payment_is_found_with_its_bookings() -> None:
    script = (
        Scripted()
        .on(FIND, page("payments", payment(status="completed")))
        .on(TRANSACTIONS, page("transactions", transaction(1, "payment", "debit")))
    )
    looked = await partner(script).find(SUBJECT)
    assert isinstance(looked, Found)
    assert [each.kind for each in looked.report.movements] == [MovementKind.DEBIT]


async def test_a_failed_payment_whose_bookings_cannot_be_read_is_only_held() -> None:
    script = (
        Scripted()
        .on(FIND, page("payments", payment(status="failed")))
        .on(TRANSACTIONS, (503, "<html></html>"))
    )
    looked = await partner(script).find(SUBJECT)
    assert isinstance(looked, Found)
    assert looked.report.state is PaymentState.SUBMITTING


@pytest.mark.parametrize(
    "answer",
    [
        page("payments", payment(unique_request_id="OTHER")),
        page("payments", {**payment(), "unique_request_id": None}),
        page("payments", payment(), payment(id="a-second-one")),
        page("payments", total_entries=1),
        page("payments", payment(), total_entries=2, next_page=2),
        (200, {"payments": []}),
        (200, {"pagination": {}}),
        (200, "<html></html>"),
        page("payments", payment(amount=1000.0)),
        (302, ""),
        (400, error("nope")),
        (403, error("permission_denied")),
        (404, error("nope")),
        (429, error("too_many_requests")),
        (500, ""),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("refused"),
    ],
    ids=str,
)
async def test_anything_less_than_a_complete_answer_cannot_tell(answer: Answer) -> None:
    looked, _ = await find(answer)
    assert isinstance(looked, CannotTell)
    assert looked.why


async def test_two_payments_under_our_keys_are_both_named() -> None:
    script = Scripted().on(
        FIND,
        page("payments", payment()),
        page("payments", payment(id="a-second-one", unique_request_id="SEC0ND")),
    )
    looked = await partner(script).find(BOTH)
    assert isinstance(looked, CannotTell)
    assert PAYMENT_ID in looked.why
    assert "a-second-one" in looked.why


async def test_a_refused_token_is_dropped() -> None:
    book = FakeLoginBook()
    looked, _ = await find((401, error("auth_failed")), book=book)
    assert isinstance(looked, CannotTell)
    assert book.calls == ["drop"]
