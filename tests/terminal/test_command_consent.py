"""`finality consents` and `finality consent`, from the store alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.consents.report import ConsentState
from domain.lifecycle.grants import Grant
from regimes.consents import Regime, terms_on
from terminal.commanding import AS_WISHED, NOTHING_RECORDED
from terminal.consent import confirm_consent, list_consents, revoke_consent, show_consent
from tests.store.test_consents import CONSENT, Desk
from tests.terminal.homes import Home, home

S = ConsentState
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with two active consents: of PSD2, and of the United Kingdom."""
    path: Path = tmp_path_factory.mktemp("home")
    with home(path) as made:
        desk = Desk(made.store.database, made.store.clock, made.store.keyring)

        async def prepare() -> None:
            now = made.store.clock.now()
            until = Grant(valid_until=now + 9 * DAY, permissions=("balances",))
            await desk.ask()
            await desk.hear(S.ACTIVE, grant=until)
            await desk.ask("con_2", key="k2", regime="uk", terms=terms_on(Regime.UK, now.date()))
            await desk.hear(S.ACTIVE, "con_2")

        asyncio.run(prepare())
        yield made


def test_the_commands_are_there(connected: Home) -> None:
    rows = connected.run("consents", "--json").rows
    assert {row["consent_id"] for row in rows} == {CONSENT, "con_2"}
    unknown = connected.run("consent", "show", "con_9")
    assert unknown.code == NOTHING_RECORDED
    assert "there is no such consent; `finality consents` shows" in unknown.err


async def test_consents_are_listed_by_user_and_by_the_time_to_renew(
    connected: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    async def listed(*of: Any, as_json: bool = True) -> str:
        await list_consents(connected.settings, *of, limit=9, as_json=as_json)
        return capsys.readouterr().out

    row = json.loads(await listed(None, None, 10))
    assert (row["consent_id"], row["state"], row["may_read"]) == (CONSENT, "active", True)
    assert CONSENT in await listed("shop", "u-1", None, as_json=False)
    assert await listed("another", None, None, as_json=False) == "No consents.\n"


async def test_a_consent_is_shown_with_what_was_granted(
    connected: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await show_consent(connected.settings, CONSENT, as_json=False) == AS_WISHED
    shown = " ".join(capsys.readouterr().out.split())
    for words in ("Connected", "granted balances", "permission transactions was taken out"):
        assert words in shown
    assert "wilhelmina" not in shown


async def test_only_a_confirmation_with_us_can_be_recorded_here(
    connected: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = connected.settings
    assert await confirm_consent(settings, "con_2", "r", as_json=True) == AS_WISHED
    assert json.loads(capsys.readouterr().out)["state"] == "active"
    assert await confirm_consent(settings, CONSENT, "r", as_json=False) == NOTHING_RECORDED
    assert "needs the user's browser" in capsys.readouterr().err


async def test_a_consent_is_ended_once(connected: Home, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        ended = await revoke_consent(connected.settings, "con_2", "e", "asked", as_json=False)
        assert ended == AS_WISHED
        assert "Nothing is read any more" in " ".join(capsys.readouterr().out.split())
    other = await revoke_consent(connected.settings, "con_2", "e", "other", as_json=False)
    assert other == NOTHING_RECORDED
