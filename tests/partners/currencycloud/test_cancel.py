"""Taking a payment back: what is sent, and what proves that it came about."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.lifecycle.answers import (
    Absent,
    Accepted,
    CannotTell,
    Found,
    InDoubt,
    LookedFor,
    NotSent,
    Prepared,
    Refused,
    Submitted,
    TurnedAway,
    Unprepared,
    WireRequest,
)
from domain.lifecycle.profile import IdempotencyKind, InstructionKind, LookupKind
from domain.payments.report import PaymentState, Source
from partners.currencycloud.mapping import STATUSES
from partners.currencycloud.profile import PROFILE
from tests.partners.currencycloud.cassettes import Replay, recordings
from tests.partners.currencycloud.scripted import (
    ASKED,
    DEADLINE,
    KEY,
    NOW,
    ORDER,
    PAYMENT_ID,
    Answer,
    FakeLoginBook,
    Scripted,
    error,
    page,
    partner,
    payment,
)

READ = f"GET /v2/payments/{PAYMENT_ID}"
DELETE = f"POST /v2/payments/{PAYMENT_ID}/delete"
FIND = "GET /v2/payments/find"
CONTACT = "5f2c7c52-3a05-4a7c-9f5b-0d2b6c2f1a01"
#: As the store gives it: keys of its own, and the object of the payment it takes back.
CANCEL = replace(
    ASKED,
    instruction_id="pay_1/cancel/1",
    keys=("TAKESITBACK",),
    prepared={},
    kind=InstructionKind.CANCEL,
)
PREPARED = replace(CANCEL, prepared={"unique_request_id": KEY})
REQUEST = WireRequest(
    "POST",
    f"/v2/payments/{PAYMENT_ID}/delete",
    b"",
    "application/x-www-form-urlencoded",
    "TAKESITBACK",
    {"unique_request_id": KEY},
)
NOT_FOUND = (404, error("payment_not_found", top="payment_not_found"))
DELETED = payment(status="deleted")


async def submit(answer: Answer, book: FakeLoginBook | None = None) -> Submitted:
    script = Scripted().on(DELETE, answer)
    submitted = await partner(script, book).submit(PREPARED, REQUEST, DEADLINE)
    assert script.routes == [DELETE] or isinstance(submitted, NotSent)
    return submitted


async def find(first: Answer, *, search: Answer = (500, "")) -> LookedFor:
    script = Scripted().on(READ, first).on(FIND, search)
    return await partner(script).find(PREPARED)


def test_the_profile_says_that_nothing_can_happen_twice_and_that_the_payment_tells() -> None:
    operation = PROFILE.operation(InstructionKind.CANCEL)
    assert operation.idempotency.kind is IdempotencyKind.NATURAL_KEY
    assert operation.lookup.kind is LookupKind.PARENT
    assert operation.resends_max == 0, "asking tells more than asking for it again"


# The request


async def test_it_names_the_payment_and_nothing_else() -> None:
    script = Scripted().on(READ, (200, payment()))
    prepared = await partner(script).prepare(CANCEL)
    assert prepared == Prepared(REQUEST)
    assert script.routes == [READ]


async def test_it_acts_for_the_sub_account_that_the_payment_was_made_for() -> None:
    order = ORDER.model_copy(update={"on_behalf_of": CONTACT})
    script = Scripted().on(READ, (200, payment()))
    prepared = await partner(script).prepare(replace(CANCEL, order=order))
    assert isinstance(prepared, Prepared)
    assert prepared.request.body == f"on_behalf_of={CONTACT}".encode()
    assert script.sent[0].query == {"with_deleted": "true", "on_behalf_of": CONTACT}


@pytest.mark.parametrize("answer", [NOT_FOUND, (200, payment(id="another")), (200, "<html>")])
async def test_it_is_asked_for_even_where_the_payment_does_not_show_its_key(
    answer: Answer,
) -> None:
    prepared = await partner(Scripted().on(READ, answer)).prepare(CANCEL)
    assert prepared == Prepared(replace(REQUEST, prepared={}))


@pytest.mark.parametrize(
    ("answer", "pause"),
    [
        ((429, error("too_many_requests")), timedelta(seconds=60)),
        ((401, error("auth_failed")), timedelta(seconds=2)),
        ((403, error("permission_denied")), timedelta(minutes=5)),
        ((500, ""), None),
        (httpx.ReadTimeout("slow"), None),
    ],
    ids=str,
)
async def test_it_waits_while_they_cannot_be_talked_to(
    answer: Answer, pause: timedelta | None
) -> None:
    unprepared = await partner(Scripted().on(READ, answer)).prepare(CANCEL)
    assert isinstance(unprepared, Unprepared)
    assert unprepared.refused is None
    assert unprepared.retry_at == (None if pause is None else NOW + pause)


async def test_without_a_payment_there_is_nothing_to_take_back() -> None:
    nothing = replace(CANCEL, partner_reference=None)
    adapter = partner(Scripted())
    assert isinstance(await adapter.prepare(nothing), Unprepared)
    assert isinstance(await adapter.find(nothing), CannotTell)


# The answer


async def test_an_answer_that_shows_it_deleted_is_proof() -> None:
    submitted = await submit((200, DELETED))
    assert isinstance(submitted, Accepted)
    report = submitted.report
    assert (report.state, report.transaction_status) == (PaymentState.CANCELLED, "CANC")
    assert (report.instruction_id, report.source) == ("pay_1/cancel/1", Source.REPLY)
    assert report.partner_reference == PAYMENT_ID
    assert report.reason == "deleted at the partner"


@pytest.mark.parametrize("status", sorted(STATUSES - {"deleted"}))
async def test_an_answer_that_shows_it_as_before_is_looked_up(status: str) -> None:
    submitted = await submit((200, payment(status=status)))
    assert isinstance(submitted, InDoubt)
    assert submitted.drift == (), "so it is recorded"
    assert not submitted.server_error


@pytest.mark.parametrize(
    "body",
    [
        "<html></html>",
        "",
        payment(status=None),
        payment(amount=1000.0),
        payment(id="another", status="deleted"),
    ],
    ids=str,
)
async def test_an_answer_outside_the_contract_leaves_doubt_and_drift(body: Any) -> None:
    submitted = await submit((200, body))
    assert isinstance(submitted, InDoubt)
    assert submitted.drift


@pytest.mark.parametrize(
    "body",
    [
        error("payment_can_not_be_deleted", name="can_not_be_deleted", top="payment_delete_failed"),
        error("invalid_id", name="id"),
        error("contact_not_found", name="on_behalf_of"),
        error("something_new"),
    ],
    ids=str,
)
async def test_a_refusal_speaks_of_the_deletion_and_not_of_the_payment(body: Any) -> None:
    submitted = await submit((400, body))
    assert isinstance(submitted, Refused)
    report = submitted.report
    assert report.state is None
    assert report.partner_status == body["error_code"]
    assert report.partner_reference == PAYMENT_ID


@pytest.mark.parametrize("status", [400, 404])
async def test_not_found_may_mean_that_it_is_deleted_already(status: int) -> None:
    submitted = await submit((status, NOT_FOUND[1]))
    assert isinstance(submitted, InDoubt)
    assert submitted.drift == ()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((401, error("auth_failed")), TurnedAway),
        ((403, error("permission_denied")), TurnedAway),
        ((429, error("too_many_requests")), TurnedAway),
        ((302, ""), InDoubt),
        ((400, "<html></html>"), InDoubt),
        ((403, "<html></html>"), InDoubt),
        ((404, "<html></html>"), InDoubt),
        ((500, ""), InDoubt),
        ((502, "<html></html>"), InDoubt),
        (httpx.ReadTimeout("slow"), InDoubt),
        (httpx.RemoteProtocolError("cut"), InDoubt),
        (httpx.ConnectError("refused"), NotSent),
    ],
    ids=str,
)
async def test_every_other_answer_proves_as_little_as_it_does_of_a_payment(
    answer: Answer, expected: type[Submitted]
) -> None:
    assert isinstance(await submit(answer), expected)


async def test_without_a_token_nothing_is_sent_and_it_is_tried_again_soon() -> None:
    submitted = await submit((200, DELETED), FakeLoginBook(held=None))
    assert isinstance(submitted, NotSent)
    assert submitted.retry_at == NOW + timedelta(seconds=2)


# The lookup


async def test_a_payment_that_shows_itself_deleted_is_found() -> None:
    found = await find((200, DELETED))
    assert isinstance(found, Found)
    report = found.report
    assert (report.state, report.source) == (PaymentState.CANCELLED, Source.READ)
    assert (report.instruction_id, report.partner_reference) == ("pay_1/cancel/1", PAYMENT_ID)
    assert report.observed.amount == ORDER.instructed_amount


@pytest.mark.parametrize("status", sorted(STATUSES - {"deleted"}))
async def test_a_payment_that_stands_somewhere_else_was_not_deleted(status: str) -> None:
    looked = await find((200, payment(status=status)))
    assert isinstance(looked, Absent)
    assert (looked.asked_at, looked.watermark) == (NOW, True)


async def test_one_that_is_gone_by_its_id_is_found_deleted_by_its_key() -> None:
    script = Scripted().on(READ, NOT_FOUND).on(FIND, page("payments", DELETED))
    found = await partner(script).find(PREPARED)
    assert isinstance(found, Found)
    assert found.report.state is PaymentState.CANCELLED
    assert script.sent[1].query == {
        "unique_request_id": KEY,
        "scope": "all",
        "with_deleted": "true",
    }
    assert FIND.split()[1] in found.exchange.path


@pytest.mark.parametrize(
    "search",
    [
        page("payments"),
        page("payments", payment()),
        page("payments", payment(id="another", status="deleted")),
        page("payments", DELETED, total_entries=2),
        page("payments", DELETED, payment(id="another")),
        (500, ""),
        (429, error("too_many_requests")),
        httpx.ReadTimeout("slow"),
    ],
    ids=str,
)
async def test_gone_by_its_id_and_not_found_deleted_cannot_be_told(search: Answer) -> None:
    assert isinstance(await find(NOT_FOUND, search=search), CannotTell)


async def test_gone_by_its_id_without_its_key_cannot_be_told() -> None:
    script = Scripted().on(READ, NOT_FOUND)
    assert isinstance(await partner(script).find(CANCEL), CannotTell)
    assert script.routes == [READ]


@pytest.mark.parametrize(
    "answer",
    [
        (200, payment(status="cancelled")),
        (200, payment(id="another", status="deleted")),
        (200, payment(status=None)),
        (200, "<html></html>"),
        (302, ""),
        (400, error("invalid_id")),
        (401, error("auth_failed")),
        (403, error("permission_denied")),
        (429, error("too_many_requests")),
        (500, ""),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("refused"),
    ],
    ids=str,
)
async def test_anything_less_than_the_payment_itself_cannot_tell(answer: Answer) -> None:
    assert isinstance(await find(answer), CannotTell)


# As recorded


@pytest.mark.parametrize("is_listed", [True, False], ids=["listed as deleted", "not listed"])
async def test_a_deletion_as_it_was_recorded(specs: Path, is_listed: bool) -> None:
    """200 with the payment as it was, then 404 for ever: the search has the last word.

    Their recording is older than the key, which nobody could be without today.
    """
    shown = recordings(specs, "payments/delete")[1:]
    replay = Replay(shown.copy())
    deleted = payment(status="deleted", currency="GBP", amount="1200.00")
    listed = Scripted().on(FIND, page("payments", *([deleted] if is_listed else [])))

    def handle(asked: httpx.Request) -> httpx.Response:
        return (listed if asked.url.path.endswith("/find") else replay).handle(asked)

    adapter = partner(handle)
    prepared = await adapter.prepare(CANCEL)
    assert isinstance(prepared, Prepared)
    submitted = await adapter.submit(CANCEL, prepared.request, DEADLINE)
    assert isinstance(submitted, InDoubt)
    assert "ready_to_send" in submitted.why
    assert replay.forms[1] == shown[1].form == {}
    for _ in range(2):
        looked = await adapter.find(PREPARED)
        assert isinstance(looked, Found if is_listed else CannotTell)
    assert not replay.recorded
