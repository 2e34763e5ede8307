"""The adapter against the simulator: a real process, real sockets, whole lives."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from domain.lifecycle.answers import (
    Absent,
    Accepted,
    CannotTell,
    Duplicate,
    InDoubt,
    NotReady,
    Prepared,
    Refused,
    TurnedAway,
    Unanswered,
)
from domain.payments.report import MovementKind, PaymentState
from partners.currencycloud import refusals
from partners.currencycloud.account import Account as CurrencycloudAccount
from partners.currencycloud.client import CurrencycloudPartner
from tests.partners.currencycloud.lives import Bank, Life, MachineClock, living
from tests.partners.currencycloud.scripted import ORDER, FakeLoginBook, FakePreparedBook

CREATE = "POST /v2/payments/create"


async def test_a_whole_life(life: Life) -> None:
    assert isinstance(await life.adapter.find(life.subject), Absent)
    await life.accepted()
    states = []
    for _ in range(4):
        states.append((await life.read_report()).state)
        life.bank.later(1)
    report = await life.read_report()
    assert states[:2] == [PaymentState.AWAITING_PARTNER, PaymentState.PROCESSING]
    assert report.state is PaymentState.SETTLED
    assert [(each.kind, each.amount) for each in report.movements] == [
        (MovementKind.DEBIT, ORDER.instructed_amount)
    ]
    assert report.observed.beneficiary_is_ours
    assert report.drift == ()
    assert len(life.held) == 1


async def test_a_beneficiary_is_made_once_for_all_payments(life: Life) -> None:
    again = await life.adapter.prepare(replace(life.subject, prepared={}))
    assert isinstance(again, Prepared)
    assert again.request.prepared == life.request.prepared


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_a_reply_lost_after_the_effect_is_a_duplicate_and_then_found(
    life: Life, reset: bool
) -> None:
    life.bank.fault("reply_lost_after", param={"reset": reset})
    assert isinstance(await life.submit(), InDoubt)
    duplicate = await life.submit()
    assert isinstance(duplicate, Duplicate)
    assert duplicate.report.partner_reference is None
    report = await life.found()
    assert report.state is PaymentState.AWAITING_PARTNER
    assert len(life.held) == 1
    assert report.partner_reference == life.held[0]["id"]


async def test_a_reply_lost_before_the_effect_is_proven_absent(life: Life) -> None:
    life.bank.fault("reply_lost_before")
    assert isinstance(await life.submit(), InDoubt)
    assert isinstance(await life.adapter.find(life.subject), Absent)
    await life.accepted()
    assert len(life.held) == 1


@pytest.mark.parametrize(
    ("fault", "param"),
    [
        ("error_500_after", {}),
        ("error_500_after", {"body": "html"}),
        ("html_200", {}),
        ("html_502_after", {}),
        ("redirect_after", {"status": 307}),
        ("cut_mid_body", {"bytes": 60}),
        ("missing_field", {"field": "id"}),
        ("missing_field", {"field": "status"}),
        ("number_for_string", {"field": "amount"}),
        ("delay", {"seconds": 2, "when": "after"}),
    ],
    ids=str,
)
async def test_an_effect_behind_an_unusable_answer_is_found(
    life: Life, fault: str, param: dict[str, Any]
) -> None:
    life.bank.fault(fault, param=param)
    assert isinstance(await life.submit(seconds=1), InDoubt)
    assert (await life.found()).partner_reference == life.held[0]["id"]


@pytest.mark.parametrize("fault", ["error_500_before", "html_502", "service_unavailable"])
async def test_a_server_error_without_effect_is_doubt_all_the_same(life: Life, fault: str) -> None:
    life.bank.fault(fault)
    doubt = await life.submit()
    assert isinstance(doubt, InDoubt)
    assert doubt.server_error
    assert life.held == []


async def test_a_redirect_is_not_followed_and_proves_nothing(life: Life) -> None:
    life.bank.fault("redirect_before", param={"status": 302})
    doubt = await life.submit()
    assert isinstance(doubt, InDoubt)
    assert doubt.drift
    assert life.held == []


@pytest.mark.parametrize(
    ("fault", "param"),
    [
        ("drip", {"seconds": 0.005, "bytes": 64}),
        ("wrong_content_type", {"content_type": "text/plain"}),
    ],
)
async def test_a_whole_answer_counts_however_it_comes(
    life: Life, fault: str, param: dict[str, Any]
) -> None:
    life.bank.fault(fault, param=param)
    await life.accepted()
    assert life.subject.partner_reference == life.held[0]["id"]


async def test_a_documented_refusal_of_each_kind_is_one_and_says_why(life: Life) -> None:
    one_of_each = {reason: code for code, reason in refusals.PAYMENT_REFUSED.items()}
    for reason, code in one_of_each.items():
        life.bank.fault("refused", param={"status": 400, "field": "base", "code": code})
        refused = await life.submit()
        assert isinstance(refused, Refused), code
        assert refused.report.status_reason == reason
        assert refused.report.drift == ()
    assert life.held == []


async def test_an_account_that_may_not_pay_now_may_pay_later(life: Life) -> None:
    fault = {"status": 400, "field": "account", "code": "unsupported_account"}
    life.bank.fault("refused", param=fault)
    turned_away = await life.submit()
    assert isinstance(turned_away, TurnedAway)
    assert turned_away.retry_at is not None
    await life.accepted()


async def test_a_refusal_in_words_nobody_documented_is_looked_up(life: Life) -> None:
    life.bank.fault("refused", param={"status": 400, "field": "x", "code": "already_taken_care_of"})
    doubt = await life.submit()
    assert isinstance(doubt, InDoubt)
    assert doubt.drift
    assert isinstance(await life.adapter.find(life.subject), Absent)


@pytest.mark.parametrize("fault", ["unauthorised", "rate_limited"])
async def test_what_was_turned_away_may_be_sent_again(life: Life, fault: str) -> None:
    life.bank.fault(fault)
    assert isinstance(await life.submit(), TurnedAway)
    assert life.held == []
    assert await life.adapter.ready() is None
    await life.accepted()


async def test_a_search_that_shows_somebody_else_cannot_tell(life: Life) -> None:
    async with living(life.bank, "somebody-else") as other:
        await other.accepted()
    await life.accepted()
    life.bank.fault("finds_another", on="GET /v2/payments/find")
    assert isinstance(await life.adapter.find(life.subject), CannotTell)


async def test_an_unknown_word_is_unmapped_but_keeps_its_reference(life: Life) -> None:
    life.bank.fault("unknown_status", param={"status": "parked_elsewhere"})
    submitted = await life.submit()
    assert isinstance(submitted, Accepted)
    assert submitted.report.state is None
    assert submitted.report.partner_status == "parked_elsewhere"
    assert submitted.report.partner_reference


async def test_failed_before_release_is_rejected(life: Life) -> None:
    life.bank.fault("fail_before_release", param={"reason": "Compliance review"})
    await life.accepted()
    life.bank.later()
    report = await life.read_report()
    assert (report.state, report.reason) == (PaymentState.REJECTED, "Compliance review")
    assert (report.transaction_status, report.status_reason) == ("RJCT", "RR04")
    assert report.movements == ()


async def test_failed_after_completion_is_returned_less_their_fee(life: Life) -> None:
    life.bank.fault("fail_after_completed", param={"fee": "2.50"})
    await life.accepted()
    life.bank.later(5)
    report = await life.read_report()
    assert (report.state, report.status_reason) == (PaymentState.RETURNED, "AC04")
    sums = {each.kind: each.amount.minor for each in report.movements}
    assert sums == {MovementKind.DEBIT: 100_000, MovementKind.RETURN: 99_750}


async def test_money_called_back_and_released_again_has_left_once(life: Life) -> None:
    await life.accepted()
    life.bank.later(1.5)
    life.intervene("unrelease")
    assert (await life.read_report()).state is PaymentState.AWAITING_PARTNER
    life.intervene("resume")
    life.bank.later(4)
    report = await life.read_report()
    assert report.state is PaymentState.SETTLED
    assert len(report.movements) == 1


async def test_deleted_by_hand_is_cancelled_once_the_search_says_so(life: Life) -> None:
    await life.accepted()
    life.intervene("delete_by_hand")
    report = await life.read_report()
    assert (report.state, report.transaction_status) == (PaymentState.CANCELLED, "CANC")
    assert report.reason == "deleted at the partner"
    life.bank.fault("hidden_from_find", on="GET /v2/payments/find")
    assert isinstance(await life.adapter.read(life.subject), Unanswered)


async def test_an_amount_changed_by_hand_is_seen(life: Life) -> None:
    await life.accepted()
    life.intervene("change_amount_by_hand", amount="1200.00")
    observed = (await life.read_report()).observed
    assert observed.amount is not None
    assert observed.amount.to_wire() == "1200.00"


async def test_wrong_credentials_are_tried_once(bank: Bank) -> None:
    account = CurrencycloudAccount(
        base_url=bank.address, login_id="demo@finality.test", api_key=SecretStr("0f" * 32)
    )
    logins = FakeLoginBook(held=None)
    adapter = CurrencycloudPartner(
        account, logins=logins, clock=MachineClock(), prepared=FakePreparedBook()
    )
    for _ in range(5):
        not_ready = await adapter.ready()
        assert isinstance(not_ready, NotReady)
        assert not_ready.needs_person
    await adapter.close()
    assert logins.calls.count("failed") == 1
    assert "0f" * 8 not in json.dumps(bank.control("book"))
