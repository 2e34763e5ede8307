"""A second keyring on one store, in real processes: nothing is acknowledged, nothing is stopped."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from local.demo_file import DEBTOR_IBAN, demo_file
from local.stack import Ports, Stack
from store.finding import ANYTHING
from store.keyring import Keyring, KeyringError, new_line
from tests.clock import SteppedClock
from tests.postgresql import PostgreSQL
from tests.store.books import Store
from tests.terminal.conftest import Ran, Terminal

ACCOUNT = {"base_url": "http://127.0.0.1:1", "login_id": "l", "api_key": "k", "simulated": True}


@dataclass(frozen=True)
class Shared:
    """One store, sealed by the keyring of a first home, and a second home that reaches it."""

    url: str
    store: Store
    first: Path
    second: Path

    def run(self, *arguments: str, home: Path | None = None) -> Ran:
        """The command in the second home, or another."""
        return Terminal(home or self.second, width=400).run(
            *arguments,
            FINALITY_DATABASE_URL=self.url,
            FINALITY_CURRENCYCLOUD=json.dumps({"a": ACCOUNT}),
            FINALITY_DEBTORS=json.dumps({DEBTOR_IBAN: {"partner_account": "a"}}),
            FINALITY_TEMPORAL_ADDRESS="127.0.0.1:1",
        )

    async def stored(self) -> list[str]:
        found = await self.store.payments.find(ANYTHING, limit=9)
        return [record.payment_id for record in found.records]


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def shared(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shared]:
    server: PostgreSQL | None = None
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    where: Path | str = tmp_path / "shared.db"
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
        where = url = server.database()
    first, second = (tmp_path / name for name in ("first", "second"))
    second.mkdir(mode=0o700)
    Keyring.make(first / "keyring")
    store = Store(where, SteppedClock(), Keyring.read(first / "keyring"))
    await store.accept()
    yield Shared(url, store, first, second)
    store.close()
    if server is not None:
        server.give_back(url)


def _write(home: Path, lines: str) -> Keyring:
    with os.fdopen(os.open(home / "keyring", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(lines)
    return Keyring.read(home / "keyring")


async def test_no_command_does_anything_with_another_keyring(shared: Shared) -> None:
    """A keyring of its own: `pay` acknowledges nothing, a worker does not join, doctor fails."""
    Keyring.make(shared.second / "keyring")
    file = shared.second / "payments.xml"
    file.write_bytes(demo_file(24))
    for command in (["pay", str(file), "--as-of", "2026-03-17", "--wait", "0"], ["worker"]):
        ran = shared.run(*command)
        said = ran.out + ran.err
        assert ran.code == 2, said
        assert str(shared.second / "keyring") in said
        assert shared.store.keyring.current in said
        assert "a keyring is copied, never made a second time" in said
        assert "Traceback" not in said
    examined = shared.run("doctor")
    assert examined.code == 1
    assert "✗ keyring" in examined.out
    assert shared.store.keyring.current in examined.out
    assert await shared.stored() == ["pay_1"]


async def test_another_key_under_the_same_name_is_another_keyring(
    shared: Shared, tmp_path: Path
) -> None:
    """Keyrings that people made by hand have names, and two of them can have one name."""
    named = replace(shared.store, keyring=Keyring(_with_name(shared, b"k" * 32), "2026-1"))
    await named.accept("k2", payment_id="pay_2")
    named.close()
    _write(shared.second, f"2026-1:{base64.b64encode(b'x' * 32).decode()}\n")
    ran = shared.run("list")
    assert ran.code == 2
    assert "another key under the id '2026-1'" in ran.err
    assert "Copy the keyring file" in ran.err


def _with_name(shared: Shared, key: bytes) -> dict[str, bytes]:
    return {"2026-1": key, **shared.store.keyring._keys}


async def test_a_second_machine_makes_no_keyring_of_its_own(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`finality up` in an empty home, with the database of the first."""
    monkeypatch.setenv("FINALITY_DATABASE_URL", shared.url)
    with pytest.raises(KeyringError, match=r"no keyring at .*Copy"):
        async with Stack(shared.second, Ports.free(), {}, say=lambda _: None):
            pass
    assert not (shared.second / "keyring").exists()


async def test_with_one_key_missing_the_list_shows_all_and_doctor_names_it(
    shared: Shared,
) -> None:
    """The second home has rolled its key, and the first was not told."""
    ring = _write(shared.second, new_line("rolled") + (shared.first / "keyring").read_text())
    rolled = replace(shared.store, keyring=ring)
    await rolled.accept("k2", payment_id="pay_2")
    rolled.close()
    rows = {row["payment_id"]: row for row in shared.run("list", "--json", home=shared.first).rows}
    assert rows["pay_1"]["sealed"] is None
    assert f"sealed with key '{ring.current}'" in rows["pay_2"]["sealed"]
    assert rows["pay_2"]["amount_minor"] == rows["pay_1"]["amount_minor"]
    shown = shared.run("show", "pay_2", home=shared.first)
    assert shown.code == 0, shown.err
    assert ring.current in shown.out
    examined = shared.run("doctor", home=shared.first)
    assert examined.code == 1
    assert f"✗ key {ring.current}: not in the keyring; 1 payments" in examined.out
