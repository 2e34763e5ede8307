"""The adapter against recorded exchanges of the official client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from domain.lifecycle.answers import (
    Accepted,
    Answered,
    CannotTell,
    InDoubt,
    NotReady,
    Prepared,
    Refused,
    Submitted,
    TurnedAway,
    Unanswered,
    Unprepared,
)
from domain.money import Money
from domain.payments.report import PaymentState
from partners.currencycloud import wire
from partners.currencycloud.sessions import Session
from partners.kit.calls import Calls, Reply
from partners.kit.content import form
from partners.kit.wire import Unusable
from tests.partners.currencycloud.cassettes import Recorded, Replay, recordings
from tests.partners.currencycloud.scripted import (
    ACCOUNT,
    ASKED,
    BENEFICIARY_ID,
    DEADLINE,
    ORDER,
    PAYMENT_ID,
    SUBJECT,
    FakeLoginBook,
    Scripted,
    StillClock,
    balance,
    page,
    partner,
    payment,
    request,
)
from transport.http import Transport

RECORDED_ACCOUNT = ACCOUNT.model_copy(
    update={"login_id": "development@currencycloud.com", "api_key": SecretStr("deadbeef" * 8)}
)
RECORDED_ORDER = ORDER.model_copy(
    update={
        "instructed_amount": Money(minor=100_000, currency="GBP"),
        "end_to_end_id": "Testing payments",
        "remittance_information": "Testing payments",
    }
)
RECORDED = replace(ASKED, order=RECORDED_ORDER)


def with_funds(replay: Replay) -> Callable[[httpx.Request], httpx.Response]:
    """The recording, and beside it a balance that covers everything, which was not recorded."""
    funds = Scripted().on("GET /v2/balances/GBP", balance(currency="GBP"))

    def handle(asked: httpx.Request) -> httpx.Response:
        return (funds if "/balances/" in asked.url.path else replay).handle(asked)

    return handle


def after_login(specs: Path, name: str) -> list[Recorded]:
    exchanges = recordings(specs, name)
    return [each for each in exchanges if not each.url.path.endswith("/authenticate/api")]


@pytest.mark.parametrize(
    "name", ["authentication/happens_lazily", "payments/create", "beneficiaries/find"]
)
async def test_login(specs: Path, name: str) -> None:
    login = recordings(specs, name)[0]
    replay = Replay([login])
    book = FakeLoginBook(held=None)
    assert await partner(replay.handle, book, RECORDED_ACCOUNT).ready() is None
    assert replay.forms == [login.form]
    assert book.calls == ["claim", "succeeded"]
    assert len(book.held or "") == 32


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("errors/is_raised_on_incorrect_authentication_details", "failed"),
        ("errors/contains_full_details_for_api_error", "failed"),
        ("errors/is_raised_when_too_many_requests_have_been_issued", "unclear"),
        ("errors/is_handled_missing_params_in_error_message", "unclear"),
    ],
)
async def test_logins_that_fail(specs: Path, name: str, call: str) -> None:
    book = FakeLoginBook(held=None)
    not_ready = await partner(Replay(recordings(specs, name)).handle, book).ready()
    assert isinstance(not_ready, NotReady)
    assert book.calls == ["claim", call]


async def test_a_session_that_timed_out(specs: Path) -> None:
    """Recorded with an older client, which asked the first time with GET."""
    expired, login, found = recordings(specs, "authentication/handles_session_timeout")
    replay = Replay([replace(expired, method="POST"), login, found])
    clock, book = StillClock(), FakeLoginBook()
    transport = Transport(
        "https://cc.test", clock=clock, instead=httpx.MockTransport(replay.handle)
    )
    session = Session(RECORDED_ACCOUNT, book, transport, clock)
    calls = Calls(transport, session, clock)

    first = await calls.ask("/v2/beneficiaries/find", form({}))
    assert isinstance(first, Reply)
    assert first.status == 401
    assert book.calls == ["drop"]
    assert await session.ready() is None
    second = await calls.ask("/v2/beneficiaries/find", form({}))
    assert isinstance(second, Reply)
    assert not isinstance(wire.read_beneficiaries(second.body), Unusable)
    assert replay.tokens[2] == book.held
    assert not replay.recorded


async def test_payments_create(specs: Path) -> None:
    recorded = after_login(specs, "payments/create")
    replay = Replay(recorded.copy())
    kept = await request(replace(RECORDED, partner_reference=None))
    submitted = await partner(replay.handle).submit(RECORDED, kept, DEADLINE)
    assert isinstance(submitted, Accepted)
    assert submitted.report.partner_reference == PAYMENT_ID
    assert submitted.report.state is PaymentState.ACCEPTED
    assert submitted.report.observed.amount == RECORDED_ORDER.instructed_amount
    assert submitted.report.observed.beneficiary_is_ours
    assert submitted.report.drift == ()
    # Since then the key is required; all else is asked as they recorded it.
    (form,), asked = replay.forms, recorded[0].form
    assert form.pop("unique_request_id") == kept.key
    assert Decimal(form.pop("amount")) == Decimal(asked.pop("amount"))
    assert form == asked


async def test_payments_retrieve(specs: Path) -> None:
    replay = Replay(after_login(specs, "payments/retrieve"))
    told = await partner(with_funds(replay)).read(RECORDED)
    assert isinstance(told, Answered)
    assert told.report.partner_status == "ready_to_send"
    assert told.report.drift == ()


async def test_payments_update_by_somebody_shows_as_a_difference(specs: Path) -> None:
    before, update, after = after_login(specs, "payments/update")
    assert update.form == {"amount": "1200"}
    adapter = partner(with_funds(Replay([before, after])))
    amounts = []
    for _ in range(2):
        told = await adapter.read(RECORDED)
        assert isinstance(told, Answered)
        amounts.append(told.report.observed.amount)
    assert [str(each) for each in amounts] == ["1000.00 GBP", "1200.00 GBP"]


@pytest.mark.parametrize(
    ("found", "expected"),
    [(page("payments"), Unanswered), (page("payments", payment(status="deleted")), Answered)],
    ids=["not found", "found deleted"],
)
async def test_payments_delete_by_somebody(
    specs: Path, found: tuple[int, object], expected: type[Answered | Unanswered]
) -> None:
    before, deleted, gone, still_gone = after_login(specs, "payments/delete")
    assert deleted.method == "POST"
    replay = Replay([before, gone, still_gone])
    search = Scripted().on("GET /v2/payments/find", found)

    def handle(asked: httpx.Request) -> httpx.Response:
        finds = asked.url.path.endswith("/find")
        return search.handle(asked) if finds else with_funds(replay)(asked)

    adapter = partner(handle)
    assert isinstance(await adapter.read(RECORDED), Answered)
    for _ in range(2):
        last = await adapter.read(RECORDED)
        assert isinstance(last, expected)
        if isinstance(last, Answered):
            assert last.report.state is PaymentState.CANCELLED


async def test_payments_find_without_our_key_proves_nothing(specs: Path) -> None:
    replay = Replay(after_login(specs, "payments/find"))
    assert isinstance(await partner(replay.handle).find(RECORDED), CannotTell)


async def test_payments_find_is_read_without_drift(specs: Path) -> None:
    (found,) = after_login(specs, "payments/find")
    page_ = wire.read_payments(found.response().text)
    assert not isinstance(page_, Unusable)
    payments, pagination = page_
    assert [each.drift for each in payments] == [()]
    assert pagination.total_entries == 2


async def test_beneficiaries_are_asked_for_checked_and_made(specs: Path) -> None:
    """A sort code account, as recorded: our creditors are known by IBAN, so it is not ours."""
    replay = Replay(
        [
            *after_login(specs, "beneficiaries/find"),
            *after_login(specs, "beneficiaries/validate"),
            *after_login(specs, "beneficiaries/create"),
        ]
    )
    unprepared = await partner(replay.handle).prepare(replace(RECORDED, prepared={}))
    assert isinstance(unprepared, Unprepared)
    assert "another beneficiary" in unprepared.why
    assert not replay.recorded


async def test_a_recorded_beneficiary_is_read(specs: Path) -> None:
    for name in ("beneficiaries/create", "beneficiaries/retrieve"):
        (made,) = after_login(specs, name)
        found = wire.read_beneficiary(made.response().text)
        assert isinstance(found, wire.Beneficiary)
        assert found.id == BENEFICIARY_ID


async def test_beneficiaries_validate_error(specs: Path) -> None:
    find = after_login(specs, "beneficiaries/find")
    replay = Replay(find + after_login(specs, "beneficiaries/validate_error"))
    unprepared = await partner(replay.handle).prepare(replace(RECORDED, prepared={}))
    assert isinstance(unprepared, Unprepared)
    assert unprepared.refused is not None
    assert unprepared.refused.partner_status == "beneficiary_not_valid"
    assert "Account number is missing" in (unprepared.refused.reason or "")


async def test_transactions_find_of_something_else_is_no_booking(specs: Path) -> None:
    completed = Scripted().on(f"GET /v2/payments/{PAYMENT_ID}", (200, payment(status="failed")))
    replay = Replay(after_login(specs, "transactions/can_find"))

    def handle(asked: httpx.Request) -> httpx.Response:
        is_search = asked.url.path.endswith("/transactions/find")
        return replay.handle(asked) if is_search else completed.handle(asked)

    unanswered = await partner(handle).read(ASKED)
    assert isinstance(unanswered, Unanswered)
    assert "did not heed" in unanswered.why


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("errors/is_handled_invalid_error_format", InDoubt),
        ("errors/is_handled_json_error_message_different_format", InDoubt),
        ("errors/is_handled_json_error_message_different_format_2", InDoubt),
        ("errors/is_raised_on_forbidden_request", TurnedAway),
        ("errors/is_raised_on_missing_iban", Refused),
        ("errors/is_raised_when_a_resource_is_not_found", Refused),
        ("errors/is_raised_on_incorrect_authentication_details", TurnedAway),
        ("errors/is_raised_when_too_many_requests_have_been_issued", TurnedAway),
        ("errors/is_handled_missing_params_in_error_message", TurnedAway),
        ("payments/validate_error", Refused),
        ("payments/delivery_date_error", Refused),
    ],
)
async def test_their_errors_as_answers_to_an_instruction(
    specs: Path, name: str, expected: type[Submitted]
) -> None:
    recorded = recordings(specs, name)[-1]
    submitted = await partner(lambda _: recorded.response()).submit(
        SUBJECT, await request(), DEADLINE
    )
    assert isinstance(submitted, expected)
    read = await partner(lambda _: recorded.response()).read(ASKED)
    assert isinstance(read, Unanswered)
    assert isinstance(await partner(lambda _: recorded.response()).find(SUBJECT), CannotTell)


async def test_our_form_is_one_their_client_would_accept() -> None:
    prepared = await partner(Scripted()).prepare(SUBJECT)
    assert isinstance(prepared, Prepared)
    assert prepared.request.content_type == "application/x-www-form-urlencoded"
