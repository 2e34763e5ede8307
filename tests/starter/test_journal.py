"""The journal is on the disk before anything is done, and outlives its writer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from starter.journal import Journal
from tests.conftest import ROOT
from tests.fakes import CREDITOR_IBAN, order

WRITES_AND_IS_KILLED = """
import os, pathlib, signal, sys
from starter.journal import Journal
from tests.fakes import order

journal = Journal(pathlib.Path(sys.argv[1]))
journal.intend("k1", order())
journal.acknowledged("k1", "pay_1")
journal.intend("k2", order())
os.kill(os.getpid(), signal.SIGKILL)
"""


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_line_is_synced_before_the_call_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    synced: list[int] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(len(_lines(path)))  # What a crash right after would leave.
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    with Journal(path) as journal:
        journal.intend("k1", order())
        assert synced == [1]
        journal.acknowledged("k1", "pay_1")
        assert synced == [1, 2]


def test_what_was_wanted_and_told_is_in_it_in_that_order(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        journal.intend("k1", order())
        journal.acknowledged("k1", "pay_1")
    wanted, told = _lines(path)
    assert wanted["intended"] == "k1"
    assert (wanted["amount_minor"], wanted["currency"]) == (12_345, "EUR")
    assert wanted["creditor_account"] == CREDITOR_IBAN
    assert told == {"acknowledged": "k1", "payment_id": "pay_1"}


def test_a_killed_client_leaves_what_it_had_intended(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    done = subprocess.run(
        [sys.executable, "-c", WRITES_AND_IS_KILLED, str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert [line.get("intended") for line in _lines(path)] == ["k1", None, "k2"]


def test_it_is_continued_and_its_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    for key in ("k1", "k2"):
        with Journal(path) as journal:
            journal.intend(key, order())
    assert [line["intended"] for line in _lines(path)] == ["k1", "k2"]
    assert path.stat().st_mode & 0o777 == 0o600
