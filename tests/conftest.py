"""Fixtures every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def specs() -> Path:
    """The folder of official specs and recordings, which this repository may not ship.

    Where it is absent a test that needs it is skipped with the reason; in CI its absence
    is a failure, so that a green run there means the specs were really consulted.
    """
    folder = Path(os.environ.get("FINALITY_SPECS", ROOT.parent / "shared" / "specs"))
    if folder.is_dir():
        return folder
    reason = f"specs folder not found at {folder}; set FINALITY_SPECS to where it is"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
