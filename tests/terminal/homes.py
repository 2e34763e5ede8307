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

from pydantic import SecretStr

from assembly import assembled
from domain.report import PaymentState
from settings import Settings
from store.keyring import Keyring
from tests.clock import SteppedClock
from tests.store.books import Store
from tests.terminal.conftest import Ran, Terminal

ALICE, BOB = "alices secret", "bobs own secret"
OPERATORS = {"FINALITY_OPERATORS__ALICE": ALICE, "FINALITY_OPERATORS__BOB": BOB}
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
        operators = {"alice": SecretStr(ALICE), "bob": SecretStr(BOB)}
        return Settings(
            home=self.terminal.home,
            operators=operators,
            temporal_address=AWAY["FINALITY_TEMPORAL_ADDRESS"],
        )

    def run(self, *arguments: str, **environment: str) -> Ran:
        """The command, with two operators in the settings and no Temporal server."""
        return self.terminal.run(*arguments, **{**OPERATORS, **AWAY, **environment})

    def signed(self, *arguments: str, secret: str = ALICE) -> Ran:
        """As somebody who has the secret in the environment."""
        return self.run(*arguments, FINALITY_OPERATOR_SECRET=secret)


@contextmanager
def home(path: Path) -> Iterator[Home]:
    """A fresh one, its clock at this moment."""
    Keyring.make(path / "keyring")
    clock = SteppedClock(datetime.now(UTC))
    store = Store(path / "finality.db", clock, Keyring.read(path / "keyring"))
    try:
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


def typed(home: Home, *arguments: str, secret: str) -> tuple[int, str]:
    """The command on a terminal of its own, the secret typed where it asks: code and screen."""
    environment = {k: v for k, v in os.environ.items() if k != "FINALITY_OPERATOR_SECRET"}
    environment |= {**OPERATORS, **AWAY, "FINALITY_HOME": str(home.terminal.home), "COLUMNS": "200"}
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
            if not is_typed and b"Secret of" in shown:
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
