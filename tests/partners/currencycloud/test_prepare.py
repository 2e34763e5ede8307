"""The creditor is found or made before anything is sent, and is the one who was ordered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from domain.accounts import Account
from domain.lifecycle.answers import Preparation, Prepared, Unprepared
from domain.party import Party, PostalAddress
from domain.payments.report import PaymentState
from partners.currencycloud.beneficiaries import external_reference
from tests.partners.currencycloud.scripted import (
    BENEFICIARY_ID,
    IBAN,
    NOW,
    ORDER,
    SUBJECT,
    Answer,
    FakeLoginBook,
    FakePreparedBook,
    Scripted,
    error,
    page,
    partner,
)

FIND = "POST /v2/beneficiaries/find"
VALIDATE = "POST /v2/beneficiaries/validate"
CREATE = "POST /v2/beneficiaries/create"
UNPREPARED = replace(SUBJECT, prepared={})


def beneficiary(**changes: Any) -> dict[str, Any]:
    return {
        "id": BENEFICIARY_ID,
        "name": "Carla Creditor",
        "bank_account_holder_name": "Carla Creditor",
        "currency": "EUR",
        "iban": IBAN,
        "beneficiary_external_reference": external_reference(ORDER),
        **changes,
    }


def script(
    *, found: Answer | None = None, valid: Answer = (200, {}), made: Answer | None = None
) -> Scripted:
    return (
        Scripted()
        .on(FIND, found or page("beneficiaries"))
        .on(VALIDATE, valid)
        .on(CREATE, made or (200, beneficiary()))
    )


async def prepare(wanted: Scripted, book: FakeLoginBook | None = None) -> Preparation:
    return await partner(wanted, book).prepare(UNPREPARED)


async def test_a_beneficiary_of_ours_is_used_again() -> None:
    wanted = script(found=page("beneficiaries", beneficiary()))
    prepared = await prepare(wanted)
    assert isinstance(prepared, Prepared)
    assert prepared.request.prepared == {"beneficiary_id": BENEFICIARY_ID}
    assert wanted.routes == [FIND]
    assert wanted.sent[0].form == {
        "beneficiary_external_reference": external_reference(ORDER),
        "scope": "own",
        "order": "created_at",
    }


async def test_a_new_creditor_is_checked_and_made() -> None:
    wanted = script()
    assert isinstance(await prepare(wanted), Prepared)
    assert wanted.routes == [FIND, VALIDATE, CREATE]
    assert wanted.sent[1].form == {
        "bank_country": "FR",
        "currency": "EUR",
        "iban": IBAN,
        "payment_types[]": "regular",
    }
    assert wanted.sent[2].form == {
        **wanted.sent[1].form,
        "name": "Carla Creditor",
        "bank_account_holder_name": "Carla Creditor",
        "beneficiary_external_reference": external_reference(ORDER),
    }


async def test_address_bank_and_sub_account_go_with_it() -> None:
    address = PostalAddress(
        street_name="Rue A", building_number="1", town_name="Paris", post_code="75001", country="FR"
    )
    order = ORDER.model_copy(
        update={
            "creditor": Party(name="Carla Creditor", address=address),
            "creditor_agent": "AGRIFRPP",
            "on_behalf_of": "5f2c7c52-3a05-4a7c-9f5b-0d2b6c2f1a01",
        }
    )
    wanted = script()
    await partner(wanted).prepare(replace(UNPREPARED, order=order))
    form = wanted.sent[2].form
    assert form["beneficiary_address"] == "Rue A 1"
    assert form["beneficiary_city"] == "Paris"
    assert form["beneficiary_country"] == "FR"
    assert form["bic_swift"] == "AGRIFRPP"
    assert {sent.form["on_behalf_of"] for sent in wanted.sent} == {order.on_behalf_of}


@pytest.mark.parametrize(
    "change",
    [
        {"iban": "FR7630006000019999999999999"},
        {"bank_account_holder_name": "Somebody Else"},
        {"currency": "GBP"},
        {"iban": None},
    ],
    ids=str,
)
async def test_one_that_somebody_changed_is_not_ours_any_more(change: dict[str, Any]) -> None:
    wanted = script(found=page("beneficiaries", beneficiary(id="changed", **change)))
    prepared = await prepare(wanted)
    assert isinstance(prepared, Prepared)
    assert prepared.request.prepared == {"beneficiary_id": BENEFICIARY_ID}
    assert CREATE in wanted.routes


async def test_an_iban_shown_with_spaces_is_the_same() -> None:
    spaced = " ".join(IBAN[i : i + 4] for i in range(0, len(IBAN), 4))
    wanted = script(found=page("beneficiaries", beneficiary(iban=spaced)))
    assert isinstance(await prepare(wanted), Prepared)
    assert wanted.routes == [FIND]


def test_tenants_creditors_and_sub_accounts_do_not_share_a_reference() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"tenant": "other"},
        {"on_behalf_of": "5f2c7c52-3a05-4a7c-9f5b-0d2b6c2f1a01"},
        {"creditor": Party(name="Other")},
        {"creditor_account": Account(iban="DE89370400440532013000")},
    ]
    references = {external_reference(ORDER.model_copy(update=change)) for change in changes}
    assert len(references) == len(changes)
    assert external_reference(ORDER.model_copy(update={"end_to_end_id": "X"})) in references


async def test_that_it_was_not_made_without_a_reason_is_no_refusal() -> None:
    body = error("beneficiary_create_failed", "Beneficiary was not created", "beneficiary")
    unprepared = await prepare(script(made=(400, body)))
    assert isinstance(unprepared, Unprepared)
    assert unprepared.refused is None


@pytest.mark.parametrize("step", ["valid", "made"])
async def test_a_creditor_they_refuse_is_refused_for_good(step: str) -> None:
    refusal = (400, error("iban_is_invalid", f"{IBAN} is invalid", "iban", "beneficiary_not_valid"))
    refusing = script(valid=refusal) if step == "valid" else script(made=refusal)
    unprepared = await prepare(refusing)
    assert isinstance(unprepared, Unprepared)
    assert unprepared.refused is not None
    assert unprepared.refused.state is PaymentState.REJECTED
    assert unprepared.refused.reason == "iban: …0189 is invalid"
    assert unprepared.refused.status_reason == "AC03"


async def test_a_creditor_without_iban_is_refused_without_asking() -> None:
    order = ORDER.model_copy(update={"creditor_account": Account(other="12345678")})
    wanted = script()
    unprepared = await partner(wanted).prepare(replace(UNPREPARED, order=order))
    assert isinstance(unprepared, Unprepared)
    assert unprepared.refused is not None
    assert wanted.sent == []


@pytest.mark.parametrize(
    "answer",
    [
        (500, "<html></html>"),
        (429, error("too_many_requests")),
        (403, error("permission_denied")),
        (400, "<html></html>"),
        (200, "<html></html>"),
        (200, {"id": 5}),
        (200, beneficiary(iban="FR7630006000019999999999999")),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("refused"),
    ],
    ids=str,
)
async def test_anything_else_on_create_is_tried_again_later(answer: Answer) -> None:
    unprepared = await prepare(script(made=answer))
    assert isinstance(unprepared, Unprepared)
    assert unprepared.refused is None


async def test_a_lost_creation_is_found_the_next_time() -> None:
    wanted = script(made=httpx.ReadTimeout("lost"))
    wanted.on(FIND, page("beneficiaries"), page("beneficiaries", beneficiary()))
    assert isinstance(await prepare(wanted), Unprepared)
    assert isinstance(await prepare(wanted), Prepared)
    assert wanted.routes.count(CREATE) == 1


async def test_a_refused_token_is_dropped_and_nothing_is_made() -> None:
    book = FakeLoginBook()
    unprepared = await prepare(script(found=(401, error("auth_failed"))), book)
    assert isinstance(unprepared, Unprepared)
    assert unprepared.retry_at is not None
    assert unprepared.retry_at > NOW
    assert book.calls == ["drop"]


@pytest.mark.parametrize("name", [None, "absent"])
async def test_a_beneficiary_whose_own_name_nobody_reads_may_lack_it(name: str | None) -> None:
    shown = beneficiary(name=None)
    if name == "absent":
        del shown["name"]
    for answer in (script(found=page("beneficiaries", shown)), script(made=(200, shown))):
        assert isinstance(await prepare(answer), Prepared)


# Made once, whoever pays the same creditor at the same time


READ = f"GET /v2/beneficiaries/{BENEFICIARY_ID}"


@pytest.mark.parametrize(
    "shown", ["CARLA CREDITOR", "Carla Creditor ", "Carla  Creditor", "Cárla-Creditor"]
)
async def test_one_that_is_shown_in_other_letters_is_used(shown: str) -> None:
    wanted = script(found=page("beneficiaries", beneficiary(bank_account_holder_name=shown)))
    assert isinstance(await prepare(wanted), Prepared)
    assert wanted.routes == [FIND]


async def test_one_that_was_made_before_is_asked_for_by_its_id() -> None:
    made = FakePreparedBook()
    first = script()
    await partner(first, prepared=made).prepare(UNPREPARED)
    again = script().on(READ, (200, beneficiary()))
    prepared = await partner(again, prepared=made).prepare(UNPREPARED)
    assert isinstance(prepared, Prepared)
    assert prepared.request.prepared == {"beneficiary_id": BENEFICIARY_ID}
    assert again.routes == [READ]


async def test_one_that_they_show_under_a_name_of_their_own_is_made_once() -> None:
    made, theirs = FakePreparedBook(), beneficiary(bank_account_holder_name="C & Partners")
    await partner(script(made=(200, theirs)), prepared=made).prepare(UNPREPARED)
    for _ in range(3):
        again = script().on(READ, (200, theirs))
        assert isinstance(await partner(again, prepared=made).prepare(UNPREPARED), Prepared)
        assert again.routes == [READ]


@pytest.mark.parametrize(
    "now_shown",
    [
        (404, {"error_code": "beneficiary_not_found", "error_messages": {}}),
        (200, beneficiary(iban="FR7630006000019999999999999")),
        (200, beneficiary(bank_account_holder_name="Somebody Else")),
    ],
    ids=["deleted", "another account", "another name"],
)
async def test_one_that_was_deleted_or_changed_is_noticed_and_made_anew(
    now_shown: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    made = FakePreparedBook()
    await partner(script(), prepared=made).prepare(UNPREPARED)
    again = script(made=(200, beneficiary(id="another"))).on(READ, now_shown)
    prepared = await partner(again, prepared=made).prepare(UNPREPARED)
    assert isinstance(prepared, Prepared)
    assert prepared.request.prepared == {"beneficiary_id": "another"}
    assert again.routes == [READ, FIND, VALIDATE, CREATE]
    assert f"beneficiary {BENEFICIARY_ID} was" in caplog.text


async def test_while_another_payment_has_it_made_nothing_is_asked() -> None:
    wanted = script()
    waits = await partner(wanted, prepared=FakePreparedBook(others_make_it=True)).prepare(
        UNPREPARED
    )
    assert isinstance(waits, Unprepared)
    assert waits.retry_at is not None
    assert wanted.routes == []


async def test_a_question_that_brings_no_answer_makes_no_other_one() -> None:
    made = FakePreparedBook()
    await partner(script(), prepared=made).prepare(UNPREPARED)
    again = script().on(READ, (500, {}))
    assert isinstance(await partner(again, prepared=made).prepare(UNPREPARED), Unprepared)
    assert again.routes == [READ]
