"""A machine for each test of where servers come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import sdk_download
from tests.local.machine import NOWHERE, Machine


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(
        bin=tmp_path / "bin",
        cache=tmp_path / "cache",
        calls=tmp_path / "calls",
        go_on=tmp_path / "go-on",
    )
    made.bin.mkdir()
    monkeypatch.setenv("PATH", str(made.bin))
    monkeypatch.setenv("FINALITY_CACHE", str(made.cache))
    monkeypatch.delenv("FINALITY_TEMPORAL_BINARY", raising=False)
    monkeypatch.delenv("FINALITY_TEST_SERVER_BINARY", raising=False)
    monkeypatch.setattr(sdk_download, "HOST", NOWHERE)
    return made
