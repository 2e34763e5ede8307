"""What a command loads before it does anything: processor time that a person waits for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from store.keyring import Keyring
from tests.conftest import ROOT

#: Half of a second and more together; only what talks to Temporal, a partner or a page needs them.
_DEAR: Final = ("temporalio", "httpx", "alembic", "uvicorn", "starlette", "lxml", "jinja2")


def _loaded(home: Path, *command: str) -> set[str]:
    """Packages that a command has loaded when it ends."""
    program = "import sys, cli; sys.argv[0] = 'finality'; cli.main()"
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program, *command],
        cwd=ROOT,
        env={**os.environ, "FINALITY_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode in (0, 2), ran.stderr
    names = (line.rpartition("|")[2].strip() for line in ran.stderr.splitlines())
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("command", [("list",), ("tasks",), ("halts",), ("show", "pay_none")])
def test_a_command_that_reads_the_store_loads_no_library_that_acts(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    Keyring.make(tmp_path / "keyring")
    _loaded(tmp_path, "list")  # The first command makes the tables, with Alembic.
    loaded = _loaded(tmp_path, *command)
    assert "store" in loaded
    assert not loaded.intersection(_DEAR)


def test_only_the_console_loads_pages() -> None:
    program = (
        "import sys, api_server, assembly, cli, listener, worker\n"
        "print([name for name in sys.modules if name.startswith(('jinja2', 'starter.console'))])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"
