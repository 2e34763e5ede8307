"""The consent adapter beside banks of every dialect and approach, from the request to the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from domain.accounts import Account
from domain.consents.report import ActionKind, ConsentState
from domain.consents.request import ConsentRequest, Permission, User
from domain.lifecycle.answers import (
    Absent,
    Accepted,
    Answered,
    CannotTell,
    Found,
    Gone,
    InDoubt,
    NotSent,
    Prepared,
    Refused,
    TurnedAway,
    Unanswered,
    Unprepared,
)
from tests.partners.berlin_group.consenting import STATE, Asks, Consenting, consenting, request
from tests.simulators.berlin_group.conftest import DEBTOR, Tpp

S = ConsentState
Bank = Callable[[str], Tpp]
#: How our settings describe each dialect of the simulator.
DESCRIBED: dict[str, dict[str, Any]] = {
    "standard": {},
    "absolute": {"explicit_start": True},
    "status_only": {"shows_sca_status": False, "sends_address_of_psu": True},
    "dated": {"sends_date": True},
    "brief": {},
    "shouting": {},
}


@pytest.fixture
async def asks() -> AsyncIterator[Asks]:
    """Makes consents at a bank, over accesses with other settings where a test gives them."""
    adapters = []

    def ask(tpp: Tpp, of: ConsentRequest | None = None, **settings: Any) -> Consenting:
        made = consenting(tpp, of, **settings)
        adapters.append(made.adapter)
        return made

    yield ask
    for adapter in adapters:
        await adapter.close()


@pytest.mark.parametrize("dialect", DESCRIBED)
async def test_a_consent_lives_in_every_dialect(bank: Bank, asks: Asks, dialect: str) -> None:
    asked = asks(bank(dialect), dialect=DESCRIBED[dialect])
    report = await asked.accepted()
    assert (report.state, report.drift) == (S.AWAITING_USER, ())
    assert report.action is not None
    assert report.action.kind is ActionKind.REDIRECT
    waiting = await asked.was_read()
    assert (waiting.state, waiting.grant) == (S.AWAITING_USER, None)
    assert waiting.action is not None
    assert waiting.action.expires_at == report.action.expires_at
    assert report.action.url is not None
    back = asked.tpp.click(report.action.url, "approve")
    query = parse_qs(urlsplit(back.headers["location"]).query)
    assert query == {"from": ["bank"], "state": [STATE]}
    active = await asked.was_read()
    assert (active.state, active.drift) == (S.ACTIVE, ())
    assert active.grant is not None
    assert active.grant.permissions == ("balances", "transactions")
    assert len(active.grant.accounts or ()) == 2
    ended = await asked.ended().accepted()
    assert ended.state is S.REVOKED_BY_US
    assert (await asked.was_read()).state is S.REVOKED_BY_US


async def test_what_was_granted_holds_no_account_number(bank: Bank, asks: Asks) -> None:
    named = request(accounts=(Account(iban=DEBTOR),), permissions=tuple(Permission))
    report = await asks(bank("standard"), named).active()
    assert report.grant is not None
    (account,) = report.grant.accounts or ()
    assert (account.ends, account.currency) == (DEBTOR[-4:], "EUR")
    assert DEBTOR[4:] not in report.model_dump_json()
    assert report.grant.permissions == ("accounts", "balances", "transactions")
    assert report.grant.per_day == 4


async def test_the_bank_shortens_and_the_wish_of_the_app_counts(bank: Bank, asks: Asks) -> None:
    report = await asks(bank("brief")).active()
    assert report.grant is not None
    assert report.grant.valid_until is not None
    assert report.grant.valid_until - datetime.now(UTC) < timedelta(days=9)
    wish = datetime.now(UTC) + timedelta(days=30)
    report = await asks(bank("standard"), request(valid_until=wish)).active()
    assert report.grant is not None
    assert report.grant.valid_until == wish


async def test_what_the_bank_does_not_say_stays_open(bank: Bank, asks: Asks) -> None:
    tpp = bank("standard")
    asked = asks(tpp)
    await asked.active()
    rules = [{"fault": "missing_field", "on": "GET /v1/consents/*", "param": {"field": name}}
             for name in ("access", "validUntil", "frequencyPerDay")]  # fmt: skip
    for rule in rules:
        tpp.control("faults", [rule])
        report = await asked.was_read()
        assert report.state is S.ACTIVE
        assert report.grant is not None
        assert None in (report.grant.accounts, report.grant.valid_until, report.grant.per_day)


async def test_accounts_that_are_taken_out_are_missing_from_the_grant(
    bank: Bank, asks: Asks
) -> None:
    tpp = bank("standard")
    asked = asks(tpp)
    before = (await asked.active()).grant
    first, second = tpp.control("book")["accounts"]
    asked.apply("take_out", account=first["iban"])
    after = (await asked.was_read()).grant
    assert before is not None
    assert after is not None
    (left,) = after.accounts or ()
    assert left.ends == second["iban"][-4:]
    assert left in (before.accounts or ())
    named = asks(tpp, request(accounts=(Account(iban=DEBTOR),)))
    await named.active()
    named.apply("take_out", account=DEBTOR)
    none_left = (await named.was_read()).grant
    assert none_left is not None
    assert none_left.accounts == ()


async def test_how_the_bank_ends_it(bank: Bank, asks: Asks) -> None:
    tpp = bank("standard")
    revoked = asks(tpp)
    await revoked.active()
    revoked.apply("psu_revokes")
    assert (await revoked.was_read()).state is S.REVOKED_BY_USER
    superseded, newer = asks(tpp), asks(tpp)
    await superseded.active()
    await newer.active()
    assert (await superseded.was_read()).state is S.EXPIRED
    refused = asks(tpp)
    report = await refused.accepted()
    assert report.action is not None
    assert report.action.url is not None
    back = tpp.click(report.action.url, "refuse")
    assert parse_qs(urlsplit(back.headers["location"]).query)["error"] == ["access_denied"]
    assert (await refused.was_read()).state is S.REJECTED


async def test_a_decoupled_consent_has_no_page(bank: Bank, asks: Asks) -> None:
    asked = asks(bank("standard"), sca="decoupled")
    report = await asked.accepted()
    assert report.action is not None
    assert (report.action.kind, report.action.url) == (ActionKind.CONFIRM, None)
    assert (await asked.was_read()).state is S.AWAITING_USER
    asked.apply("psu_approves")
    assert (await asked.was_read()).state is S.ACTIVE


async def test_a_bank_that_wants_a_password_through_us_gets_none(bank: Bank, asks: Asks) -> None:
    tpp = bank("standard")
    tpp.choose("embedded")
    asked = asks(tpp)
    report = await asked.accepted()
    assert report.state is S.AWAITING_USER
    assert report.action is not None
    assert report.action.expires_at == report.as_of, "so it is ended at the next look"
    assert "password" in (report.reason or "")


async def test_an_exempted_consent_is_active_at_once(bank: Bank, asks: Asks) -> None:
    tpp = bank("standard")
    tpp.choose("exempted")
    assert (await asks(tpp).accepted()).state is S.ACTIVE


async def test_each_of_two_signatories_gets_a_page(bank: Bank, asks: Asks) -> None:
    tpp = bank("standard")
    tpp.control("authorisers", {"authorisers": 2})
    asked = asks(tpp)
    first = await asked.accepted()
    assert first.action is not None
    assert first.action.url is not None
    tpp.click(first.action.url, "approve")
    second = await asked.was_read()
    assert second.state is S.PARTIALLY_AUTHORISED
    assert second.action is not None
    assert second.action.url not in (None, first.action.url)
    tpp.click(second.action.url or "", "approve")
    assert (await asked.was_read()).state is S.ACTIVE


@pytest.mark.parametrize("word", ["suspended", "", "VALID "])
async def test_an_unknown_word_is_no_state(bank: Bank, asks: Asks, word: str) -> None:
    tpp = bank("standard")
    asked = asks(tpp)
    await asked.active()
    tpp.control("faults", [{"fault": "says_consent", "on": "GET /v1/consents/*", "times": None,
                            "param": {"word": word}}])  # fmt: skip
    report = await asked.was_read()
    assert (report.state, report.partner_status) == (None, word)
    assert any("consentStatus" in each for each in report.drift)
    assert isinstance(await asked.ended().adapter.find(asked.ended().subject), CannotTell)


async def test_an_end_that_was_lost_is_looked_up(bank: Bank, asks: Asks) -> None:
    tpp = bank("standard")
    asked = asks(tpp)
    await asked.active()
    ending = asked.ended()
    assert isinstance(await ending.adapter.find(ending.subject), Absent)
    tpp.control("faults", [{"fault": "reply_lost_after", "on": "DELETE /v1/consents/*"}])
    assert isinstance(await ending.submit(), InDoubt)
    found = await ending.adapter.find(ending.subject)
    assert isinstance(found, Found)
    assert found.report.state == S.REVOKED_BY_US
    assert isinstance(await ending.submit(), InDoubt), "409: it is looked up"


async def test_a_consent_asked_for_by_a_lost_request_is_found_by_nothing(
    bank: Bank, asks: Asks
) -> None:
    tpp = bank("standard")
    asked = asks(tpp)
    tpp.control("faults", [{"fault": "reply_lost_after", "on": "POST /v1/consents"}])
    assert isinstance(await asked.submit(), InDoubt)
    assert isinstance(await asked.adapter.find(asked.subject), CannotTell)


async def test_what_refusals_prove(bank: Bank, asks: Asks) -> None:
    tpp = bank("anonymous")
    refused = await asks(tpp).submit()
    assert isinstance(refused, Refused)
    assert refused.report.state == S.REJECTED
    assert "PSU-ID" in (refused.report.reason or "")
    registering = asks(bank("registering"))
    assert isinstance(await registering.submit(), TurnedAway)
    assert isinstance(await registering.submit(), Accepted)


async def test_a_consent_that_the_bank_has_forgotten_is_gone(bank: Bank, asks: Asks) -> None:
    tpp = bank("standard")
    asked = asks(tpp)
    await asked.active()
    rule = {"fault": "refused", "on": "GET /v1/consents/*", "times": None}

    def answers(status: int, code: str) -> None:
        tpp.control("faults", method="DELETE")
        tpp.control("faults", [{**rule, "param": {"status": status, "code": code}}])

    answers(403, "CONSENT_UNKNOWN")
    assert isinstance(await asked.adapter.read(asked.subject), Gone)
    answers(401, "CONSENT_EXPIRED")
    read = await asked.adapter.read(asked.subject)
    assert isinstance(read, Answered)
    assert read.report.state == S.EXPIRED
    answers(401, "CONSENT_INVALID")
    assert isinstance(await asked.adapter.read(asked.subject), Unanswered)
    answers(401, "CERTIFICATE_EXPIRED")
    assert isinstance(await asked.adapter.read(asked.subject), Unanswered)


async def test_a_status_of_another_type_is_no_answer(bank: Bank, asks: Asks) -> None:
    tpp = bank("standard")
    asked = asks(tpp)
    await asked.active()
    # A number where the specification has a text.
    tpp.control("faults", [{"fault": "says_consent", "on": "GET /v1/consents/*",
                            "param": {"word": "7"}},
                           {"fault": "number_for_string", "on": "GET /v1/consents/*",
                            "param": {"field": "consentStatus"}}])  # fmt: skip
    read = await asked.adapter.read(asked.subject)
    assert isinstance(read, Unanswered)
    assert any("consent_status" in each or "consentStatus" in each for each in read.drift)
    assert (await asked.was_read()).state is S.ACTIVE


async def test_nothing_is_sent_to_a_bank_that_is_away(asks: Asks) -> None:
    import httpx

    nowhere = Tpp("http://127.0.0.1:9", httpx.Client())
    assert isinstance(await asks(nowhere).submit(), NotSent)


async def test_a_request_that_no_bank_takes_is_refused_before_it_is_sent(
    bank: Bank, asks: Asks
) -> None:
    other = Account(number="12345678")
    asked = asks(bank("standard"), request(accounts=(other,)))
    prepared = await asked.adapter.prepare(asked.subject)
    assert isinstance(prepared, Unprepared)
    assert prepared.refused is not None
    assert "accounts[0]" in prepared.why


async def test_one_access_is_asked_for_once(bank: Bank, asks: Asks) -> None:
    asked = asks(bank("standard"), request(recurring=False))
    prepared = await asked.adapter.prepare(asked.subject)
    assert isinstance(prepared, Prepared)
    assert b'"frequencyPerDay":1' in prepared.request.body
    assert (await asked.active()).state is S.ACTIVE


async def test_a_user_whom_we_do_not_know_is_not_named(bank: Bank, asks: Asks) -> None:
    tpp = bank("anonymous")
    asked = asks(tpp, request(user=User(user_id="u-1")))
    assert (await asked.active()).state is S.ACTIVE
