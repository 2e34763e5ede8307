"""What an instruction's answer proves, row by row."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from domain.lifecycle.answers import (
    Accepted,
    Duplicate,
    InDoubt,
    NotSent,
    Prepared,
    Refused,
    Submitted,
    TurnedAway,
    Unanswered,
)
from domain.payments.report import PaymentState, Source
from tests.partners.currencycloud.scripted import (
    BENEFICIARY_ID,
    DEADLINE,
    IBAN,
    KEY,
    NOW,
    ORDER,
    PAYMENT_ID,
    SUBJECT,
    TOKEN,
    Answer,
    FakeLoginBook,
    Scripted,
    error,
    partner,
    payment,
    request,
)

CREATE = "POST /v2/payments/create"


async def submit(answer: Answer, book: FakeLoginBook | None = None) -> tuple[Submitted, Scripted]:
    script = Scripted().on(CREATE, answer)
    submitted = await partner(script, book).submit(SUBJECT, await request(), DEADLINE)
    return submitted, script


async def test_the_kept_bytes_are_sent_as_they_are_with_the_token_beside_them() -> None:
    kept = await request()
    script = Scripted().on(CREATE, (200, payment()))
    await partner(script).submit(SUBJECT, kept, DEADLINE)
    (sent,) = script.sent
    assert sent.body == kept.body
    assert sent.token == TOKEN
    assert TOKEN.encode() not in kept.body


async def test_the_form_carries_the_order_and_the_key_and_nothing_else() -> None:
    _, script = await submit((200, payment()))
    assert script.sent[0].form == {
        "currency": "EUR",
        "beneficiary_id": BENEFICIARY_ID,
        "amount": "1000.00",
        "reason": "Invoice 7",
        "reference": "INV-7",
        "payment_type": "regular",
        "unique_request_id": KEY,
    }


async def test_a_date_and_a_sub_account_go_with_the_order() -> None:
    times = ORDER.times.model_copy(update={"requested_execution_date": date(2026, 12, 1)})
    contact = "5f2c7c52-3a05-4a7c-9f5b-0d2b6c2f1a01"
    order = ORDER.model_copy(update={"times": times, "on_behalf_of": contact})
    body = (await request(replace(SUBJECT, order=order))).body.decode()
    assert "payment_date=2026-12-01" in body
    assert f"on_behalf_of={contact}" in body


async def test_reason_and_reference_are_never_empty() -> None:
    order = ORDER.model_copy(update={"end_to_end_id": "NOTPROVIDED", "remittance_information": ""})
    body = (await request(replace(SUBJECT, order=order))).body.decode()
    assert f"reason={KEY[:18]}&reference={KEY[:18]}&" in body


async def test_a_new_generation_of_the_key_makes_a_new_body() -> None:
    later = await request(replace(SUBJECT, keys=(KEY, "AN0THER")))
    assert later.key == "AN0THER"
    assert b"unique_request_id=AN0THER" in later.body


async def test_an_accepted_payment_is_reported_under_their_id() -> None:
    submitted, _ = await submit((200, payment()))
    assert isinstance(submitted, Accepted)
    report = submitted.report
    assert (report.state, report.partner_status) == (PaymentState.ACCEPTED, "ready_to_send")
    assert report.partner_reference == PAYMENT_ID
    assert report.source is Source.REPLY
    assert report.as_of == NOW
    assert report.observed.amount == ORDER.instructed_amount
    assert report.observed.beneficiary_is_ours is True
    assert report.drift == ()


async def test_an_unknown_field_is_told_and_tolerated() -> None:
    submitted, _ = await submit((200, payment(mood="good")))
    assert isinstance(submitted, Accepted)
    assert submitted.report.drift == ("payment.mood: unknown field",)


async def test_an_unknown_status_is_accepted_but_unmapped() -> None:
    submitted, _ = await submit((200, payment(status="parked_elsewhere")))
    assert isinstance(submitted, Accepted)
    assert submitted.report.state is None
    assert submitted.report.partner_reference == PAYMENT_ID


async def test_failed_in_the_reply_says_only_that_they_hold_it() -> None:
    submitted, _ = await submit((200, payment(status="failed")))
    assert isinstance(submitted, Accepted)
    assert submitted.report.state is PaymentState.SUBMITTING


async def test_another_beneficiary_in_the_reply_is_seen() -> None:
    submitted, _ = await submit((200, payment(beneficiary_id="someone-else")))
    assert isinstance(submitted, Accepted)
    assert submitted.report.observed.beneficiary_is_ours is False


@pytest.mark.parametrize(
    "body",
    [
        "<html>200 but not JSON</html>",
        "",
        "[]",
        payment(id=None),
        payment(status=None),
        payment(amount=None),
        payment(amount=1000.0),
        payment(amount="1000.001"),
        payment(currency="EURO"),
        payment(status=7),
        payment(payment_date="soon"),
        payment(unique_request_id="SOMEBODY-ELSES"),
    ],
    ids=str,
)
async def test_a_success_that_cannot_be_read_leaves_doubt_and_drift(body: Any) -> None:
    submitted, _ = await submit((200, body))
    assert isinstance(submitted, InDoubt)
    assert submitted.drift
    assert not submitted.server_error
    assert submitted.exchange is not None


@pytest.mark.parametrize(
    "body",
    [
        error("duplicate_request"),
        error("duplicate_request", top="payment_create_failed"),
        error("duplicate_unique_request_id"),
    ],
    ids=str,
)
async def test_a_duplicate_names_nobody_and_rejects_nothing(body: Any) -> None:
    submitted, _ = await submit((400, body))
    assert isinstance(submitted, Duplicate)
    assert submitted.report.partner_reference is None
    assert submitted.report.state is PaymentState.AWAITING_US


async def test_a_validation_error_is_a_refusal_without_account_numbers() -> None:
    body = error("payment_above_limit", f"too much for {IBAN}", "amount", "payment_create_failed")
    submitted, _ = await submit((400, body))
    assert isinstance(submitted, Refused)
    report = submitted.report
    assert report.state is PaymentState.REJECTED
    assert report.partner_status == "payment_create_failed"
    assert (report.transaction_status, report.status_reason) == ("RJCT", "AM02")
    assert report.reason == "amount: too much for …0189"
    assert IBAN not in submitted.exchange.response


async def test_a_thing_not_found_on_create_is_a_refusal() -> None:
    submitted, _ = await submit((404, error("beneficiary_not_found")))
    assert isinstance(submitted, Refused)


@pytest.mark.parametrize("status", [400, 404, 403, 302, 409, 408, 422])
async def test_a_no_that_is_not_in_their_words_leaves_doubt(status: int) -> None:
    submitted, _ = await submit((status, "<html>blocked</html>"))
    assert isinstance(submitted, InDoubt)
    assert submitted.drift


@pytest.mark.parametrize("body", ["<html>502</html>", error("internal_server_error"), ""], ids=str)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_server_error_leaves_doubt_whatever_it_says(status: int, body: Any) -> None:
    submitted, _ = await submit((status, body))
    assert isinstance(submitted, InDoubt)
    assert submitted.server_error


async def test_a_refused_token_is_dropped_and_nobody_logs_in_within_the_call() -> None:
    book = FakeLoginBook()
    submitted, script = await submit((401, error("invalid_supplied_credentials")), book)
    assert isinstance(submitted, TurnedAway)
    assert book.calls == ["drop"]
    assert script.routes == [CREATE]


async def test_without_a_token_nothing_is_sent() -> None:
    submitted, script = await submit((200, payment()), FakeLoginBook(held=None))
    assert isinstance(submitted, NotSent)
    assert submitted.retry_at == NOW + timedelta(seconds=2)
    assert script.sent == []


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        (None, 60),
        ("", 60),
        ("0", 60),
        ("7", 7),
        ("120", 120),
        ("Mon, 23 Nov 2026 10:03:00 GMT", 180),
        ("Mon, 23 Nov 2026 09:59:00 GMT", 60),
        ("Mon, 23 Nov 2099 10:00:00 GMT", 60),
        ("99999999", 60),
        ("-5", 60),
        ("soon", 60),
    ],
)
async def test_too_many_requests_were_not_executed_and_wait_as_long_as_they_say(
    retry_after: str | None, seconds: int
) -> None:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    body = error("too_many_requests")
    adapter = partner(lambda _: httpx.Response(429, headers=headers, json=body))
    submitted = await adapter.submit(SUBJECT, await request(), DEADLINE)
    assert isinstance(submitted, TurnedAway)
    assert submitted.retry_at == NOW + timedelta(seconds=seconds)
    read = await adapter.read(replace(SUBJECT, partner_reference=PAYMENT_ID))
    assert isinstance(read, Unanswered)
    assert read.retry_at == submitted.retry_at


async def test_words_nobody_documented_leave_doubt_and_are_told() -> None:
    submitted, _ = await submit((400, error("already_taken_care_of")))
    assert isinstance(submitted, InDoubt)
    assert submitted.drift
    assert not submitted.server_error


async def test_a_new_field_turned_down_is_a_refusal_and_is_told() -> None:
    body = error("payer_phone_is_missing", name="payer_phone", top="payment_create_failed")
    submitted, _ = await submit((400, body))
    assert isinstance(submitted, Refused)
    assert submitted.report.drift == ("payments/create: unknown code payer_phone_is_missing",)


async def test_an_account_that_is_not_permitted_now_waits_for_its_permission() -> None:
    submitted, _ = await submit((400, error("unsupported_account", "not permitted", "account")))
    assert isinstance(submitted, TurnedAway)
    assert submitted.retry_at == NOW + timedelta(minutes=5)
    assert "not permitted" in submitted.why


async def test_a_missing_permission_is_not_executed_and_names_the_remedy() -> None:
    submitted, _ = await submit((403, error("permission_denied")))
    assert isinstance(submitted, TurnedAway)
    assert "permission" in submitted.why
    assert submitted.retry_at is not None


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (httpx.ConnectError("refused"), NotSent),
        (httpx.ConnectTimeout("slow"), NotSent),
        (httpx.ReadTimeout("slow"), InDoubt),
        (httpx.RemoteProtocolError("cut"), InDoubt),
    ],
)
async def test_only_what_never_left_is_not_sent(
    failure: Exception, expected: type[Submitted]
) -> None:
    submitted, _ = await submit(failure)
    assert isinstance(submitted, expected)


async def test_after_its_time_nothing_is_sent() -> None:
    script = Scripted().on(CREATE, (200, payment()))
    late = replace(DEADLINE, write_before=NOW)
    submitted = await partner(script).submit(SUBJECT, await request(), late)
    assert isinstance(submitted, NotSent)
    assert script.sent == []


async def test_the_evidence_holds_the_exchange_but_no_credential() -> None:
    submitted, _ = await submit((200, payment()))
    assert isinstance(submitted, Accepted)
    exchange = submitted.exchange
    assert (exchange.method, exchange.path, exchange.status) == (
        "POST",
        "/v2/payments/create",
        200,
    )
    assert KEY in exchange.request
    assert TOKEN not in repr(exchange)


async def test_a_prepared_beneficiary_is_used_again_without_a_call() -> None:
    script = Scripted()
    prepared = await partner(script).prepare(SUBJECT)
    assert isinstance(prepared, Prepared)
    assert prepared.request.prepared == {"beneficiary_id": BENEFICIARY_ID}
    assert script.sent == []
