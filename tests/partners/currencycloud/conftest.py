"""A simulator for all tests of a module, and one instruction for each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.conftest import ROOT
from tests.partners.currencycloud.lives import Bank, Life, living


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    book = tmp_path_factory.mktemp("simulator") / "book.db"
    stages = [f"--{stage}-after=1" for stage in ("review", "release", "submit", "complete")]
    command = [sys.executable, "-m", "simulators.currencycloud", "serve", "--port", "0"]
    with subprocess.Popen(
        [*command, "--db", str(book), *stages], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield Bank(process.stdout.readline().split()[-1])
        process.terminate()


@pytest.fixture
def bank(served: Bank) -> Iterator[Bank]:
    """Its time stands still unless a test lets it pass."""
    served.control("clock", {"frozen": True})
    yield served
    httpx.delete(f"{served.address}/_control/faults")


@pytest.fixture
async def life(bank: Bank, request: pytest.FixtureRequest) -> AsyncIterator[Life]:
    async with living(bank, request.node.name) as life:
        yield life
