"""One running stack for all commands, and the command as a person runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from local.demo_file import DEBTOR_IBAN
from local.stack import Ports, Stack
from store.keyring import Keyring

#: Debtors of the published sample files.
SAMPLE_DEBTORS = ("DE87200500001234567890", "DE89370400440532013000")


@dataclass(frozen=True)
class Ran:
    """What a command printed, without colours, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The objects of `--json`."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Terminal:
    """Runs `finality` in a process of its own."""

    home: Path
    width: int = 200

    def run(self, *arguments: str, **environment: str) -> Ran:
        ran = subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            env={
                **os.environ,
                "FINALITY_HOME": str(self.home),
                "COLUMNS": str(self.width),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def listed(self) -> list[dict[str, Any]]:
        return self.run("list", "--json", "--limit", "10000").rows


@pytest_asyncio.fixture(scope="package")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Everything that `finality up` runs."""
    home = tmp_path_factory.mktemp("terminal")
    debtors = {iban: {"currency": "EUR"} for iban in (DEBTOR_IBAN, *SAMPLE_DEBTORS)}
    async with Stack(home, Ports.free(), debtors, say=lambda _: None) as running:
        yield running


@pytest.fixture
def terminal(stack: Stack) -> Terminal:
    return Terminal(stack.home)


@dataclass(frozen=True)
class Alone:
    """A terminal without servers: what it records stays unsent."""

    terminal: Terminal
    environment: dict[str, str]

    def run(self, *arguments: str, **changed: str) -> Ran:
        return self.terminal.run(*arguments, **{**self.environment, **changed})


@pytest.fixture
def alone(tmp_path: Path) -> Alone:
    Keyring.make(tmp_path / "keyring")
    account = {"base_url": "http://127.0.0.1:1", "login_id": "l", "api_key": "k", "simulated": True}
    environment = {
        "FINALITY_CURRENCYCLOUD": json.dumps({"a": account}),
        "FINALITY_DEBTORS": json.dumps({DEBTOR_IBAN: {"partner_account": "a"}}),
        "FINALITY_TEMPORAL_ADDRESS": "127.0.0.1:1",
    }
    return Alone(Terminal(tmp_path), environment)
