"""The environment of the judges: programs that see nothing of us but the address of the API."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import ROOT

_FOLDER: Final = ROOT / ".judges"


def judges() -> Path:
    """The Python of that environment.

    Where it is absent, a test that needs it is skipped with the reason; in CI it fails.
    """
    python = _FOLDER / "bin" / "python"
    if python.exists():
        return python
    reason = f"no environment of judges at {_FOLDER}; `make test` makes it"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def judged(
    *arguments: str | Path, within: float, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the environment's Python. Nothing of ours is on its path."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [judges(), *arguments],
        cwd=cwd,
        env={**given, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=within,
    )
