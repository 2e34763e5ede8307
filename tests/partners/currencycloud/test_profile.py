"""The profile says what the adapter does, and an account may override its times."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from domain.order import Rail
from domain.profile import IdempotencyKind, InstructionKind, LookupKind
from partners.currencycloud.profile import PROFILE, profile_of
from partners.registry import PARTNERS
from tests.partners.currencycloud.scripted import ACCOUNT, Clock, FakeLoginBook


def test_a_used_key_is_refused_and_then_looked_up_completely() -> None:
    operation = PROFILE.operation(InstructionKind.PAY)
    assert operation.idempotency.kind is IdempotencyKind.REJECT_DUPLICATE
    assert operation.idempotency.key_field == "unique_request_id"
    assert operation.idempotency.window is None
    assert operation.lookup.kind is LookupKind.STRONG
    assert operation.lookup.parameters["scope"] == "all"
    assert operation.lookup.parameters["with_deleted"] == "true"


HERE = PROFILE.model_copy(update={"environment": urlsplit(ACCOUNT.base_url).hostname})


def test_an_account_says_where_it_is_and_overrides_only_the_times_it_names() -> None:
    assert profile_of(ACCOUNT) == HERE
    second = timedelta(seconds=1)
    overriding = ACCOUNT.model_copy(update={"answer_within": second, "watch": second})
    profile = profile_of(overriding)
    before, after = (each.operation(InstructionKind.PAY) for each in (PROFILE, profile))
    assert after == before.model_copy(update={"answer_within": second})
    assert profile.watch == {Rail.SEPA_CREDIT_TRANSFER: second}


def test_the_profile_survives_being_stored() -> None:
    assert type(PROFILE).model_validate_json(PROFILE.model_dump_json()) == PROFILE


async def test_the_registry_makes_the_partner() -> None:
    partner = PARTNERS["currencycloud"]("main", ACCOUNT, FakeLoginBook(), Clock())
    assert partner.profile == HERE
    await partner.close()
