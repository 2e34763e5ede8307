"""What `finality doctor` says of clocks: ours, the database's, Temporal's and each worker's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.temporal_server import DevServer
from store.clocks import StoreClocks
from store.database import Database
from store.keyring import Keyring
from store.schema import upgrade
from tests.postgresql import PostgreSQL
from tests.workflows.conftest import server

__all__ = ["server"]

DAYS = timedelta(days=15)


@pytest.fixture
def url(postgresql: PostgreSQL) -> Iterator[str]:
    made = postgresql.database()
    yield made
    postgresql.give_back(made)


def _doctor(home: Path, server: DevServer, url: str, ahead: timedelta) -> list[str]:
    """What it prints where its own clock is so far ahead."""
    Keyring.make(home / "keyring")
    shift = home / "shift"
    shift.write_text(str(ahead.total_seconds()))
    ran = subprocess.run(
        [sys.executable, "-m", "tests.proof.shifted_worker", str(shift), "doctor"],
        env={
            **os.environ,
            "FINALITY_HOME": str(home),
            "FINALITY_DATABASE_URL": url,
            "FINALITY_TEMPORAL_ADDRESS": server.address,
            "COLUMNS": "400",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert ran.returncode == 1, "no worker runs, at least"
    found = [
        line for line in ran.stdout.splitlines() if line[2:].startswith("clock") or "→" in line
    ]
    assert found, ran.stdout + ran.stderr
    return found


async def test_a_clock_that_agrees_is_shown_beside_both(
    server: DevServer, tmp_path: Path, url: str
) -> None:
    lines = _doctor(tmp_path, server, url, timedelta(0))
    lines = [line for line in lines if line.startswith("✓ clock:")]
    assert "beside the database's clock" in lines[0]
    assert "beside Temporal's clock" in lines[1]


async def test_a_wrong_clock_fails_with_its_difference_and_the_remedy(
    server: DevServer, tmp_path: Path, url: str
) -> None:
    text = "\n".join(_doctor(tmp_path, server, url, DAYS))
    for other in ("the database's clock", "Temporal's clock"):
        # A moment passes between the two readings.
        assert re.search(rf"✗ clock: \+1,29[56],\d{{3}}\.\d s beside {other}", text), text
    assert "NTP" in text


async def test_what_a_worker_found_is_shown(server: DevServer, tmp_path: Path, url: str) -> None:
    database = Database(url)
    upgrade(database)
    clocks, now = StoreClocks(database), datetime.now(UTC)
    for name, ahead in (("right/1", timedelta(0)), ("behind/2", -timedelta(hours=1))):
        await clocks.keep(name, now, ahead_of_temporal=ahead, ahead_of_database=ahead)
    database.close()
    text = "\n".join(_doctor(tmp_path, server, url, timedelta(0)))
    assert "✓ clock of right/1: 0 s beside Temporal's clock" in text
    assert "✗ clock of behind/2: -3,600.0 s beside Temporal's clock" in text
