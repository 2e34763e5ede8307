"""Attacks on the login: four refused ones lock the account at the partner."""

from __future__ import annotations

from store.logins import Logins
from tests.clock import SteppedClock
from tests.store.books import Store

LOGIN, OLD, NEW = "me@shop", "hash-of-old", "hash-of-new"


async def test_two_workers_with_different_keys_fail_once(store: Store, clock: SteppedClock) -> None:
    """A new key is rolled out: one worker has it, the other still logs in with the revoked one."""
    logins = Logins(store.database, store.keyring, clock, "bank")
    refused = 0
    for _ in range(6):
        for credentials in (OLD, NEW):
            if await logins.token(LOGIN, credentials):
                continue
            if await logins.claim(LOGIN, credentials) is not None:
                continue
            if credentials == OLD:
                refused += 1
                await logins.failed(LOGIN, credentials, "revoked")
            else:
                await logins.succeeded(LOGIN, credentials, "t1")
    assert refused == 1
    assert await logins.token(LOGIN, NEW) == "t1"


async def test_a_refusal_of_old_credentials_does_not_stop_the_new_ones(
    store: Store, clock: SteppedClock
) -> None:
    """The old worker's refusal arrives after the new one has logged in."""
    logins = Logins(store.database, store.keyring, clock, "bank")
    assert await logins.claim(LOGIN, OLD) is None
    assert await logins.claim(LOGIN, NEW) is None
    await logins.succeeded(LOGIN, NEW, "t1")
    await logins.failed(LOGIN, OLD, "revoked")
    assert await logins.token(LOGIN, NEW) == "t1"
    stopped = await logins.claim(LOGIN, OLD)
    assert stopped is not None
    assert stopped.needs_person
    assert await logins.forget(LOGIN), "a person may allow it again"
    assert await logins.claim(LOGIN, OLD) is None
