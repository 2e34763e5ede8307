"""A home without any server, and payments put into its store as if they had run."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assembly import assembled
from domain.payments.report import PaymentState
from settings import Settings
from starter.signing import make_key
from store.database import Database
from store.enrolment import enrol
from store.keyring import Keyring
from tests.clock import SteppedClock
from tests.store.books import Store
from tests.terminal.conftest import Ran, Terminal

#: What opens the keys of alice and bob.
ALICE, BOB = "alices passphrase", "bobs own passphrase"
PASSPHRASES = {"alice": ALICE, "bob": BOB}
#: Nothing listens there: what is recorded is told later.
AWAY = {"FINALITY_TEMPORAL_ADDRESS": "127.0.0.1:1"}


@dataclass(frozen=True)
class Home:
    """A store on disk that both the test and the command open."""

    terminal: Terminal
    store: Store

    @property
    def settings(self) -> Settings:
        """As the command reads them: for what is called without a process of its own."""
        return Settings(home=self.terminal.home, temporal_address=AWAY["FINALITY_TEMPORAL_ADDRESS"])

    def run(self, *arguments: str, **environment: str) -> Ran:
        """The command, without a Temporal server."""
        return self.terminal.run(*arguments, **{**AWAY, **environment})

    def signed(self, *arguments: str, key_of: str = "alice") -> Ran:
        """As somebody who has that person's key, and its passphrase in a file."""
        return self.run(*arguments, **as_operator(self.terminal.home, key_of))


def enrolled(home: Path) -> None:
    """Make keys for alice and bob in a home, and have them be its operators."""
    public = []
    for name, passphrase in PASSPHRASES.items():
        file = home / "keys" / f"{name}.key"
        public.append(make_key(file, name, passphrase.encode()).public)
        file.with_suffix(".passphrase").write_text(f"{passphrase}\n")
    database = Database(Settings(home=home).database)
    database.write_now(lambda session: enrol(session, public, datetime.now(UTC)))
    database.close()


def as_operator(home: Path, name: str) -> dict[str, str]:
    """The environment of who signs with that person's key: only places of files are in it."""
    file = home / "keys" / f"{name}.key"
    return {
        "FINALITY_OPERATOR_KEY_FILE": str(file),
        "FINALITY_OPERATOR_PASSPHRASE_FILE": str(file.with_suffix(".passphrase")),
    }


@contextmanager
def home(path: Path) -> Iterator[Home]:
    """A fresh one, its clock at this moment."""
    Keyring.make(path / "keyring")
    clock = SteppedClock(datetime.now(UTC))
    store = Store(path / "finality.db", clock, Keyring.read(path / "keyring"))
    try:
        enrolled(path)
        yield Home(Terminal(path), store)
    finally:
        store.close()


def written(home: Home, *arguments: str) -> bytes:
    """What the command writes, byte by byte."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        env={**os.environ, "FINALITY_HOME": str(home.terminal.home)},
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout


def typed(home: Home, *arguments: str, secret: str, key_of: str = "alice") -> tuple[int, str]:
    """The command on a terminal of its own, the passphrase typed where it asks: code and screen."""
    key = as_operator(home.terminal.home, key_of)["FINALITY_OPERATOR_KEY_FILE"]
    environment = {
        **os.environ, **AWAY, "FINALITY_HOME": str(home.terminal.home), "COLUMNS": "200",
        "FINALITY_OPERATOR_KEY_FILE": key,
    }  # fmt: skip
    controller, screen = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments],
        env=environment, stdin=screen, stdout=screen, stderr=screen, start_new_session=True,
    ) as running:  # fmt: skip
        os.close(screen)
        shown = b""
        is_typed = False
        while True:
            try:
                more = os.read(controller, 4096)
            except OSError:  # The other end is closed: it has ended.
                break
            if not more:
                break
            shown += more
            if not is_typed and b"Passphrase of" in shown:
                os.write(controller, f"{secret}\n".encode())
                is_typed = True
        code = running.wait(60)
    os.close(controller)
    return code, shown.decode()


async def in_state(home: Path, payment_id: str, state: PaymentState) -> None:
    """Until the payment of a running stack is in that state; fails after a minute."""
    async with assembled(Settings(home=home)) as assembly:
        record = await assembly.orchestrator.wait(
            payment_id,
            lambda found: found.payment.state is state,
            deadline=assembly.clock.now() + timedelta(minutes=1),
            tenant=None,
        )
    assert record.payment.state is state


def sign_as(monkeypatch: pytest.MonkeyPatch, home: Path, name: str) -> None:
    """Have this process sign with that person's key."""
    for variable, value in as_operator(home, name).items():
        monkeypatch.setenv(variable, value)
