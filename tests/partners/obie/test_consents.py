"""Access to accounts at a bank of both versions: asked for, authorised, read, renewed, ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.consents.instructions import ConsentInstruction as Kind
from domain.consents.report import ConsentState
from domain.lifecycle.answers import (
    Absent,
    Found,
    Gone,
    Refused,
    Unprepared,
)
from partners.kit.logins import Grant
from tests.partners.obie.conftest import REQUEST, VERSIONS, Asks, Bank, decide

S = ConsentState


@pytest.mark.parametrize("version", VERSIONS)
async def test_access_is_authorised_read_and_ended(asks: Asks, version: str) -> None:
    asking = asks(version=version)
    page = await asking.asked()
    assert (await asking.was_read()).state is S.AWAITING_USER
    answer = decide(page, "approve")
    # The bank calls it authorised, and nothing can be read before the code is exchanged.
    waits = await asking.was_read()
    assert (waits.state, waits.grant) == (S.AWAITING_USER, None)
    assert (await asking.accepted(Kind.ANSWER, answer=answer)).state is S.ACTIVE
    report = await asking.was_read()
    assert (report.state, report.drift) == (S.ACTIVE, ())
    assert report.grant is not None
    assert report.grant.permissions == ("accounts", "balances", "transactions")
    assert [each.ends for each in report.grant.accounts or ()] == ["3345"]
    assert report.grant.valid_until == REQUEST.valid_until.replace(microsecond=0)  # type: ignore[union-attr]
    revoke = replace(asking.subject, kind=Kind.REVOKE)
    assert isinstance(await asking.adapter.find(revoke), Absent)
    assert (await asking.accepted(Kind.REVOKE)).state is S.REVOKED_BY_US
    assert isinstance(await asking.adapter.find(revoke), Found)
    assert isinstance(await asking.adapter.read(asking.subject), Gone)
    held = [
        Grant.of(kept).token for name, kept in asking.logins.tokens.items() if "consent" in name
    ]
    assert held == [""], "no token is kept of a consent that has ended"


async def test_a_user_who_refuses_ends_it(asks: Asks) -> None:
    asking = asks()
    assert "error" in decide(await asking.asked(), "reject")
    assert (await asking.was_read()).state is S.REJECTED


async def test_a_code_that_was_used_is_refused_and_the_token_of_the_first_stays(
    asks: Asks,
) -> None:
    asking = asks()
    answer = decide(await asking.asked(), "approve")
    await asking.accepted(Kind.ANSWER, answer=answer)
    found = await asking.adapter.find(replace(asking.subject, kind=Kind.ANSWER))
    assert isinstance(found, Found)
    forged = await asking.take(Kind.ANSWER, answer={"code": "forged"})
    assert isinstance(forged, Refused)
    assert forged.report.state is None, "it says nothing about what was granted"
    assert (await asking.was_read()).state is S.ACTIVE


async def test_a_token_that_ends_is_refreshed_and_the_refresh_token_rotates(asks: Asks) -> None:
    asking = await asks().active()
    name = next(each for each in asking.logins.tokens if each.endswith(asking.consent_id))
    first = Grant.of(asking.logins.tokens[name])
    assert first.refresh
    soon = datetime.now(UTC) + timedelta(seconds=5)
    asking.logins.tokens[name] = replace(first, expires_at=soon).kept()
    assert (await asking.was_read()).state is S.ACTIVE
    second = Grant.of(asking.logins.tokens[name])
    assert second.refresh not in ("", first.refresh)
    assert second.token != first.token


async def test_a_refresh_token_that_is_refused_needs_the_user_again(asks: Asks) -> None:
    asking = await asks().active()
    name = next(each for each in asking.logins.tokens if each.endswith(asking.consent_id))
    past = datetime.now(UTC) - timedelta(seconds=5)
    asking.logins.tokens[name] = Grant("dead", past, "forged").kept()
    assert (await asking.was_read()).state is S.NEEDS_REAUTH
    assert (await asking.was_read()).state is S.NEEDS_REAUTH, "nobody tries it again"
    renewal = await asking.accepted(Kind.RENEW)
    assert renewal.state is S.AWAITING_USER
    assert renewal.action is not None
    answer = decide(renewal.action.url or "", "approve")
    assert (await asking.accepted(Kind.ANSWER, answer=answer)).state is S.ACTIVE
    assert (await asking.was_read()).state is S.ACTIVE


async def test_what_happens_at_the_bank_is_found_by_a_read(asks: Asks, bank: Bank) -> None:
    revoked = await asks().active()
    bank.apply("revoke", revoked.consent_id)
    assert (await revoked.was_read()).state is S.REVOKED_BY_USER
    again = await asks().active()
    bank.apply("reauthenticate", again.consent_id)
    assert (await again.was_read()).state is S.NEEDS_REAUTH
    shorter = await asks().active()
    bank.apply("shorten", shorter.consent_id, seconds=86_400)
    grant = (await shorter.was_read()).grant
    assert grant is not None
    assert grant.valid_until is not None
    assert grant.valid_until < REQUEST.valid_until  # type: ignore[operator]
    without = await asks().active()
    bank.apply("unlink", without.consent_id, account="22289")
    grant = (await without.was_read()).grant
    assert grant is not None
    assert grant.accounts == ()


async def test_an_unknown_status_is_never_guessed(asks: Asks, bank: Bank) -> None:
    asking = await asks().active()
    bank.fault("unknown_status", "GET /open-banking/*/aisp/*/*", status="PARKED")
    report = await asking.was_read()
    assert (report.state, report.partner_status) == (None, "PARKED")


@pytest.mark.parametrize("field", [{"recurring": False}])
async def test_what_the_bank_cannot_give_is_refused_before_it_is_asked(
    asks: Asks, field: dict[str, Any]
) -> None:
    asking = asks(REQUEST.model_copy(update=field))
    refused = await asking.adapter.prepare(asking.subject)
    assert isinstance(refused, Unprepared)
    assert refused.refused is not None
    assert refused.refused.state is S.REJECTED
