"""`finality consents` and `finality consent`, from the store alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from domain.consents.report import ConsentState
from domain.lifecycle.grants import Grant
from regimes.consents import Regime, terms_on
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


def test_consents_are_listed_and_those_to_be_renewed_first(connected: Home) -> None:
    rows = connected.run("consents", "--json").rows
    assert {row["consent_id"] for row in rows} == {CONSENT, "con_2"}
    (row,) = connected.run("consents", "--renew-within", "10", "--json").rows
    assert (row["consent_id"], row["state"], row["may_read"]) == (CONSENT, "active", True)
    assert CONSENT in connected.run("consents", "--tenant", "shop", "--user", "u-1").out
    assert connected.run("consents", "--tenant", "another").out == "No consents.\n"
    assert connected.run("consents", "--user", "u-1").code == 2


def test_a_consent_is_shown_with_what_was_granted(connected: Home) -> None:
    shown = connected.run("consent", "show", CONSENT).out
    for word in ("Connected", "balances", "renew by", "permission transactions was taken out"):
        assert word in shown
    assert "wilhelmina" not in shown
    unknown = connected.run("consent", "show", "con_9")
    assert (unknown.code, unknown.err) == (
        2,
        "finality: there is no such consent; `finality consents` shows the consents\n",
    )
    assert connected.run("show", CONSENT).code == 2


def test_only_a_confirmation_with_us_can_be_recorded_here(connected: Home) -> None:
    (row,) = connected.run("consent", "renew", "con_2", "--json").rows
    assert (row["consent_id"], row["state"]) == ("con_2", "active")
    refused = connected.run("consent", "renew", CONSENT)
    assert refused.code == 2
    assert "needs the user's browser" in refused.err


def test_a_consent_is_ended(connected: Home) -> None:
    ended = connected.run("consent", "revoke", "con_2", "--command-id", "e", "--why", "asked")
    assert ended.code == 0
    assert "Nothing is read any more" in ended.out
    again = connected.run("consent", "revoke", "con_2", "--command-id", "e", "--why", "asked")
    assert again.code == 0
    other = connected.run("consent", "revoke", "con_2", "--command-id", "e", "--why", "other")
    assert other.code == 2
