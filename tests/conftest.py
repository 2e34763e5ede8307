"""Fixtures every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.postgresql import PostgreSQL

ROOT = Path(__file__).resolve().parent.parent


# How long an example takes is the machine's business, which may have other work.
settings.register_profile("finality", deadline=None)
settings.load_profile("finality")


#: Files in here run whole processes for minutes. If one began last, it would run on alone.
_LONG = ("tests/judges/", "tests/proof/", "tests/journeys/", "tests/terminal/", "tests/workflows/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin the files that take longest first; the order within a file stays."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A server for the whole run; each test makes a database of its own there."""
    server = PostgreSQL()
    yield server
    server.close()


@pytest.fixture(scope="session")
def specs() -> Path:
    """The folder of official specifications and recordings, which this repository may not ship.

    If it is absent, a test that needs it is skipped with the reason. In CI it fails instead, so
    that a green run there means that the specifications were really read.
    """
    folder = Path(os.environ.get("FINALITY_SPECS", ROOT.parent / "shared" / "specs"))
    if folder.is_dir():
        return folder
    reason = (
        f"no folder of official specifications at {folder}; docs/specifications.md says where to "
        "download them. Set FINALITY_SPECS to their folder"
    )
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
