"""The profile says what the adapter does, and an account may override its times."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from domain.order import Rail
from domain.profile import IdempotencyKind, InstructionKind, LookupKind
from partners.currencycloud.profile import PROFILE, profile_of
from partners.registry import PARTNERS
from tests.partners.currencycloud.scripted import ACCOUNT, FakeLoginBook, StillClock


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
    assert profile.watch == dict.fromkeys(Rail, second)


def test_their_limits_differ_by_host_and_a_simulator_has_none() -> None:
    hosts = {
        "https://api.currencycloud.com": 500,
        "https://devapi.currencycloud.com": 150,
        "https://gateway.acme.test": 500,
        "http://127.0.0.1:8080": None,
        "http://localhost:8080": None,
    }
    for address, requests in hosts.items():
        quota = profile_of(ACCOUNT.model_copy(update={"base_url": address})).quota
        assert (quota.requests if quota else None) == requests
        # A read may take a second call, and instructions keep a share.
        assert quota is None or 2 * quota.reads < quota.requests


def test_the_times_of_an_account_are_those_of_a_cancel_too() -> None:
    second = timedelta(seconds=1)
    profile = profile_of(ACCOUNT.model_copy(update={"write_within": second}))
    assert {each.write_within for each in profile.operations.values()} == {second}
    assert set(profile.operations) == set(InstructionKind)


def test_the_profile_survives_being_stored() -> None:
    assert type(PROFILE).model_validate_json(PROFILE.model_dump_json()) == PROFILE


async def test_the_registry_makes_the_partner() -> None:
    partner = PARTNERS["currencycloud"]("main", ACCOUNT, FakeLoginBook(), StillClock())
    assert partner.profile == HERE
    await partner.close()
