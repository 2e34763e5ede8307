"""The profile says what the adapter does, and an account may override its times."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from domain.lifecycle.places import is_same_place, place
from domain.lifecycle.profile import IdempotencyKind, InstructionKind, LookupKind
from domain.payments.order import Rail
from partners.currencycloud.profile import PROFILE, profile_of
from partners.kit.workplace import Workplace
from partners.registry import Partners
from regimes.rails import COLLECTING
from tests.partners.currencycloud.scripted import (
    ACCOUNT,
    FakeLoginBook,
    FakePreparedBook,
    StillClock,
)
from transport.http import Transport


def test_a_used_key_is_refused_and_then_looked_up_completely() -> None:
    operation = PROFILE.operation(InstructionKind.PAY)
    assert operation.idempotency.kind is IdempotencyKind.REJECT_DUPLICATE
    assert operation.idempotency.window is None
    assert operation.lookup.kind is LookupKind.STRONG


HERE = PROFILE.model_copy(update={"environment": place(ACCOUNT.base_url, ACCOUNT.login_id)})


def test_an_account_says_where_it_is_and_overrides_only_the_times_it_names() -> None:
    assert profile_of(ACCOUNT) == HERE
    second = timedelta(seconds=1)
    overriding = ACCOUNT.model_copy(update={"answer_within": second, "watch": second})
    profile = profile_of(overriding)
    before, after = (each.operation(InstructionKind.PAY) for each in (PROFILE, profile))
    assert after == before.model_copy(update={"answer_within": second})
    assert profile.watch == dict.fromkeys(set(Rail) - set(COLLECTING), second)


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
    assert set(profile.operations) == {InstructionKind.PAY, InstructionKind.CANCEL}


def test_the_profile_survives_being_stored() -> None:
    assert type(PROFILE).model_validate_json(PROFILE.model_dump_json()) == PROFILE


async def test_the_registry_makes_the_partner() -> None:
    clock = StillClock()
    partner = Partners.registrations()["currencycloud"].make(
        ACCOUNT,
        Workplace(clock, FakeLoginBook(), FakePreparedBook(), partial(Transport, clock=clock)),
    )
    assert partner.profile == HERE
    assert partner.login == ACCOUNT.login
    await partner.close()


def test_another_port_or_login_is_another_place() -> None:
    given = profile_of(ACCOUNT).environment
    for change in (
        {"base_url": f"{ACCOUNT.base_url}:8443"},
        {"base_url": ACCOUNT.base_url.replace("https", "http")},
        {"base_url": "https://devapi.test"},
        {"login_id": "another@finality.test"},
    ):
        assert not is_same_place(given, profile_of(ACCOUNT.model_copy(update=change)).environment)
    by_default = ACCOUNT.model_copy(update={"base_url": f"{ACCOUNT.base_url}:443/"})
    assert is_same_place(given, profile_of(by_default).environment)


def test_a_login_that_a_person_names_as_former_is_the_same_place() -> None:
    given = profile_of(ACCOUNT).environment
    new = {"login_id": "new@finality.test", "former_login_ids": (ACCOUNT.login_id,)}
    today = profile_of(ACCOUNT.model_copy(update=new))
    assert is_same_place(given, today.environment, today.formerly)


def test_a_simulator_is_known_by_its_book_whatever_its_port() -> None:
    here = ACCOUNT.model_copy(
        update={"base_url": "http://127.0.0.1:8235", "simulated": True, "book": "b1"}
    )
    given = profile_of(here).environment
    restarted = here.model_copy(update={"base_url": "http://127.0.0.1:9999"})
    assert is_same_place(given, profile_of(restarted).environment)
    fresh = here.model_copy(update={"book": "b2"})
    assert not is_same_place(given, profile_of(fresh).environment)


def test_what_the_first_releases_kept_of_a_place_is_its_host_alone() -> None:
    today = profile_of(ACCOUNT).environment
    assert is_same_place("cc.test", today)
    assert not is_same_place("api.currencycloud.com", today)
    assert is_same_place("", today)


def test_the_login_is_not_shown_in_the_clear() -> None:
    assert ACCOUNT.login_id not in profile_of(ACCOUNT).environment
