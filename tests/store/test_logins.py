"""A login as all processes share it: one at a time, and none after a refusal."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from store.logins import LEASE, Logins
from tests.clock import SteppedClock
from tests.store.books import KEYRING, Store, opened
from tests.store.processes import together

LOGIN, CREDENTIALS = "me@shop", "hash-of-credentials"


@pytest.fixture
def logins(store: Store, clock: SteppedClock) -> Logins:
    return Logins(store.database, store.keyring, clock, "bank")


def _log_in_wrongly(where: Path | str, meeting: Path, partner_log: Path) -> str:
    """A worker with wrong credentials, as an adapter does it, until it is told to leave it."""
    database = opened(where)
    logins = Logins(database, KEYRING, SteppedClock(), "bank")

    async def work() -> str:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if (why := await logins.claim(LOGIN, CREDENTIALS)) is None:
                with partner_log.open("a") as heard:  # The partner hears a login and refuses.
                    heard.write(f"{os.getpid()}\n")
                await logins.failed(LOGIN, CREDENTIALS, "wrong api key")
            elif why.needs_person:
                return why.why
        return "never told"

    together(meeting, 4)
    try:
        return asyncio.run(work())
    finally:
        database.close()


def test_four_workers_with_wrong_credentials_make_one_failed_login(
    store: Store, tmp_path: Path, processes: ProcessPoolExecutor
) -> None:
    log = tmp_path / "partner.log"
    asked = [
        processes.submit(_log_in_wrongly, store.where, tmp_path / "meeting", log) for _ in range(4)
    ]
    answers = [future.result(60) for future in asked]
    assert len(log.read_text().splitlines()) == 1
    assert all("refused our login (wrong api key)" in answer for answer in answers)


async def test_one_logs_in_and_the_others_take_its_token(
    logins: Logins, store: Store, clock: SteppedClock
) -> None:
    other = Logins(store.database, KEYRING, clock, "bank")
    assert await logins.claim(LOGIN, CREDENTIALS) is None
    busy = await other.claim(LOGIN, CREDENTIALS)
    assert busy is not None
    assert not busy.needs_person
    await logins.succeeded(LOGIN, CREDENTIALS, "t1")
    assert await other.token(LOGIN, CREDENTIALS) == "t1"


async def test_the_lease_of_a_process_that_died_runs_out(
    logins: Logins, clock: SteppedClock
) -> None:
    assert await logins.claim(LOGIN, CREDENTIALS) is None
    clock.step(LEASE - timedelta(seconds=1))
    assert await logins.claim(LOGIN, CREDENTIALS) is not None
    clock.step(timedelta(seconds=1))
    assert await logins.claim(LOGIN, CREDENTIALS) is None


async def test_only_the_token_that_was_refused_is_dropped(logins: Logins) -> None:
    await logins.claim(LOGIN, CREDENTIALS)
    await logins.succeeded(LOGIN, CREDENTIALS, "t2")
    await logins.drop(LOGIN, "t1")
    assert await logins.token(LOGIN, CREDENTIALS) == "t2"
    await logins.drop(LOGIN, "t2")
    assert await logins.token(LOGIN, CREDENTIALS) is None
    assert await logins.claim(LOGIN, CREDENTIALS) is None


async def test_other_credentials_open_a_refused_login_again(logins: Logins) -> None:
    await logins.claim(LOGIN, CREDENTIALS)
    await logins.failed(LOGIN, CREDENTIALS, "wrong")
    refused = await logins.claim(LOGIN, CREDENTIALS)
    assert refused is not None
    assert refused.needs_person
    assert await logins.refused(LOGIN) is not None
    assert await logins.claim(LOGIN, "new credentials") is None
    await logins.succeeded(LOGIN, "new credentials", "t1")
    assert await logins.refused(LOGIN) is None


async def test_a_token_belongs_to_its_credentials(logins: Logins) -> None:
    await logins.claim(LOGIN, CREDENTIALS)
    await logins.succeeded(LOGIN, CREDENTIALS, "t1")
    assert await logins.token(LOGIN, "other credentials") is None
    assert await logins.token("somebody else", CREDENTIALS) is None


async def test_a_person_may_allow_one_more_login(logins: Logins) -> None:
    assert not await logins.forget(LOGIN)
    await logins.claim(LOGIN, CREDENTIALS)
    await logins.failed(LOGIN, CREDENTIALS, "wrong")
    assert await logins.forget(LOGIN)
    assert await logins.claim(LOGIN, CREDENTIALS) is None


@pytest.mark.parametrize(
    ("worked_before", "may_have_counted", "pause"),
    [
        (True, True, timedelta(seconds=5)),
        (False, False, timedelta(seconds=5)),
        # Perhaps wrong, perhaps counted: four of these in a short time would lock the account.
        (False, True, timedelta(minutes=15)),
    ],
)
async def test_an_unclear_login_is_not_repeated_at_once(
    logins: Logins,
    clock: SteppedClock,
    worked_before: bool,
    may_have_counted: bool,
    pause: timedelta,
) -> None:
    await logins.claim(LOGIN, CREDENTIALS)
    if worked_before:
        await logins.succeeded(LOGIN, CREDENTIALS, "t1")
        await logins.claim(LOGIN, CREDENTIALS)
    await logins.unclear(LOGIN, CREDENTIALS, may_have_counted=may_have_counted)
    clock.step(pause - timedelta(seconds=1))
    assert await logins.claim(LOGIN, CREDENTIALS) is not None
    clock.step(timedelta(seconds=1))
    assert await logins.claim(LOGIN, CREDENTIALS) is None


async def test_other_credentials_need_not_wait(logins: Logins) -> None:
    await logins.claim(LOGIN, CREDENTIALS)
    await logins.unclear(LOGIN, CREDENTIALS, may_have_counted=True)
    assert await logins.claim(LOGIN, "corrected credentials") is None
